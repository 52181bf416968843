"""A real arm64 guest as a host: what a step there is and has, what it can do, and what is left."""

import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
from support.sandbox import ROOT, eventually, fresh, kbtool, plant, run

from kbtool.errors import BoundaryError, SandboxError
from kbtool.sandbox import image
from kbtool.sandbox.bubblewrap import find_bwrap
from kbtool.sandbox.cell import alone
from kbtool.sandbox.expose import listening
from kbtool.sandbox.process import end, marked, tree

pytestmark = pytest.mark.slow
VIEW = "/var/lib/longhorn"


@pytest.fixture(scope="module")
def guest(machine, tmp_path_factory):
    """One guest for the tests that leave it as it was, or reset it."""
    with fresh(machine, tmp_path_factory.mktemp("guest")) as sandbox:
        yield sandbox


def there(guest, script, **action):
    return run(guest, script, on="pi2", **{"timeout": 120.0} | action)


def view(guest, path=VIEW):
    """The host's folder where models see it: in memory, in the supervisor's own view."""
    for process in tree(guest.record.supervisor):
        words = Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")
        if words[1:4] == [b"-I", b"-m", b"kbtool.sandbox.supervisor"]:
            return Path(f"/proc/{process.pid}/root/sb/data/hosts/pi2/{path.lstrip('/')}")
    raise AssertionError("no supervisor")


# ---------------------------------------------------------------------- what a step is there
def test_a_step_runs_on_a_real_arm64_machine(guest):
    done = there(
        guest, "uname -m; . /etc/os-release; echo $ID $VERSION_ID; id -u; nproc; cat /proc/1/comm"
    )
    assert done.stdout.split() == ["aarch64", "debian", "12", "1000", "2", "systemd"], done
    (part,) = guest.describe().parts
    assert part.name == "pi2"
    assert part.real
    assert part.version.startswith("arm64 machine, emulated by QEMU ")


def test_every_layer_holds_and_one_of_them_is_measured_in_the_guest(guest):
    layers = {layer.name: layer for layer in guest.describe().layers}
    assert [layer for layer in layers.values() if not layer.held] == []
    assert "no network in pi2" in layers
    assert "no route from pi2" in layers
    assert layers["identity of pi2"].detail == "process, pinned host key and a secret file"


def test_files_values_and_secrets_reach_it_and_leave_with_the_step(guest):
    plant(guest, "TOKEN", "s3cret-for-the-step")
    value = 'x"; rm -rf / #\n$(id)'
    script = 'cat a/b; printf "%s|" "$VALUE"; wc -c < "$KB_SECRETS/TOKEN"; echo x > new; pwd; env | grep -c SSH || true'
    done = there(guest, script, files={"a/b": b"data\n"}, env={"VALUE": value}, secrets=("TOKEN",))
    assert done.stdout == f"data\n{value}|19\n/kb/work\n0\n", done
    after = there(
        guest, "ls -A; ls /run/secrets 2>&1; ls ~root 2>&1; cat /proc/*/cmdline | tr '\\0' ' '"
    )
    assert "new" not in after.stdout.split()
    assert "TOKEN" not in after.stdout
    assert "s3cret" not in after.stdout
    assert "ermission denied" in after.stdout  # root's folder


def test_exit_codes_and_both_streams_come_back(guest):
    done = there(guest, "echo out; echo err >&2; exit 7")
    assert (done.exit, done.stdout, done.stderr) == (7, "out\n", "err\n")
    assert there(guest, "kill -9 $$").exit == 137
    assert there(guest, "false; echo not reached").exit == 1


def test_no_right_can_be_had_back(guest):
    script = "grep -E 'CapEff|NoNewPrivs' /proc/self/status; touch /usr/x 2>&1; su -c id 2>&1 < /dev/null"
    done = there(guest, f"{script} || true")
    assert "CapEff:\t0000000000000000" in done.stdout
    assert "NoNewPrivs:\t1" in done.stdout
    assert "uid=0" not in done.stdout


# ---------------------------------------------------------------------- the host's folders
def test_what_a_step_changes_on_its_host_is_carried_back(guest):
    folder = view(guest)
    (folder / "old").write_text("old\n")
    (folder / "gone").write_text("gone\n")
    (folder / "same").write_text("same\n")
    before = (folder / "same").stat().st_mtime_ns
    with (folder / "sparse").open("wb") as file:
        file.truncate(8 << 20)
        file.seek(4 << 20)
        file.write(b"x" * 4096)
    script = f"cd {VIEW}; cat old; find sparse -printf '%b\\n'; echo new > old; rm gone; mkdir d; echo in > d/f; ln -s /etc/shadow link"
    done = there(guest, script)
    assert done.stdout == "old\n8\n", done  # 4 KiB of 8 MiB are on the disk: holes stay holes
    assert (folder / "old").read_text() == "new\n"
    assert (folder / "d/f").read_text() == "in\n"
    assert not (folder / "gone").exists()
    assert (folder / "same").stat().st_mtime_ns == before
    assert (folder / "sparse").stat().st_blocks == 8
    assert os.readlink(folder / "link") == "/etc/shadow"
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def test_the_holes_of_a_layer_are_holes_in_the_guest(guest):
    """What recovery rests on: a network file system would show them as data."""
    with (view(guest) / "layer").open("wb") as file:
        file.truncate(1 << 20)
        file.seek(1 << 19)
        file.write(b"x" * 4096)
    script = f"""python3 -c 'import os; f = os.open("{VIEW}/layer", 0); print(os.lseek(f, 0, os.SEEK_DATA))'; rm {VIEW}/layer"""
    assert there(guest, script).stdout == f"{1 << 19}\n"


# ---------------------------------------------------------------------- limits
def test_a_flood_of_output_is_bounded(guest):
    done = there(guest, "yes 0123456789 | head -c 8000000; echo end >&2")
    assert (done.exit, done.truncated, done.stderr) == (0, True, "end\n")
    assert len(done.stdout) == 1 << 20


def test_a_step_that_takes_too_long_is_ended_with_all_it_started(guest):
    script = f"echo here > {VIEW}/left; setsid nohup sleep 4711 & disown -a; sleep 4712"
    done = there(guest, script, timeout=15.0)
    assert done.timed_out
    assert (view(guest) / "left").read_text() == "here\n"  # what it did on its host, it did
    seen = there(guest, f"rm {VIEW}/left; ps -eo args | grep -c '[s]leep 471' || true")
    assert seen.stdout == "0\n"


def test_what_a_step_left_in_the_background_ends_with_it(guest):
    assert there(guest, "setsid nohup sleep 4713 >/dev/null 2>&1 & echo on").stdout == "on\n"
    assert there(guest, "ps -eo args | grep -c '[s]leep 4713' || true").stdout == "0\n"


def test_a_fork_bomb_is_bounded_and_the_guest_lives_on(guest):
    done = there(guest, "bomb() { bomb | bomb & }; bomb; sleep 3; echo survived", timeout=60.0)
    assert "fork" in done.stderr or done.timed_out
    assert there(guest, "ps -u 1000 | wc -l").exit == 0


def test_memory_is_bounded(guest):
    more = guest.profile.guests["pi2"].memory * 7 // 8
    done = there(guest, f"python3 -c 'x = bytearray({more} << 20); print(len(x))'")
    assert done.exit != 0
    assert done.stdout == ""
    assert there(guest, "echo alive").stdout == "alive\n"


# ---------------------------------------------------------------------- nowhere to go
CONNECTS = """python3 -c '
import socket, sys
for each in sys.argv[1:]:
    host, port = each.rsplit(":", 1)
    tried = socket.socket(); tried.settimeout(3)
    print(each, tried.connect_ex((host, int(port))) == 0)
' """


def test_nothing_of_this_machine_can_be_reached_from_a_guest(guest, box, listener):
    """This machine's ports, a door of another sandbox that is open to it, and the outside."""
    door = box.doors()["vault"]
    hosts = ("10.0.2.2", "10.0.2.3", "127.0.0.1")
    with listening(box.entry.cell / door["socket"]) as other:
        assert (
            socket.create_connection(("127.0.0.1", other), 2).close() is None
        )  # from outside: yes
        places = [f"{host}:{port}" for host in hosts for port in (listener.port, other)]
        done = there(guest, CONNECTS + " ".join([*places, "198.18.0.1:80", "10.0.2.2:2222"]))
    assert done.exit == 0, done
    seen = dict(line.split() for line in done.stdout.splitlines())
    assert list(seen) == [*places, "198.18.0.1:80", "10.0.2.2:2222"]
    assert set(seen.values()) == {"False"}
    assert listener.reached == 0


@pytest.mark.parametrize(
    ("restriction", "reached"),
    [(image.RESTRICTION, [False, False]), ("restrict=off", [True, True])],
)
def test_it_is_the_restriction_that_holds_the_guest(machine, tmp_path, restriction, reached):
    """The positive control: the same guest reaches both where its card is not restricted."""
    guest = machine.guests["pi2"]
    made = image.require(guest)
    over = [
        "qemu-img",
        "create",
        "-q",
        "-f",
        "qcow2",
        "-F",
        "qcow2",
        "-b",
        str(made.folder / "disk.qcow2"),
    ]
    subprocess.run([*over, str(tmp_path / "disk")], check=True)
    shutil.copy(made.folder / "key", tmp_path / "key")
    shutil.copy(ROOT / "tests/support/netguest.py", tmp_path)
    command = image.machine(guest, str(made.folder), "/w/disk", "/w/monitor")
    command = [each.replace(image.RESTRICTION, restriction) for each in command]
    run_it = ["/usr/bin/python3", "-I", "/w/netguest.py", str(made.folder / "memory"), *command]
    cell = alone(find_bwrap(), tmp_path, run_it)
    at = cell.index("--chdir")
    cell[at:at] = ["--ro-bind", str(made.folder), str(made.folder), "--cap-add", "CAP_NET_ADMIN"]
    done = subprocess.run(cell, capture_output=True, text=True, timeout=180, check=False)
    assert done.stdout.strip(), done.stderr
    assert json.loads(done.stdout) == reached


# ---------------------------------------------------------------------- identity
def test_another_host_key_is_refused(guest):
    """Somebody else behind the guest's address: a connection that is new is proven again."""
    key = guest.entry.cell / "etc" / "ssh" / "pi2" / "known_hosts"
    pinned = key.read_text()
    other = guest.entry.cell / "etc" / "ssh" / "pi2" / "line.pub"
    key.write_text(f"pi2 {' '.join(other.read_text().split()[:2])}\n")
    try:
        done = there(guest, "echo never")
        assert done.exit == 255
        assert done.stdout == ""
        assert "Host key verification failed" in done.stderr
        for child in programs(guest, "ssh"):
            end(child)
        with pytest.raises(BoundaryError, match="its host key is not the one this sandbox made"):
            there(guest, "echo never")
    finally:
        key.write_text(pinned)
    assert there(guest, "echo again").stdout == "again\n"


def programs(guest, name):
    """Its processes that run a program."""
    running = marked(guest.record.id)
    return [each for each in running if os.readlink(f"/proc/{each.pid}/exe").endswith(f"/{name}")]


# ---------------------------------------------------------------------- reset and end
def test_reset_undoes_what_was_done_in_the_guest(guest):
    assert there(guest, "echo changed > /var/tmp/mark; echo x > ~/left").exit == 0
    assert there(guest, "cat /var/tmp/mark ~/left").stdout == "changed\nx\n"
    began = time.monotonic()
    guest.reset()
    print(f"\nreset in {time.monotonic() - began:.1f} s")
    assert there(guest, "ls /var/tmp ~").stdout.split() == ["/kb/home:", "/var/tmp:"]
    now = float(there(guest, "date +%s").stdout)
    assert abs(now - time.time()) < 30


def test_a_guest_that_dies_is_named(guest):
    try:
        (emulator,) = programs(guest, "qemu-system-aarch64")
        assert guest.dead() == ()
        end(emulator)
        assert eventually(guest.dead, ("pi2",)) == ("pi2",)
        with pytest.raises(SandboxError):
            there(guest, "true")
    finally:
        guest.reset()
    assert there(guest, "echo back").stdout == "back\n"


def test_what_is_kept_starts_again_and_nothing_is_left_in_the_end(machine, tmp_path):
    """By the command line: up with one host, kept, up again as it was, and removed."""
    arguments = ("--profile", "vm", "--only", "pi2", "--format", "json")
    code, text = kbtool("sandbox", "up", "box", *arguments, state=tmp_path, timeout=180)
    assert code == 0, text
    (box,) = json.loads(text[text.index("{") :])["sandboxes"]
    assert box["profile"] == "vm/pi2"
    assert list(box["parts"]) == ["pi2"]
    folder = tmp_path / "sandboxes" / "box"
    identifier = json.loads((folder / "record.json").read_text())["id"]
    assert kbtool("sandbox", "down", "box", "--keep", state=tmp_path)[0] == 0
    assert list(marked(identifier)) == []
    code, text = kbtool("sandbox", "up", "box", *arguments, state=tmp_path, timeout=180)
    assert code == 0, text
    assert kbtool("sandbox", "down", "box", state=tmp_path)[0] == 0
    assert list(marked(identifier)) == []
    assert not folder.exists()
    assert [path.name for path in tmp_path.glob("sandboxes/*")] == []


# ---------------------------------------------------------------------- what cannot be had
def test_the_whole_lab_is_refused_by_name(tmp_path):
    empty = {"KBTOOL_STORE": str(tmp_path / "store")}
    code, text = kbtool("sandbox", "up", "--profile", "vm", state=tmp_path, env=empty)
    assert code == 3
    assert "k3s-arm64 of k3s v1.34.3+k3s1" in text
    assert "image postgres:17.6 for linux/arm64" in text
    assert "kbtool sandbox assets --profile vm" in text
    assert "--only NAME" in text
    code, text = kbtool("sandbox", "up", "--profile", "vm", "--only", "pi4", state=tmp_path)
    assert code == 2
    assert "it has pi1, pi2, pi3" in text
