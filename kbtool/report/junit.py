"""JUnit XML: one test case a page, failed where a finding fails the run.

There is no standard; what is written fits the schema of Jenkins' xUnit plugin (`junit-10.xsd`).
"""

import re
from collections.abc import Iterable, Iterator
from posixpath import dirname
from typing import Final
from xml.etree import ElementTree as ET

from kbtool.report.answer import Answer, Shown

_NO_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(answer: Answer) -> Iterator[str]:
    """Yield the document."""
    by_page: dict[str, list[Shown]] = {path: [] for path in answer.pages}
    for each in answer.shown():
        by_page.setdefault(each.path, []).append(each)
    cases = [_case(answer, path, found) for path, found in sorted(by_page.items())]
    failed = sum(case.find("failure") is not None for case in cases)
    numbers = {"tests": str(len(cases)), "failures": str(failed), "errors": "0"}
    suites = ET.Element("testsuites", {"name": "kbtool lint", **numbers})
    ET.SubElement(suites, "testsuite", {"name": "kbtool lint", **numbers}).extend(cases)
    ET.indent(suites)
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield ET.tostring(suites, encoding="unicode")


def _case(answer: Answer, path: str, found: Iterable[Shown]) -> ET.Element:
    name = _clean(answer.folder + path)
    case = ET.Element("testcase", {"classname": dirname(name) or ".", "name": name})
    failing = [each for each in found if answer.fails(each.severity)]
    others = [each for each in found if not answer.fails(each.severity)]
    if failing:
        more = f" and {len(failing) - 1} more" if len(failing) > 1 else ""
        message = _clean(f"{failing[0].rule} {failing[0].name}: {failing[0].message}{more}")
        failure = ET.SubElement(case, "failure", {"type": failing[0].rule, "message": message})
        failure.text = _lines(failing)
    if others:
        ET.SubElement(case, "system-out").text = _lines(others)
    return case


def _lines(found: Iterable[Shown]) -> str:
    return "".join(_clean(line) + "\n" for each in found for line in _said(each))


def _said(each: Shown) -> Iterator[str]:
    place = each.place
    yield f"{each.path}:{place.line}:{place.column}: {each.rule} {each.name}: {each.message}"
    if each.help:
        yield f"    {each.help}"


def _clean(text: str) -> str:
    """Return the text without characters XML has no way to write."""
    return _NO_XML.sub("\ufffd", text)
