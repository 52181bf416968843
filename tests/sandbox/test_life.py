"""Starting, breaking, resetting, ending; and what a kill at any moment leaves: nothing."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from support.sandbox import ROOT, Command, eventually, fresh, kbtool, own_secret, run

from kbtool.app.journals import JournalFile
from kbtool.errors import SandboxError, ServerDied
from kbtool.runbook.journal import read_journal
from kbtool.runbook.ports import SqlQuery
from kbtool.sandbox.process import Proc, boot_id, end, freeze, marked, proc, start_time, thaw, tree
from kbtool.sandbox.registry import Entry, entries

SEEDED = SqlQuery("postgres", "SELECT count(*) FROM recovery_check")


def test_a_step_uses_real_servers(box):
    done = run(box, "bao status; psql -XAtqc 'SELECT 1' 2>&1 || true")
    assert "Sealed             false" in done.stdout or "Sealed" in done.stdout
    assert done.exit == 0


def test_uses_files_are_there_read_only_and_the_folder_is_fresh(box):
    first = run(box, "cat a/b.yml; touch new; echo x >> a/b.yml", files={"a/b.yml": b"data\n"})
    assert first.stdout == "data\n"
    assert first.exit != 0
    assert run(box, "ls").stdout == ""


def test_values_reach_a_step_as_environment_only(box):
    value = 'x"; rm -rf / #\n$(id)'
    assert run(box, 'printf "%s" "$VALUE"', env={"VALUE": value}).stdout == value


def test_typing_at_a_prompt(box):
    script = 'stty -echo; printf "Key: "; read -r key; stty echo; test "$key" = "$(cat /dev/null)" || echo "${#key}"'
    done = run(box, script, types=("UNSEAL_KEY",))
    assert done.exit == 0, done
    assert str(len(own_secret(box, "step/UNSEAL_KEY"))) in done.stdout
    assert own_secret(box, "step/UNSEAL_KEY") not in done.stdout


def test_faults_are_seen_and_reset_heals_them(profile, tmp_path):
    with fresh(profile, tmp_path) as sandbox:
        for fault in profile.faults:
            assert sandbox.inject(fault).seen, fault
            assert sandbox.dead() == (), "a fault's own kill is not a death"
            sandbox.reset()
            assert sandbox.observe(SEEDED, 5).value == "1"
            states = {name: part["state"] for name, part in sandbox.status()["parts"].items()}
            assert states == {"postgres": "running", "vault": "unsealed"}


def test_reset_takes_back_what_steps_did(profile, tmp_path):
    with fresh(profile, tmp_path) as sandbox:
        run(sandbox, "touch ~/left")
        assert run(sandbox, "ls ~").stdout == "left\n"
        sandbox.reset()
        assert run(sandbox, "ls ~").stdout == ""


def test_a_server_that_dies_is_named(profile, tmp_path):
    with fresh(profile, tmp_path) as sandbox:
        for process in marked(sandbox.record.id):
            with contextlib.suppress(OSError):
                if Path(f"/proc/{process.pid}/comm").read_text().strip() == "bao":
                    end(process)
        for _ in range(50):
            if sandbox.dead():
                break
            time.sleep(0.02)
        assert sandbox.dead() == ("vault",)


def test_two_starts_at_once_make_one_sandbox(tmp_path):
    both = [Command("sandbox", "up", "twin", state=tmp_path) for _ in range(2)]
    ends = [command.end() for command in both]
    assert [code for code, _ in ends] == [0, 0], ends
    _, status = kbtool("sandbox", "status", "--format", "json", state=tmp_path)
    assert len(json.loads(status)["sandboxes"]) == 1
    assert kbtool("sandbox", "down", "twin", state=tmp_path)[0] == 0


def test_stop_keep_and_start_again(tmp_path):
    assert kbtool("sandbox", "up", state=tmp_path)[0] == 0
    assert kbtool("sandbox", "down", "--keep", state=tmp_path)[0] == 0
    code, text = kbtool("sandbox", "up", state=tmp_path)
    assert code == 0
    assert "creating" not in text
    assert "unsealed" in text
    assert kbtool("sandbox", "break", "vault-sealed", state=tmp_path)[0] == 0
    assert "  sealed" in kbtool("sandbox", "status", state=tmp_path)[1]
    assert kbtool("sandbox", "reset", state=tmp_path)[0] == 0
    assert kbtool("sandbox", "down", state=tmp_path)[0] == 0
    assert list((tmp_path / "sandboxes").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="takes a mount namespace of its own")
def test_a_package_installed_meanwhile_does_no_harm(tmp_path):
    """Installing replaces the linker's cache: the file that cells were made with is gone."""
    cache = tmp_path / "cache"
    script = f"""
        cp /etc/ld.so.cache {cache} && mount --bind {cache} /etc/ld.so.cache
        {sys.executable} -m kbtool sandbox up && rm {cache}
        {sys.executable} -m kbtool sandbox reset && {sys.executable} -m kbtool sandbox down
    """
    environment = {**os.environ, "KBTOOL_STATE": str(tmp_path)}
    command = ["unshare", "--mount", "sh", "-euc", script]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_somebody_elses_process_is_spared():
    innocent = subprocess.Popen(["sleep", "60"])
    try:
        assert end(Proc(innocent.pid, start_time(innocent.pid) + 1, boot_id()))
        assert end(Proc(innocent.pid, start_time(innocent.pid), "another boot"))
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


def test_a_frozen_process_and_its_children_stand_still(tmp_path):
    ticks = tmp_path / "ticks"
    script = f"(while :; do echo x >> {ticks}; sleep 0.01; done) & wait"
    process = subprocess.Popen(["bash", "-c", script], start_new_session=True)
    root = proc(process.pid)
    try:
        eventually(ticks.exists, True)
        assert len(tree(root)) >= 2
        assert freeze(root)
        before = ticks.read_text()
        time.sleep(0.2)
        assert ticks.read_text() == before
        thaw(root)
        eventually(ticks.read_text, lambda now: len(now) > len(before))
        assert tree(Proc(root.pid, root.start + 1, root.boot)) == []  # somebody else's pid by now
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def left_over(state):
    """What is still there of any sandbox of this registry."""
    found = []
    for path in (state / "sandboxes").glob("*/cell/boot.json"):
        with contextlib.suppress(OSError, ValueError):
            found += marked(json.loads(path.read_bytes())["id"])
    return found


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["kbtool", "supervisor"])
def test_a_kill_at_any_moment_leaves_a_true_journal_and_nothing_running(tmp_path, victim):
    """Five random moments each for the command and for the supervisor of its sandbox."""
    chance = random.Random(os.urandom(8).hex())
    page = "vibe/runbooks/unseal-vault-after-a-restart.md"
    copy = tmp_path / "project"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(copy)], check=True)
    for round_ in range(5):
        state = tmp_path / f"state{round_}"
        process = Command("drill", page, state=state, cwd=copy)
        moment = chance.uniform(0.1, 4.5)
        time.sleep(moment)
        target = _supervisor(state) if victim == "supervisor" else process.pid
        if target:
            with contextlib.suppress(ProcessLookupError):
                os.kill(target, signal.SIGKILL)
        _, output = process.end()
        assert "Traceback" not in output, (moment, output)
        if victim == "kbtool":
            deadline = time.monotonic() + 10
            while left_over(state) and time.monotonic() < deadline:
                time.sleep(0.05)
            assert left_over(state) == [], moment
        for journal in state.glob("runs/*/journal.jsonl"):
            read_journal(journal.read_text())
        code, text = kbtool("sandbox", "down", "--all", state=state)
        assert code == 0, (moment, text)
        assert left_over(state) == []
        assert [p for p in (state / "sandboxes").iterdir() if not p.name.endswith(".lock")] == []


def _supervisor(state):
    for path in (state / "sandboxes").glob("*/record.json"):
        with contextlib.suppress(OSError, ValueError):
            return json.loads(path.read_bytes())["supervisor"]["pid"]
    return None


def test_the_run_ends_with_the_name_of_the_server_that_died(profile, tmp_path, monkeypatch):
    """A server that dies in the middle of a step ends the run at once, undo attempted."""
    from kbtool.app.world import RealClock
    from kbtool.markdown.parse import parse_page
    from kbtool.runbook.drill import NobodyToAsk
    from kbtool.runbook.execute import Execution
    from kbtool.runbook.plan import make_plan
    from kbtool.runbook.read import read_runbook

    text = (
        "# R\n\n## Guards\n\n- **Accept**: `http vault/v1/sys/seal-status status == 200`\n\n## Steps\n\n"
        "### S1 [AGENT] Wait\n\n- **Undo**: `echo undone`\n\n```sh\nsleep 60\n```\n\n- **Expect**: exit 0\n"
    )
    with fresh(profile, tmp_path) as sandbox:
        runbook = read_runbook(parse_page("r.md", text), lambda _: None)
        plan = make_plan(runbook, profile.view(), inputs={}, mode="run")
        journal = JournalFile("20260101-000000-abcdef")
        killer = threading.Timer(1.0, _kill_bao, [sandbox.record.id])
        killer.start()
        execution = Execution(plan, sandbox, RealClock(), NobodyToAsk(), journal.record, {}, {})
        began = time.monotonic()
        with pytest.raises(ServerDied, match="vault"):
            execution.run()
        assert time.monotonic() - began < 20
        journal.close()
        facts, _ = read_journal(journal.path.read_text())
        kinds = [fact["kind"] for fact in facts]
        assert kinds == ["started", "died", "undo"]
        assert facts[1]["servers"] == ["vault"]


def _kill_bao(sandbox):
    for process in marked(sandbox):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{process.pid}/comm").read_text().strip() == "bao":
                end(process)


def test_a_missing_bubblewrap_is_said_with_the_way_out(tmp_path):
    without = {"KBTOOL_BWRAP": "/nonexistent/bwrap"}
    code, text = kbtool("sandbox", "up", state=tmp_path, env=without)
    assert code == 3
    assert "bubblewrap cannot confine here" in text
    assert "Traceback" not in text
    assert kbtool("sandbox", "doctor", state=tmp_path, env=without)[0] == 3


def test_a_damaged_record_can_be_taken_down(tmp_path, monkeypatch):
    monkeypatch.setenv("KBTOOL_STATE", str(tmp_path))
    entry = Entry("broken")
    entry.folder.mkdir(parents=True)
    (entry.folder / "record.json").write_text("{")
    with pytest.raises(SandboxError, match="damaged"):
        entry.record()
    assert kbtool("sandbox", "down", "broken", state=tmp_path)[0] == 0
    assert entries() == []
