"""The real mermaid is right about diagrams, names the right line, and cannot be made to hang."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kbtool.adapters import diagram
from kbtool.adapters.diagram import Mermaid
from kbtool.adapters.mermaid import child
from kbtool.adapters.mermaid.child import Child, Ended, Unavailable
from kbtool.vendor import vendored

CASES = json.loads((Path(__file__).parents[1] / "data/mermaid_cases.json").read_text())
PROGRAMS = Path(diagram.__file__).parent / "mermaid"
BUNDLE = vendored("mermaid", "dist/mermaid.min.js")
GOOD, BAD = "flowchart TD\n  a --> b", "flowchart TD\n  a[call (x)] --> b"


@pytest.fixture(scope="module")
def mermaid():
    notices = []
    judge = Mermaid(None, notices.append)
    yield judge
    judge.close()
    assert notices == []


# ---------------------------------------------------------------- verdicts
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_case(mermaid, case):
    """`valid` is what an author expects; where mermaid differs the case says why."""
    fault = mermaid.fault(case["text"])
    assert (fault is None) is (case["valid"] is not ("differs" in case))
    assert (fault[0] if fault else None) == case.get("line")
    if fault:
        assert fault[1].isprintable()
        assert 3 < len(fault[1]) <= 200


def test_a_verdict_does_not_depend_on_what_was_judged_before(mermaid):
    again = Mermaid()
    backwards = {case["name"]: again.fault(case["text"]) for case in reversed(CASES)}
    again.close()
    assert backwards == {case["name"]: mermaid.fault(case["text"]) for case in CASES}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (BAD, (2, 'unexpected "("')),
        ("flowchart TD\n  a[x --> b\n  b --> c", (2, "something is left open or missing here")),
        ("flowchart XX\n a --> b", (1, 'unrecognized "XX"')),
        ("erDiagram\n  A {\n    string\n  }", (4, 'unexpected "}"')),
        ("sequenceDiagram\n  A->>\n  B: x", (2, "unexpected end of line")),
        ("graf TD\n  a --> b", (1, 'no type of diagram is called "graf"')),
        ("", (1, "there is no diagram in it")),
        ("%% only a comment\n", (1, "there is no diagram in it")),
        ("\n%%{init: {'theme':'base'}\npie\n", (2, "the directive is not closed by }%%")),
        ('pie\n  "a" : x', (2, 'unexpected "x"')),
        ("gitGraph\n  commit\n  comit", (3, 'unexpected "comit"')),
    ],
)
def test_messages(mermaid, text, fault):
    assert mermaid.fault(text) == fault


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "gantt\n  dateFormat YYYY-MM-DD\n  section A\n  a : 2026-01-02, 3d\n  b : 2026-13-02, 3d",
            5,
        ),
        ("journey\n  section A\n    a: 3: Me\n    b: five: Me", 4),
        ("sankey-beta\n\na,b,1\nc,d,x\n", 4),
        ("xychart-beta\n  x-axis [a, b]", 1),
    ],
)
def test_what_only_drawing_finds_out(mermaid, text, line):
    assert mermaid.fault(text)[0] == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("gitGraph\n  commit\n  merge nosuch\n  commit", 3),
        ('pie\n  "a" : 1\n  "b" : -1\n  "c" : 2', 3),
        ("flowchart TD\n" + "\n".join(f"a{i} --> b{i}" for i in range(600)), 502),
    ],
)
def test_an_error_without_a_line_is_searched_for(mermaid, text, line):
    assert mermaid.fault(text)[0] == line


def test_nodes(mermaid):
    text = """flowchart TD
  a["The #quot;vault#quot;<br/>is sealed"] -->|a key| b((fa:fa-key Open))
  subgraph group [Group]
    c@{ shape: doc, label: "Log" }
  end
  b --> group & d:::done
  classDef done fill:#eee"""
    labels = [" ".join(label.split()) for label in mermaid.nodes(text)]
    assert labels == ["The vault is sealed", "Open", "Log", "d"]
    assert mermaid.nodes(BAD) == ()
    assert mermaid.nodes("pie\n") == ()


# ---------------------------------------------------------------- lines
INLINE = st.sampled_from(["", " %%{init: {'theme':'base'}}%%", " %%{wrap}%%"])
QUIET = st.one_of(
    st.just(""),
    st.sampled_from(["   ", "\t", "%% a note", "  %% a note %% more", "%%%%x"]),
    st.sampled_from(
        ["%%{init: {'theme':'base'}}%%", "%%{init: {\n 'theme':\n'base'}\n}%%", "%%{wrap}%%"]
    ),
    st.builds("  n{}[x] --> m{}{}".format, st.integers(0, 9), st.integers(0, 9), INLINE),
)
HEAD = st.sampled_from(
    ["", "---\ntitle: t\n---\n", "  ---\n  config:\n    a: b\n  ---\n\n", "\n\n"]
)
LINES = st.lists(QUIET, max_size=6).map("\n".join)


@given(HEAD, LINES, LINES, LINES)
@example("", "%%{init: {'theme':'base'}}%%\n\n  %% x\n\n", "%% y", "")
@example("\n\n", "  n1[x] --> m1 %%{wrap}%%", "%%{wrap}%%", "%% z")
@settings(max_examples=100)
def test_the_line_is_that_of_the_source(mermaid, head, before, between, after):
    comments = "\n".join(line for line in before.split("\n") if "-->" not in line)
    text = f"{head}{comments}\nflowchart TD\n{between}\n  a[call (x)] --> b\n{after}"
    line = text[: text.index("call")].count("\n") + 1
    assert mermaid.fault(text) == (line, 'unexpected "("')


@pytest.fixture(scope="module")
def stripper(tmp_path_factory):
    """A worker that tells what our stripping leaves, what mermaid's leaves, and the line map."""
    script = tmp_path_factory.mktemp("js") / "strip.js"
    script.write_text("""
        const tell = (source, read) => {
          const left = stripped(source), map = lineMap(source);
          verdict = JSON.stringify({ left, map, read });
        };
        judge = (source) => {
          verdict = null;
          mermaid.mermaidAPI.getDiagramFromText(source)
            .then((d) => tell(source, d.text), () => tell(source, null));
        };""")
    worker = Child([PROGRAMS / "dom.js", BUNDLE, PROGRAMS / "driver.js", script])
    yield worker
    worker.end()


@given(HEAD, LINES, LINES)
@settings(max_examples=100)
def test_what_is_stripped_is_what_mermaid_strips(stripper, head, before, after):
    comments = "\n".join(line for line in before.split("\n") if "-->" not in line)
    source = f"{head}{comments}\nflowchart TD\n{after}\n  a --> b"
    told = stripper.ask(source)
    assert told["read"] == told["left"] + "\n"
    lines = source.split("\n")
    for line, number in zip(told["left"].split("\n"), told["map"], strict=False):
        kept = line.split("%%")[0].strip()
        assert kept in lines[number - 1], (source, told)


@given(st.text(alphabet="%{}:- \n\r\tab'\"<>=init", max_size=60))
@settings(max_examples=300)
@example("a\r\nb\r%% c\r\nd")
@example("---\n---\n%%{a}%%\n%%b")
def test_the_map_has_a_line_for_each_line_left_in_order(stripper, source):
    told = stripper.ask(source)
    left = told["left"]
    assert len(told["map"]) == left.count("\n") + bool(left) - left.endswith("\n")
    assert told["map"] == sorted(told["map"])
    last = source.replace("\r\n", "\n").count("\n") + source.replace("\r\n", "").count("\r") + 1
    assert all(1 <= line <= last for line in told["map"])


@pytest.mark.parametrize("kind", ["agentflow-beta", "eventmodeling"])
def test_diagrams_that_keep_their_comments(mermaid, kind):
    assert mermaid.fault(f"%% a\n\n{kind}\n%% b\n\n  %% c\n  [[bad\n")[0] == 7


def test_the_bundle_keeps_comments_nowhere_else():
    """One use, and one setting in each of the two kinds the driver knows."""
    assert BUNDLE.read_text().count("preserveCommentsWhenParsing") == 3


# ---------------------------------------------------------------- bounds
@pytest.mark.parametrize(
    "text",
    [
        "flowchart TD\n" + "\n".join(f"n{i}-->n{i + 1}" for i in range(20_000)),
        "stateDiagram-v2\n" + "state a {\n" * 4000 + "b\n" + "}\n" * 4000,
        "%%{init: " + "[" * 40_000 + "]" * 40_000 + "}%%\nflowchrt TD",
        "mindmap\n  root\n" + "  a\n    ((x\n" * 3000,
        "flowchart TD\n" + "subgraph a\n" * 3000,
        "gantt\n  dateFormat YYYY-MM-DD\n  excludes 2026-01-01\n  a : 2026-01-01, 9999999999d\n  b : 2026-99-99, 1d",
        "---\n" + "a\n---x\n" * 20_000,
    ],
)
def test_a_large_diagram_ends_as_a_finding(mermaid, text):
    assert mermaid.fault(text) is not None


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "flowchart TD\n" + "style a fill:#" * 3500,  # patterns of mermaid's own that backtrack
        "flowchart TD\n" + "\n" * 400_000 + "a-->b",
    ],
)
def test_a_diagram_that_does_not_end_is_a_finding_and_costs_one_worker(tmp_path, text):
    judge = Mermaid(tmp_path)
    assert judge.fault(GOOD) is None
    before = time.monotonic()
    assert judge.fault(text) == (1, "stopped after 5 seconds of computing; too large, or endless")
    assert time.monotonic() - before < child.WAITING
    assert judge.fault(BAD) == (2, 'unexpected "("')
    judge.close()
    assert json.loads(next(tmp_path.iterdir()).read_text()).keys()
    kept = Mermaid(tmp_path)
    assert kept.fault(text)[1].startswith("stopped")
    assert kept._child is None


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """A judge that runs what it is given as JavaScript."""
    script = tmp_path_factory.mktemp("js") / "raw.js"
    script.write_text(
        "var verdict; judge = (t) => { verdict = null; (0, eval)(t); };"
        "said = () => { verdict = '\"ok\"'; };"
    )
    return [PROGRAMS / "dom.js", script]


HOSTILE = {
    "loop": ("while (true) {}", "computing"),
    "loop in a promise": ("Promise.resolve().then(() => { while (true) {} })", "computing"),
    "endless promises": ("(function f() { Promise.resolve().then(f) })()", "computing"),
    "pattern": ("/^(a+)+$/.test('a'.repeat(60) + 'b')", "computing"),
    "numbers": ("let a = []; while (true) a.push(new Array(1e5).fill(1.5))", "memory"),
    "buffers": ("let a = []; while (true) a.push(new Uint8Array(1e7).fill(1))", "memory"),
    "objects": ("let a = []; while (true) a = [a, { a }]", "computing|memory"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_script(raw, name):
    script, why = HOSTILE[name]
    worker = Child(raw, computing=2 if why == "memory" else 0.5, waiting=30)
    assert worker.ask("said()") == "ok"
    before = time.monotonic()
    with pytest.raises(Ended, match=why) as ended:
        worker.ask(script)
    assert ended.value.lasting
    assert time.monotonic() - before < 30
    assert not worker.alive


def test_recursion_does_not_end_the_worker(raw):
    worker = Child(raw)
    worker.ask("try { (function f() { f() })() } catch { said() }")
    assert worker.ask("said()") == "ok"
    worker.end()


def test_who_never_answers_is_not_waited_for(raw):
    worker = Child(raw, waiting=2)
    with pytest.raises(Ended, match="no answer within 2 seconds") as ended:
        worker.ask("0")
    assert not ended.value.lasting
    assert not worker.alive


def test_what_the_parent_holds_does_not_count(raw):
    """On Linux a child's peak begins with its parent's: a large base must not end the judge."""
    ballast = b"x" * (600 << 20)
    worker = Child(raw)
    assert worker.ask("said()") == "ok"
    worker.end()
    del ballast


def test_a_worker_killed_from_outside(raw):
    worker = Child(raw, computing=30)
    kill = f"import os, time; time.sleep(1); os.kill({worker.process.pid}, 9)"
    with subprocess.Popen([sys.executable, "-c", kill]), pytest.raises(Ended) as ended:
        worker.ask("while (true) {}")
    assert not ended.value.lasting


def test_a_worker_killed_between_two_diagrams_is_replaced():
    judge = Mermaid()
    assert judge.fault(GOOD) is None
    os.kill(judge._child.process.pid, signal.SIGKILL)
    judge._child.process.wait()
    assert judge.fault(BAD) == (2, 'unexpected "("')
    judge.close()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_worker_is_given_nothing(raw, monkeypatch):
    monkeypatch.setenv("KB_SECRET", "hunter2")
    worker = Child(raw)
    own = Path(f"/proc/{worker.process.pid}")
    assert (own / "environ").read_bytes() == b""
    assert os.readlink(own / "cwd") == "/"
    opened = {name: os.readlink(own / "fd" / name) for name in os.listdir(own / "fd")}
    files = {name: target for name, target in opened.items() if target.startswith("/")}
    assert set(files.values()) <= {"/dev/null"}
    limits = (own / "limits").read_text()
    for name, most in (("Max core file size", "0"), ("Max file size", "0")):
        assert (
            next(line for line in limits.splitlines() if line.startswith(name)).split()[-3] == most
        )
    worker.end()


# ---------------------------------------------------------------- the judge and its worker
class Fake:
    """A worker that answers as told; counts how many there were."""

    started = 0
    answers = ()

    def __init__(self, scripts):
        Fake.started += 1
        self.alive = True

    def ask(self, text):
        answer = Fake.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def end(self):
        return 0


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(child, "Child", Fake)
    Fake.started = 0
    return Fake


def test_no_worker_is_started_for_a_verdict_that_is_known(tmp_path, fake):
    fake.answers = [{"fault": [2, "x"]}, {"nodes": ["a"]}]
    first = Mermaid(tmp_path)
    assert (first.fault("one"), first.fault("two"), fake.started) == ((2, "x"), None, 1)
    first.close()
    second = Mermaid(tmp_path)
    assert (second.fault("one"), second.nodes("two"), fake.started) == ((2, "x"), ("a",), 1)
    second.close()
    assert [path.name.startswith("mermaid-") for path in tmp_path.iterdir()] == [True]


def test_nobody_asks_nobody_starts(tmp_path, fake):
    Mermaid(tmp_path).close()
    assert (fake.started, list(tmp_path.iterdir())) == (0, [])


def test_what_rests_on_the_machine_is_not_kept(tmp_path, fake):
    fake.answers = [Ended("slow", lasting=False), {"nodes": []}]
    judge = Mermaid(tmp_path)
    assert judge.fault("a") == judge.fault("a") == (1, "slow")  # asked once
    judge.close()
    again = Mermaid(tmp_path)
    assert again.fault("a") is None
    again.close()


def test_patience_ends(tmp_path, fake):
    fake.answers = [Ended(f"end {i}", lasting=True) for i in range(diagram.PATIENCE)]
    notices = []
    judge = Mermaid(tmp_path, notices.append)
    faults = [judge.fault(str(i)) for i in range(diagram.PATIENCE + 5)]
    assert [fault is None for fault in faults] == [False] * diagram.PATIENCE + [True] * 5
    assert fake.started == diagram.PATIENCE
    assert len(notices) == 1
    judge.close()
    fake.answers = [{"nodes": []}]
    again = Mermaid(tmp_path)  # what was not judged is not taken for judged
    assert again.fault(str(diagram.PATIENCE)) is None
    assert again.fault("0") == (1, "end 0")
    assert fake.answers == []


def test_without_the_engine_there_is_one_notice_and_no_finding(tmp_path, monkeypatch):
    monkeypatch.setattr(child, "LIBRARY", "no_such_engine")
    notices = []
    judge = Mermaid(tmp_path, notices.append)
    assert [judge.fault(BAD), judge.fault(GOOD), judge.nodes(GOOD)] == [None, None, ()]
    assert notices == ["diagrams are not judged: the package mini-racer is not installed"]
    judge.close()
    monkeypatch.undo()
    again = Mermaid(tmp_path)
    assert again.fault(BAD) is not None
    again.close()


def test_an_engine_that_does_not_load(tmp_path, monkeypatch):
    """Installed, but not for this machine."""
    (tmp_path / "broken_engine").mkdir()
    (tmp_path / "broken_engine/__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(child, "LIBRARY", "broken_engine")
    script = tmp_path / "s.js"
    script.write_text("throw new Error('not here')")
    with pytest.raises(Unavailable, match=r"does not load: \w+: .*not here"):
        Child([script])
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    with pytest.raises(Unavailable, match="cannot be started"):
        Child([script])
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(Unavailable, match=r"does not start: .*exit code 1"):
        Child([script])
