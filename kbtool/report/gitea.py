"""Gitea and Forgejo Actions: the same commands, and the place in the message.

Their runners take `::error …::` and hand it on as it is (`handleCommand` of act_runner's and
forgejo-runner's `reporter.go`). Nothing becomes an annotation; Gitea's log view shows the line as
an error without its properties (`LogLineCmdPattern` of its front end), and older ones show it
whole. So the message alone must say where; it stays one line, for not every version unescapes it.
"""

from collections.abc import Iterator

from kbtool.report.answer import Answer
from kbtool.report.github import command, place_properties


def gitea(answer: Answer) -> Iterator[str]:
    """Yield `::error file=…,line=…::path:line:column: KB101 dead-link: message`."""
    for each in answer.shown():
        said = f"{answer.folder}{each.path}:{each.place.line}:{each.place.column}: "
        said += f"{each.rule} {each.name}: {each.message}"
        said += f" ({each.help})" if each.help else ""
        yield command(each.severity, place_properties(answer, each), " ".join(said.split()))
