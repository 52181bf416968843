"""Every format of lint's answer, held against its own schema or grammar."""

import json
import re
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import jsonschema
import pytest
import xmlschema
from hypothesis import given
from hypothesis import strategies as st
from support.lint import build, chosen

from kbtool.lint.engine import lint
from kbtool.lint.rule import Finding
from kbtool.report.answer import Answer
from kbtool.report.cover import Cover
from kbtool.report.findings import counts, summary
from kbtool.report.formats import FORMATS
from kbtool.report.github import command
from kbtool.text import Edit, Span

SCHEMAS = Path(__file__).parents[1] / "data/schemas"
SARIF = json.loads((SCHEMAS / "sarif-schema-2.1.0.json").read_text())
JUNIT = xmlschema.XMLSchema(SCHEMAS / "junit-10.xsd")
TREE = {
    "vibe/README.md": "**v**\n\n# v\n\n- [a](a.md)\n- [b](bücher/b.md)\n",
    "vibe/a.md": "[v](README.md) > **A**\n\n# A\n\n> **Status:** Draft\n\n🦉 see [this](gone.md).\n",
    "vibe/bücher/b.md": "[v](../README.md) > **B**\n\n# B\n",
    "vibe/clean.md": "[v](README.md) > **C**\n\n# C\n",
}
RULES = chosen("KB101", "KB107", "KB204", "KB504")
SECRET = "hvs.CAESIJ8kq2vT0y"


def answer(tree=TREE, findings=None, **more):
    kb = build(tree)
    found = lint(kb, RULES).findings if findings is None else findings
    numbers = summary(found, len(kb.pages), 0, 0)
    return Answer(kb, found, Cover(kb, found), numbers, tuple(sorted(kb.pages)), RULES, **more)


def written(form, given):
    return "\n".join(FORMATS[form](given))


def finding(path="vibe/a.md", span=(0, 3), message="m", **more):
    more = {"rule": "KB101", "name": "dead-link", "severity": "error"} | more
    return Finding(path, Span(*span), message, **more)


# ---------------------------------------------------------------------- SARIF
def sarif(given):
    log = json.loads(written("sarif", given))
    jsonschema.validate(log, SARIF)
    return log["runs"][0]


def test_sarif_fits_the_schema_of_oasis():
    run = sarif(answer(notices=("a notice",)))
    assert [r["ruleId"] for r in run["results"]] == ["KB107", "KB204", "KB101"]
    assert run["columnKind"] == "unicodeCodePoints"
    for result in run["results"]:
        rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
        assert rule["id"] == result["ruleId"]
        assert rule["shortDescription"]["text"].endswith(".")
        assert len(rule["fullDescription"]["text"]) > 40


def test_the_schema_refuses_what_is_no_sarif():
    log = json.loads(written("sarif", answer()))
    log["runs"][0]["results"][0]["lvel"] = "error"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(log, SARIF)


def test_sarif_regions_count_code_points_and_end_exclusive():
    run = sarif(answer())
    (dead,) = (r for r in run["results"] if r["ruleId"] == "KB101")
    where = dead["locations"][0]["physicalLocation"]
    line = TREE["vibe/a.md"].splitlines()[where["region"]["startLine"] - 1]
    start, end = where["region"]["startColumn"], where["region"]["endColumn"]
    assert line[start - 1 : end - 1] == "gone.md"
    assert start == len("🦉 see [this](") + 1


def test_sarif_paths_are_uris():
    given = answer(findings=(finding("vibe/bücher/b.md"),), folder="docs of ours/")
    (result,) = sarif(given)["results"]
    artifact = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact["uri"].isascii()
    assert " " not in artifact["uri"]
    assert unquote(artifact["uri"]) == "docs of ours/vibe/bücher/b.md"


def test_sarif_fixes_do_what_fix_does():
    (header,) = (r for r in sarif(answer())["results"] if r["ruleId"] == "KB204")
    (change,) = header["fixes"][0]["artifactChanges"]
    text = TREE["vibe/a.md"]
    lines = text.splitlines(keepends=True)
    for each in reversed(change["replacements"]):
        region = each["deletedRegion"]
        start, end = (
            sum(map(len, lines[: region[f"{side}Line"] - 1])) + region[f"{side}Column"] - 1
            for side in ("start", "end")
        )
        text = text[:start] + each["insertedContent"]["text"] + text[end:]
    assert text == TREE["vibe/a.md"].replace("**Status:** Draft", "**Status**: Draft")


def test_sarif_fingerprints_stay_when_lines_move_and_are_unique():
    def prints(tree):
        return [r["partialFingerprints"] for r in sarif(answer(tree))["results"]]

    before = prints(TREE)
    moved = TREE | {"vibe/a.md": TREE["vibe/a.md"].replace("# A\n", "# A\n\n\n\n")}
    assert prints(moved) == before
    twice = TREE | {"vibe/a.md": TREE["vibe/a.md"] + "\n🦉 see [this](gone.md).\n"}
    found = [each["kbtoolFinding/v1"] for each in prints(twice)]
    assert len(set(found)) == len(found) == len(before) + 1


# ---------------------------------------------------------------------- GitHub, Gitea
COMMAND = re.compile(r"::(?P<name>[a-z]+) (?P<properties>[^:]*)::(?P<message>.*)")


def read_command(line):
    """As the runner does: split first, unescape after."""
    match = COMMAND.fullmatch(line)
    assert match, line
    properties = dict(each.split("=", 1) for each in match["properties"].split(","))

    def plain(text):
        for code, sign in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
            text = text.replace(code, sign)
        return text

    return match["name"], {k: plain(v) for k, v in properties.items()}, plain(match["message"])


@given(st.text(), st.text(), st.text())
def test_a_command_is_one_line_and_reads_back(path, title, message):
    line = command("error", {"file": path, "title": title}, message)
    assert "\n" not in line
    assert "\r" not in line
    assert read_command(line) == ("error", {"file": path, "title": title}, message)


def test_no_message_can_issue_a_command():
    given = answer(findings=(finding(message="x\n::add-mask::y\r\n::error::z"),))
    for form in ("github", "gitea"):
        assert len(written(form, given).splitlines()) == 1


def test_github_names_file_and_both_ends():
    commands = [read_command(line) for line in written("github", answer()).splitlines()]
    name, properties, message = commands[-1]
    assert name == "error"
    assert properties == {
        "file": "vibe/a.md",
        "line": "7",
        "endLine": "7",
        "col": str(len("🦉 see [this](") + 1),
        "endColumn": str(len("🦉 see [this](gone.md")),
        "title": "KB101 dead-link",
    }
    assert "gone.md" in message


def test_github_takes_no_columns_over_several_lines():
    given = answer(findings=(finding(span=(0, 24)), finding(span=(24, 27), severity="warning")))
    one, other = map(read_command, written("github", given).splitlines())
    assert (one[1]["line"], one[1]["endLine"], "col" in one[1]) == ("1", "2", False)
    assert (other[0], "endColumn" in other[1]) == ("warning", True)


def test_a_project_below_the_checkout_is_named_from_there():
    given = answer(folder="docs/")
    assert (
        read_command(written("github", given).splitlines()[0])[1]["file"] == "docs/vibe/README.md"
    )
    assert "::docs/vibe/README.md:3:1: " in written("gitea", given).splitlines()[0]


def test_gitea_says_the_place_in_the_message():
    given = answer(findings=(finding(span=(24, 27), help="look\nthere"),))
    line = written("gitea", given)
    shown = re.sub(r"^::(error|warning|notice|debug)(?:\s[^:]*)?::", "", line)  # its log view
    assert shown == "vibe/a.md:3:1: KB101 dead-link: m (look there)"


# ---------------------------------------------------------------------- JUnit
def junit(given):
    text = written("junit", given)
    JUNIT.validate(text)
    return ET.fromstring(text)


def test_junit_fits_its_schema_with_a_case_for_each_page():
    suite = junit(answer())[0]
    assert [case.get("name") for case in suite] == sorted(TREE)
    assert {case.get("name") for case in suite if case.find("failure") is not None} == {
        "vibe/README.md",
        "vibe/a.md",
    }
    assert (suite.get("tests"), suite.get("failures")) == ("4", "2")
    failure = next(case for case in suite if case.get("name") == "vibe/a.md").find("failure")
    assert "vibe/a.md:5:3: KB204" in failure.text
    assert "vibe/a.md:7:14: KB101" in failure.text
    assert failure.get("message").endswith(" and 1 more")


def test_junit_fails_warnings_only_where_they_fail_the_run():
    given = answer(findings=(finding(severity="warning"),))
    suite = junit(given)[0]
    assert suite.get("failures") == "0"
    assert "KB101" in suite.find(".//system-out").text
    assert junit(given._replace(strict=True))[0].get("failures") == "1"


def test_junit_has_a_case_for_a_page_that_cannot_be_read():
    given = answer(findings=(finding("vibe/broken.md", (0, 0), rule="KB001"),))
    assert junit(given)[0].get("tests") == "5"


@given(st.text())
def test_junit_is_well_formed_whatever_a_message_holds(message):
    junit(answer({"vibe/a.md": "# A\n"}, (finding(span=(0, 1), message=message),)))


# ---------------------------------------------------------------------- all
@pytest.mark.parametrize("form", FORMATS)
def test_no_format_shows_a_secret(form):
    tree = {"vibe/a.md": f"# A\n\nThe token is {SECRET}, see [x]({SECRET}.md).\n"}
    start = tree["vibe/a.md"].index(SECRET)
    found = (
        finding(span=(start, start + len(SECRET)), rule="KB230", secret=True),
        finding(
            span=(start - 4, start),
            message=f"no page {SECRET}.md",
            help=f"not {SECRET}",
            fix=(Edit("vibe/a.md", Span(0, 1), f"# {SECRET}"),),
        ),
    )
    text = written(form, answer(tree, found))
    assert SECRET not in text
    assert "KB101" in text
    assert "•" * len(SECRET) in text


def test_what_another_finding_hides_is_hidden_even_if_that_one_is_not_reported():
    tree = {"vibe/a.md": f"# A\n\nThe token is {SECRET}.\n"}
    start = tree["vibe/a.md"].index(SECRET)
    hidden = finding(span=(start, start + len(SECRET)), secret=True)
    given = answer(tree, (finding(span=(start - 4, start)),))
    given = given._replace(cover=Cover(build(tree), [hidden]))
    assert f"The token is {'•' * len(SECRET)}." in written("text", given)


def test_statistics_are_grouped_by_severity():
    many = (*lint(build(TREE), RULES).findings, finding(severity="warning", rule="KB504", name="x"))
    given = answer(findings=many, counted=True)
    assert written("text", given).splitlines() == [
        "errors",
        "     1 KB101 dead-link",
        "     1 KB107 hub-misses-child (1 fixable)",
        "     1 KB204 header-style (1 fixable)",
        "warnings",
        "     1 KB504 x",
    ]
    data = json.loads(written("json", given))
    assert data["statistics"] == counts(given)
    assert data["statistics"][1] == {
        "rule": "KB107",
        "name": "hub-misses-child",
        "severity": "error",
        "count": 1,
        "fixable": 1,
    }
    assert "statistics" not in json.loads(written("json", given._replace(counted=False)))
