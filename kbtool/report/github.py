"""GitHub Actions: one workflow command a finding, which becomes an annotation at its place.

Format: docs.github.com, "Workflow commands for GitHub Actions"; escapes: `escapeData` and
`escapeProperty` of the actions toolkit. The runner takes columns only where both ends are on one
line, and shows ten errors and ten warnings of a step as annotations; the log has all.
"""

from collections.abc import Iterator, Mapping

from kbtool.report.answer import Answer, Shown


def github(answer: Answer) -> Iterator[str]:
    """Yield `::error file=…,line=…::message`."""
    for each in answer.shown():
        properties = place_properties(answer, each) | {"title": f"{each.rule} {each.name}"}
        message = f"{each.message}\n{each.help}" if each.help else each.message
        yield command(each.severity, properties, message)


def place_properties(answer: Answer, shown: Shown) -> dict[str, str]:
    """Return where a finding is, as the commands take it; their ends are inclusive."""
    place = shown.place
    found = {"file": answer.folder + shown.path, "line": str(place.line)}
    if place.end_line != place.line:
        # an end at the start of a line means the line before
        return found | {"endLine": str(place.end_line - (place.end_column == 1))}
    last = max(place.column, place.end_column - 1)
    return found | {"endLine": str(place.line), "col": str(place.column), "endColumn": str(last)}


def command(name: str, properties: Mapping[str, str], message: str) -> str:
    """Return a workflow command on one line, whatever its values hold."""
    said = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{name} {said}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
