"""The formats of lint's answer. Read top to bottom in --help."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any, Final

from kbtool.report.answer import Answer
from kbtool.report.findings import answer_json, concise, statistics, text

Format = Callable[[Answer], Iterable[str]]  # an answer → lines


def _counted(lines: Format) -> Format:
    return lambda answer: statistics(answer) if answer.counted else lines(answer)


def _json(data: Callable[[Answer], Any]) -> Format:
    def lines(answer: Answer) -> Iterator[str]:
        import json

        yield json.dumps(data(answer), ensure_ascii=False, indent=2)

    return lines


def _late(name: str) -> Callable[[Answer], Any]:
    """Return the function of that name of the module of that name, imported when it is asked."""

    def made(answer: Answer) -> Any:
        return getattr(import_module(f"kbtool.report.{name}"), name)(answer)

    return made


FORMATS: Final[Mapping[str, Format]] = {
    "text": _counted(text),
    "concise": _counted(concise),
    "json": _json(answer_json),
    "sarif": _json(_late("sarif")),
    "github": _late("github"),
    "gitea": _late("gitea"),
    "junit": _late("junit"),
}
FOR_PEOPLE: Final = ("text", "concise")
COUNTING: Final = (*FOR_PEOPLE, "json")
