"""Which edits make evidence stale, and which do not."""

import pytest
from support.runbook import GUARDS, digest, page, step

from kbtool.runbook.digest import canonical, runbook_digest, step_digests
from kbtool.runbook.read import read_runbook

HUMAN = step(
    "S2 [HUMAN] Unseal",
    "- **Who**: key holder\n- **Stand-in**: types `UNSEAL_KEY`",
    "bao operator unseal",
    prose="The key is in the safe.",
)
TEXT = page(
    step(fields="- **Uses**: `recover/a.yml` · **Timeout**: 2m", prose="Some prose."), HUMAN
).text


def of(text, files=digest):
    from kbtool.markdown.parse import parse_page

    return runbook_digest(read_runbook(parse_page("r.md", text), files))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Some prose.", "Other prose, at length."),
        ("# A runbook", "# Another title"),
        ("[AGENT] Do it", "[AGENT] Do it well"),
        ("### S2 [HUMAN]", "### S3 [HUMAN]"),
        ("The key is in the safe.", "The key\nis  in the safe."),
        ("- **Who**: key holder\n", "- **Who**:   key holder\n"),
    ],
)
def test_edits_that_keep_the_proof(old, new):
    assert old in TEXT
    assert of(TEXT.replace(old, new)) == of(TEXT)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("```sh\ntrue\n", "```sh\ntrue;\n"),
        ("```sh\ntrue\n", "```bash\ntrue\n"),
        ("**Timeout**: 2m", "**Timeout**: 3m"),
        ("in the safe", "in a safe"),
        ("types `UNSEAL_KEY`", "types `ROLE_ID`"),
        ("status == 200", "status == 20"),
        ("[HUMAN] Unseal", "[AGENT] Unseal"),
        ("- **Break** `sealed`: vault-sealed\n", "- **Break** `sealed`: postgres-down\n"),
        (HUMAN, ""),
    ],
)
def test_edits_that_lose_the_proof(old, new):
    assert old in TEXT
    assert of(TEXT.replace(old, new, 1)) != of(TEXT)


def test_a_changed_uses_file_loses_the_proof():
    assert of(TEXT, lambda _: "0" * 64) != of(TEXT)


def test_order_of_steps_counts():
    a, b = step("S1 [AGENT] a", block="a"), step("S2 [AGENT] b", block="b")
    assert of(page(a, b).text) != of(page(b, a).text)


def test_each_step_has_its_own():
    before = step_digests(read_runbook(page(step(), HUMAN), digest))
    after = step_digests(read_runbook(page(step(block="false"), HUMAN), digest))
    assert before["S1"] != after["S1"]
    assert before["S2"] == after["S2"]


def test_canonical_json_has_one_spelling():
    assert canonical({"b": 1, "a": ["é", None]}) == '{"a":["é",null],"b":1}'.encode()


def test_guards_are_inside():
    assert of(page(step(), guards=GUARDS).text) != of(
        page(step(), guards=GUARDS + "- **Requires**: vault\n").text
    )
