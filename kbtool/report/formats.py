"""The formats of lint's answer. Read top to bottom in --help."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from kbtool.report.answer import Answer
from kbtool.report.findings import answer_json, concise, statistics, text
from kbtool.report.gitea import gitea
from kbtool.report.github import github
from kbtool.report.junit import junit
from kbtool.report.sarif import sarif

Format = Callable[[Answer], Iterable[str]]  # an answer → lines


def _counted(lines: Format) -> Format:
    return lambda answer: statistics(answer) if answer.counted else lines(answer)


def _json(data: Callable[[Answer], Any]) -> Format:
    def lines(answer: Answer) -> Iterator[str]:
        yield json.dumps(data(answer), ensure_ascii=False, indent=2)

    return lines


FORMATS: Final[Mapping[str, Format]] = {
    "text": _counted(text),
    "concise": _counted(concise),
    "json": _json(answer_json),
    "sarif": _json(sarif),
    "github": github,
    "gitea": gitea,
    "junit": junit,
}
FOR_PEOPLE: Final = ("text", "concise")
COUNTING: Final = (*FOR_PEOPLE, "json")
