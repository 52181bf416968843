"""The main job on real servers: drilled green and red, run with a person, verified or not."""

import json
import re
import subprocess

import pytest
from support.base import UNSEAL, edit, pages
from support.sandbox import kbtool
from support.terminal import Terminal

RECOVERY = "vibe/runbooks/power-cut-recovery.md"
EVIDENCE = UNSEAL.replace(".md", ".evidence.json")
UNSEAL_STEP = re.compile(r"### S2 \[HUMAN\].*?(?=### S3)", re.DOTALL)


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

    yield run
    kbtool("sandbox", "down", "--all", state=tmp_path / "state", cwd=base)


def gone(tmp_path):
    return list((tmp_path / "state" / "sandboxes").iterdir()) == []


def test_green_three_times_and_nothing_left(base, run, tmp_path):
    page = (base / UNSEAL).read_text()
    (base / EVIDENCE).unlink()
    (base / UNSEAL).write_text(re.sub(r"> \*\*Last Verified\*\*: .*\n", "", page))
    assert run("verify")[0] == 0
    texts = []
    for _ in range(3):
        code, text = run("drill", UNSEAL)
        assert code == 0, text
        assert gone(tmp_path)
        texts.append(((base / EVIDENCE).read_bytes(), (base / UNSEAL).read_bytes()))
    assert texts[0] == texts[1] == texts[2]
    assert "> **Last Verified**: " in texts[0][1].decode()
    entries = json.loads(texts[0][0])["profiles"]["embedded"]["scenarios"]
    assert entries["vault-sealed"]["ran"] == ["S1", "S2", "S3"]
    assert entries["vault-sealed"]["stand_ins"] == {"S2": "same text"}
    assert entries["credentials-expired"]["skipped"] == ["S2"]
    for entry in entries.values():
        assert entry["verdict"] == "green"
        assert entry["turned_red"]
        assert entry["layers"]
        assert all(layer["held"] for layer in entry["layers"])
        assert {part["name"]: part["real"] for part in entry["parts"]} == {
            "vault": True,
            "postgres": True,
        }
    assert run("lint")[0] == 0
    assert run("verify")[0] == 0


@pytest.mark.slow
def test_the_recovery_from_a_power_cut_three_times_without_a_person(
    controlplane, base, run, tmp_path
):
    recovery, proof = base / RECOVERY, base / RECOVERY.replace(".md", ".evidence.json")
    proof.unlink()
    recovery.write_text(re.sub(r"> \*\*Last Verified\*\*: .*\n", "", recovery.read_text()))
    texts = []
    for _ in range(3):
        code, text = run("drill", RECOVERY, "--profile", "controlplane", timeout=1200)
        assert code == 0, text
        assert gone(tmp_path)
        texts.append((proof.read_bytes(), recovery.read_bytes()))
    assert texts[0] == texts[1] == texts[2]
    assert "> **Last Verified**: " in texts[0][1].decode()
    entries = json.loads(texts[0][0])["profiles"]["controlplane"]["scenarios"]
    assert len(entries) == 4
    for entry in entries.values():
        assert entry["verdict"] == "green"
        assert entry["turned_red"]
        assert all(layer["held"] for layer in entry["layers"])
        modelled = [part["name"] for part in entry["parts"] if not part["real"]]
        assert sorted(modelled) == ["argocd", "kubelets", "longhorn", "vso"]
        assert len(entry["parts"]) == len(modelled) + 5
    assert {step for entry in entries.values() for step in entry["ran"]} == set(
        next(iter(entries.values()))["steps"]
    )
    assert run("lint")[0] == 0
    assert run("verify", RECOVERY)[0] == 0


def test_without_the_unseal_step_it_is_red(base, run, tmp_path):
    text = (base / UNSEAL).read_text()
    (base / UNSEAL).write_text(UNSEAL_STEP.sub("", text))
    code, out = run("drill", UNSEAL, "--scenario", "vault-sealed")
    assert code == 1
    assert "red" in out
    entry = json.loads((base / EVIDENCE).read_text())["profiles"]["embedded"]["scenarios"][
        "vault-sealed"
    ]
    assert entry["verdict"] == "red"
    assert "Last Verified" not in (base / UNSEAL).read_text()
    name = re.search(r"kbtool sandbox shell (\S+)", out)[1]  # it was kept, and says how to look
    assert "  sealed" in run("sandbox", "status")[1]
    assert run("sandbox", "down", name)[0] == 0
    assert gone(tmp_path)


@pytest.mark.slow
def test_every_step_is_needed(run):
    code, text = run("drill", UNSEAL, "--mutate", timeout=280)
    assert code == 0
    assert re.findall(r"^(S\d): needed$", text, re.MULTILINE) == ["S1", "S2", "S3"]
    assert last_verdict(run) == "green"


def test_a_useless_step_is_named(base, run):
    edit(
        base,
        UNSEAL,
        "## See also",
        "### S4 [AGENT] Decoration\n\n```sh\necho done\n```\n\n- **Expect**: `stdout =~ /done/`\n\n## See also",
    )
    code, text = run("drill", UNSEAL, "--mutate", "--scenario", "credentials-expired", timeout=280)
    print(text)
    assert code == 1
    assert "S4: useless" in text
    assert last_verdict(run) == "red"


def last_verdict(run):
    """The verdict of the whole run, not of its last mutant."""
    return json.loads(run("runs", "list", "--format", "json")[1])["runs"][0]["verdict"]


@pytest.mark.parametrize(
    ("path", "old", "new", "code"),
    [
        (UNSEAL, "umask 077\n", "umask 077;\n", 1),
        (UNSEAL, "never given as an argument", "never given as an argumenT", 1),
        (UNSEAL, "within 30s\n- **Expect**", "within 31s\n- **Expect**", 1),
        (UNSEAL, "- **Requires**: vault, postgres", "- **Requires**: postgres, vault", 1),
        (UNSEAL, "that is an answer here", "this is an answer here", 0),
        (UNSEAL, "# Unseal Vault after a restart\n", "# Unseal Vault after any restart\n", 0),
    ],
)
def test_one_change_and_verify(base, run, path, old, new, code):
    assert run("verify", path)[0] == 0
    edit(base, path, old, new)
    assert run("verify", path)[0] == code


def test_a_uses_file_is_part_of_the_proof(base, run):
    (base / "recover.sql").write_text("SELECT 'used';\n")
    edit(
        base,
        UNSEAL,
        "- **Timeout**: 2m · **Repeat**: safe\n",
        "- **Timeout**: 2m · **Repeat**: safe\n- **Uses**: `recover.sql`\n",
    )
    edit(base, UNSEAL, "umask 077\n", "umask 077\ngrep -q used recover.sql\n")
    assert run("verify", UNSEAL)[0] == 1
    assert run("drill", UNSEAL)[0] == 0
    assert run("verify", UNSEAL)[0] == 0
    (base / "recover.sql").write_text("SELECT 'uset';\n")
    assert run("verify", UNSEAL)[0] == 1


def test_a_proof_made_weaker_is_shown_against_the_base(base, run):
    for command in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=t", "-c", "user.email=t@example", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *command], cwd=base, check=True)
    edit(
        base,
        UNSEAL,
        "- **Expect**: `http vault/v1/sys/health {.standby} == false` within 30s\n",
        "",
    )
    code, text = run("verify", "--against", "HEAD")
    assert code == 1
    assert "S2 Expect removed: `http vault/v1/sys/health {.standby} == false` within 30s" in text


# ---------------------------------------------------------------------- people
@pytest.fixture
def sealed(run):
    assert run("sandbox", "up")[0] == 0
    assert run("sandbox", "break", "vault-sealed")[0] == 0


def test_a_person_at_the_terminal(base, run, sealed, tmp_path):
    terminal = Terminal("run", UNSEAL, state=tmp_path / "state", cwd=base)
    asked = terminal.read_until("[d]")
    assert "S2 [HUMAN] Unseal Vault with the unseal key  (key holder)" in asked
    assert "bao operator unseal" in asked
    terminal.type("s\n")
    terminal.read_until("$ ")
    terminal.type("bao operator unseal\n")
    terminal.read_until("(will be hidden):")
    key = (tmp_path / "state/sandboxes/default/cell/secrets/step/UNSEAL_KEY").read_text()
    terminal.type_hidden(key + "\n")
    terminal.read_until("false")
    terminal.type("exit\n")
    terminal.read_until("[d]")
    terminal.type("d\n")
    terminal.read_until("initials")
    terminal.type("AB\n")
    code, text = terminal.end()
    assert code == 0, text
    assert key not in text
    shown = run("runs", "show", re.search(r"runs show (\S+)", text)[1])[1]
    assert "AB" in shown
    assert "terminal" in shown


def test_a_person_who_says_it_cannot_be_done(base, sealed, run, tmp_path):
    terminal = Terminal("run", UNSEAL, state=tmp_path / "state", cwd=base)
    terminal.read_until("[d]")
    terminal.type("n\n")
    code, text = terminal.end()
    assert code == 1
    assert "the person did not do it" in text


def test_without_a_terminal_it_waits_and_goes_on(base, run, sealed):
    (base / UNSEAL).write_text((base / UNSEAL).read_text().replace("within 30s", "within 2s"))
    code, text = run("run", UNSEAL)
    assert code == 4
    number = re.search(r"runs answer (\S+) S2", text)[1]
    assert number in run("runs", "list")[1]
    assert run("run", UNSEAL, "--resume", number)[0] == 4  # nobody has done it yet
    assert run("runs", "answer", number, "S2")[0] == 2  # evidence is asked for
    assert run("runs", "answer", number, "S9", "--evidence", "initials=AB")[0] == 2
    assert run("runs", "answer", number, "S2", "--evidence", "initials=AB")[0] == 0
    code, text = run("run", UNSEAL, "--resume", number)
    assert code == 1, text  # it was answered, and not true: Vault is still sealed
    assert "{.sealed} == false" in text
    code, text = run("run", UNSEAL, "--resume", number)
    assert code == 2
    assert "has ended" in text


def test_answered_and_true(base, run, sealed, tmp_path):
    number = re.search(r"runs answer (\S+) S2", run("run", UNSEAL)[1])[1]
    shell = Terminal("sandbox", "shell", state=tmp_path / "state", cwd=base)
    shell.read_until("$ ")
    shell.type("bao operator unseal\n")
    shell.read_until("(will be hidden):")
    key = (tmp_path / "state/sandboxes/default/cell/secrets/step/UNSEAL_KEY").read_text()
    shell.type_hidden(key + "\n")
    shell.read_until("false")
    shell.type("exit\n")
    assert shell.end()[0] == 0
    assert run("runs", "answer", number, "S2", "--evidence", "initials=AB")[0] == 0
    code, text = run("run", UNSEAL, "--resume", number)
    assert code == 0, text
    assert "flag" in run("runs", "show", number)[1]


def test_ctrl_c_takes_back_what_was_done(base, run, tmp_path):
    slow = "### S1 [AGENT] Wait\n\n- **Undo**: `echo undone > ~/undone`\n\n```sh\ntouch ~/done\nsleep 60\n```\n\n- **Expect**: `exit 0`\n\n"
    text = (base / "vibe/runbooks/trial.md").read_text()
    (base / "vibe/runbooks/trial.md").write_text(text[: text.index("### S1")] + slow)
    terminal = Terminal("run", "trial", "--input", "VOLUME=x", state=tmp_path / "state", cwd=base)
    terminal.read_until("S1")
    home = tmp_path / "state/sandboxes/default/cell/home"
    for _ in range(100):
        if (home / "done").exists():
            break
        terminal._read(0.05)
    terminal.interrupt()
    code, text = terminal.end()
    assert code == 130, text
    assert (home / "undone").read_text() == "undone\n"
    listed = json.loads(run("runs", "list", "--format", "json")[1])
    assert listed["runs"][0]["verdict"] == "interrupted"


def test_plan_runs_nothing(base, run, tmp_path):
    code, text = run("plan", UNSEAL)
    assert code == 0
    assert "S2" in text
    assert not (tmp_path / "state").exists() or not (tmp_path / "state/sandboxes").exists()
    data = json.loads(run("plan", UNSEAL, "--format", "json")[1])
    assert [step["id"] for step in data["steps"]] == ["S1", "S2", "S3"]
    assert "flowchart" in run("plan", UNSEAL, "--format", "mermaid")[1]
