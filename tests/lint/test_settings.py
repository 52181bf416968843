"""Severity, options and ignores of a project, for all pages or below a folder."""

import pytest
from support.lint import build, chosen

from kbtool.graph.conventions import Override
from kbtool.lint.engine import lint
from kbtool.lint.rules import RULES

PRD = {f"vibe/PRD/{p}/{name}.md": "# T\n" for p in "pq" for name in ("README", "STATUS", "a", "b")}
LINKS = {"vibe/a.md": "[x](gone.md)\n", "vibe/sub/b.md": "[x](gone.md)\n"}


def found(example, rules, *overrides):
    report = lint(build(example, overrides=overrides), rules)
    return [(f.rule, f.path, f.severity) for f in report.findings]


def test_without_overrides_the_rule_says():
    assert found(LINKS, chosen("KB101")) == [
        ("KB101", "vibe/a.md", "error"),
        ("KB101", "vibe/sub/b.md", "error"),
    ]


def test_a_severity_for_all_pages_and_another_below_a_folder():
    everywhere = Override("file", severity={"KB101": "warning"})
    below = Override("1", "sub", severity={"KB101": "error"})
    assert found(LINKS, chosen("KB101"), everywhere, below) == [
        ("KB101", "vibe/a.md", "warning"),
        ("KB101", "vibe/sub/b.md", "error"),
    ]
    assert {s for *_, s in found(LINKS, chosen("KB101"), below, everywhere)} == {"warning"}


@pytest.mark.parametrize("folder", ["sub", "sub/b.md"])
def test_a_rule_ignored_below_a_folder_or_in_a_page(folder):
    below = Override("1", folder, ignore=frozenset({"KB101"}))
    assert found(LINKS, chosen("KB101"), below) == [("KB101", "vibe/a.md", "error")]
    near = Override("1", folder[:2], ignore=frozenset({"KB101"}))
    assert len(found(LINKS, chosen("KB101"), near)) == 2


def test_the_base_itself_is_a_folder():
    base = Override("1", "", ignore=frozenset({"KB101"}))
    assert found(LINKS | {"AGENTS.md": "[x](gone.md)\n"}, chosen("KB101"), base) == [
        ("KB101", "AGENTS.md", "error")
    ]


def test_an_option_below_a_folder():
    below = Override("1", "PRD/q", options={"KB413": {"pages": 9}})
    assert found(PRD, chosen("KB413"), below) == [("KB413", "vibe/PRD/p/README.md", "error")]
    everywhere = Override("file", options={"KB413": {"pages": 9}})
    assert found(PRD, chosen("KB413"), everywhere) == []


def test_an_ignored_rule_silences_nothing_and_needs_no_comment():
    """KB107 would have silenced KB106; a comment about an ignored rule is not unused."""
    tree = {"vibe/README.md": "# v\n", "vibe/a.md": "# A\n\n<!-- kb-ignore KB101: later -->\n"}
    rules = chosen("KB101", "KB106", "KB107", "KB901")
    assert [rule for rule, *_ in found(tree, rules)] == ["KB107", "KB901"]
    both = Override("1", "", ignore=frozenset({"KB107", "KB101"}))
    assert found(tree, rules, both) == [("KB106", "vibe/a.md", "error")]


def test_the_projects_severity_goes_before_a_findings_own():
    step = "# R\n\n## Guards\n\n- **Accept**: `exit 0`\n\n## Steps\n\n### S1 [AGENT] A\n\n```sh\ntrue\n```\n"
    tree = {"vibe/runbooks/r.md": step}
    assert ("KB504", "vibe/runbooks/r.md", "warning") in found(tree, RULES)
    strict = Override("file", severity={"KB504": "error"})
    assert ("KB504", "vibe/runbooks/r.md", "error") in found(tree, RULES, strict)
