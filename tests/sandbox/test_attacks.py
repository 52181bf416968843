"""Each layer by an attack that succeeds where the layer is not: every test has its control."""

import contextlib
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pytest
from support.sandbox import fresh, own_secret, plant, run, unprivileged

from kbtool.errors import BoundaryError, SandboxError
from kbtool.runbook.drill import confined
from kbtool.runbook.ports import HttpQuery, RunQuery, SqlQuery
from kbtool.sandbox import launch
from kbtool.sandbox.components.openbao import program as bao
from kbtool.sandbox.components.postgres import programs


def _has_name():
    try:
        return bool(pwd.getpwuid(os.geteuid()))
    except KeyError:
        return False


ADMIN = 'export PGUSER=kbadmin PGPASSWORD="$(cat $KB_SECRETS/ADMIN)" PGDATABASE=postgres\n'
ROOT_TOKEN = 'bao login -no-print - < "$KB_SECRETS/ROOT"\n'


@pytest.fixture
def pg_admin(box):
    plant(box, "ADMIN", own_secret(box, "postgres.admin"))
    yield ("ADMIN",)
    (box.entry.cell / "secrets/step/ADMIN").unlink()


@pytest.fixture
def bao_root(box):
    plant(box, "ROOT", own_secret(box, "vault.root"))
    yield ("ROOT",)
    (box.entry.cell / "secrets/step/ROOT").unlink()


# ---------------------------------------------------------------------- layer 3: from a step
def test_a_step_reaches_no_other_port_of_the_host(box, listener):
    attack = f"curl -sS -m2 http://127.0.0.1:{listener.port}/"
    outside = subprocess.run(["bash", "-c", attack], capture_output=True, text=True, check=True)
    assert outside.stdout == "REACHED\n"
    inside = run(box, attack)
    assert inside.exit != 0
    assert listener.reached == 1


@pytest.mark.parametrize("kind", ["docker.sock", "abstract"])
def test_a_step_reaches_no_socket_of_the_host(box, tmp_path, kind):
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    address = str(folder / "docker.sock") if kind == "docker.sock" else f"\0kb-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        code = f"import socket; socket.socket(socket.AF_UNIX).connect({address!r})"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
        assert run(box, f"python3 -c '{code}'".replace("\\x00", "\\0")).exit != 0
    shutil.rmtree(folder)


def test_a_step_reads_no_file_of_the_operator(box, canary):
    assert subprocess.run(["cat", canary], capture_output=True, check=True).stdout == b"CANARY\n"
    inside = run(box, f"cat {canary} || ls -la {canary.parent}")
    assert inside.exit != 0
    assert "CANARY" not in inside.stdout


def test_a_step_reads_only_the_secrets_it_names(box):
    done = run(box, "ls $KB_SECRETS; cat $KB_SECRETS/UNSEAL_KEY", secrets=("ERP_ROLE_ID",))
    assert done.stdout == "ERP_ROLE_ID\n"
    assert done.exit != 0
    with pytest.raises(SandboxError, match="made no secret"):
        run(box, "true", secrets=("HOST_KEY",))
    for name in ("vault.root", "postgres.admin"):
        assert own_secret(box, name)
        with pytest.raises(SandboxError, match="made no secret"):
            run(box, "true", secrets=(f"../{name}",))


def test_a_step_cannot_replace_a_servers_socket(box):
    assert run(box, "ls /kb/d/vault/bao.sock").exit == 0
    assert run(box, "rm -f /kb/d/vault/bao.sock").exit != 0
    assert run(box, "mv /kb/d/vault /kb/d/mine").exit != 0


def test_a_second_sandboxes_sockets_are_not_there(box, profile, tmp_path):
    with fresh(profile, tmp_path) as other:
        door = other.entry.cell / "d/vault/bao.sock"
        with socket.socket(socket.AF_UNIX) as control:
            folder = os.open(door.parent, os.O_PATH)
            control.connect(f"/proc/self/fd/{folder}/{door.name}")
            os.close(folder)
        assert run(box, f"ls {door}; ls {other.entry.folder}").exit != 0
        key = own_secret(other, "vault.unseal")
        assert key not in run(box, "cat $KB_SECRETS/UNSEAL_KEY", secrets=("UNSEAL_KEY",)).stdout
        ids = {
            box.observe(HttpQuery("vault", "/v1/sys/seal-status"), 5).value["body"]["cluster_id"]
        }
        ids |= {
            other.observe(HttpQuery("vault", "/v1/sys/seal-status"), 5).value["body"]["cluster_id"]
        }
        assert len(ids) == 2


def test_nested_user_namespaces_are_refused(box):
    assert run(box, "unshare -U true").exit != 0


def test_the_system_is_read_only(box):
    for path in (
        "/x",
        "/usr/x",
        f"{sys.prefix}/x",
        "/kb/x",
        "/kb/bin/x",
        "/etc/x",
        "/dev/x",
        "/run/x",
    ):
        assert run(box, f"touch {path}").exit != 0, path


# ---------------------------------------------------------------------- layer 2: nothing to leak
def test_stdin_is_empty(box):
    done = run(box, "cat; echo end")
    assert done.stdout == "end\n"


def test_the_operators_environment_is_not_there(box, monkeypatch):
    monkeypatch.setenv("AWS_SECRET", "leakme")
    everywhere = "env; cat /proc/*/environ | tr '\\0' '\\n'"
    assert "leakme" in subprocess.run(["env"], capture_output=True, text=True, check=True).stdout
    done = run(box, everywhere)
    assert "leakme" not in done.stdout
    assert "KB_SECRETS=/run/secrets" in done.stdout


def test_inherited_descriptors_are_closed(profile, tmp_path, canary):
    fd = os.open(canary, os.O_RDONLY)
    os.set_inheritable(fd, True)
    try:
        control = subprocess.run(
            ["cat", f"/proc/self/fd/{fd}"], close_fds=False, capture_output=True, check=True
        )
        assert control.stdout == b"CANARY\n"
        with fresh(profile, tmp_path / "state") as sandbox:
            done = run(sandbox, "for f in /proc/[0-9]*/fd/*; do cat $f < /dev/null & done; sleep 1")
            assert "CANARY" not in done.stdout
            assert run(sandbox, "ls /proc/self/fd").stdout.split() == [
                "0",
                "1",
                "2",
                "3",
            ]  # ls's own
    finally:
        os.close(fd)


def test_secrets_are_in_no_command_line_and_no_environment(box):
    running = box.start(_sleeping(("UNSEAL_KEY", "ERP_SECRET_ID")))
    try:
        assert _soon(lambda: _running("sleep", "776"))
        values = [own_secret(box, f"step/{name}") for name in ("UNSEAL_KEY", "ERP_SECRET_ID")]
        seen = b""
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                seen += (entry / "cmdline").read_bytes()
            if entry.name != str(os.getpid()):
                with contextlib.suppress(OSError):
                    seen += (entry / "environ").read_bytes()
        assert b"sleep" in seen
        assert not any(value.encode() in seen for value in values)
    finally:
        running.kill()


def _sleeping(secrets=()):
    from kbtool.runbook.ports import Action

    return Action("S1", "sh", "sleep 776", "operator", 30.0, secrets=secrets)


def test_secrets_are_masked_in_every_stream(box):
    script = (
        "k=$KB_SECRETS/UNSEAL_KEY; cat $k; echo; cat $k >&2; base64 -w0 $k; echo; "
        "python3 -c 'import sys; print(open(sys.argv[1]).read().encode().hex())' $k"
    )
    done = run(box, script, secrets=("UNSEAL_KEY",))
    assert done.exit == 0
    assert done.leaked == ("UNSEAL_KEY",)
    key = own_secret(box, "step/UNSEAL_KEY")
    assert key not in done.stdout + done.stderr
    assert key.encode().hex() not in done.stdout
    assert done.stdout.count("[secret UNSEAL_KEY]") == 3


def test_control_characters_are_made_visible(box):
    done = run(box, r"printf 'a\033]0;title\007b\033[2Jc\u202ed\r\ne\n'")
    assert done.stdout == "a\\x1b]0;title\\x07b\\x1b[2Jc\\u202ed\ne\n"


def test_nobody_types_into_the_operators_terminal(box):
    """TIOCSTI needs a controlling terminal; a step without a pty has none."""
    code = "import fcntl,os,termios; fcntl.ioctl(os.open('/dev/tty',2), termios.TIOCSTI, b'x')"
    assert run(box, f'python3 -c "{code}"').exit != 0


def test_checks_ignore_the_operators_client_settings(box, listener, monkeypatch):
    monkeypatch.setenv("PGHOST", "127.0.0.1")
    monkeypatch.setenv("PGPORT", str(listener.port))
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{listener.port}")
    with contextlib.suppress(psycopg.OperationalError):
        psycopg.connect("user=x password=y connect_timeout=2").close()
    assert listener.reached == 1  # the control: outside, the setting steers the client
    assert box.observe(SqlQuery("postgres", "SELECT 1"), 5).value == "1"
    assert box.observe(HttpQuery("vault", "/v1/sys/seal-status"), 5).status == "value"
    assert listener.reached == 1


# ---------------------------------------------------------------------- layer 0: servers as deputies
def copy_program(port, file):
    command = f"curl -sS -m2 http://127.0.0.1:{port}/; cat {file}; id -u; true"
    return (
        'psql -XAtq -v ON_ERROR_STOP=1 -c "CREATE TEMP TABLE x(l text); '
        f"COPY x FROM PROGRAM '{command}'; TABLE x\""
    )


def test_postgres_as_deputy_reaches_nothing(box, listener, canary, pg_admin):
    done = run(box, ADMIN + copy_program(listener.port, canary), secrets=pg_admin)
    assert done.stdout == "1000\n", done.stderr  # the superuser did run a program …
    assert listener.reached == 0  # … which reached nobody and read nothing


@pytest.mark.skipif(not _has_name(), reason="initdb refuses a uid that has no name here")
def test_postgres_without_the_cell_reaches_everything(listener, canary):
    """The control: the same programs, started by hand."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o777)
    canary.parent.chmod(0o755)
    readable = folder / "file"
    shutil.copy(canary, readable)
    readable.chmod(0o644)
    pg = _reachable(programs(), folder)
    init = unprivileged(
        [pg / "initdb", "-D", folder / "d", "-A", "trust", "-U", "kbadmin"],
        stdout=subprocess.DEVNULL,
        env={"LC_ALL": "C"},
    )
    assert init.wait() == 0
    server = unprivileged(
        [pg / "postgres", "-D", folder / "d", "-c", "listen_addresses=", "-k", folder],
        stderr=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin"},
    )
    try:
        attack = copy_program(listener.port, readable)
        for _ in range(100):
            env = {
                "PATH": f"{programs()}:/usr/bin:/bin",
                "PGHOST": str(folder),
                "PGUSER": "kbadmin",
                "PGDATABASE": "postgres",
            }
            done = subprocess.run(
                ["bash", "-c", attack], env=env, capture_output=True, text=True, check=False
            )
            if done.returncode == 0:
                break
            time.sleep(0.1)
        assert "REACHED" in done.stdout, done.stderr
        assert "CANARY" in done.stdout
        assert listener.reached == 1
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(folder)


def _reachable(folder, near):
    """A copy of programs a user without rights can reach, where the original is closed to it."""
    if os.geteuid() != 0:
        return folder
    source = folder.parent.parent
    copied = near / "programs"
    shutil.copytree(source, copied, symlinks=True)
    libraries = source.parent / f"{source.name}.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, near / libraries.name, symlinks=True)
    subprocess.run(["chmod", "-R", "a+rX", near], check=True)
    return copied / folder.relative_to(source)


BAO_ATTACKS = (
    "bao secrets enable -path=evil database >/dev/null || true; "
    "bao write evil/config/x plugin_name=postgresql-database-plugin allowed_roles=* "
    "connection_url='postgresql://u:p@127.0.0.1:{port}/x?connect_timeout=2&sslmode=disable' || true\n",
    "bao auth enable -path=evil jwt >/dev/null || true; "
    "bao write auth/evil/config jwks_url=http://127.0.0.1:{port}/keys || true\n",
)


@pytest.mark.parametrize("attack", BAO_ATTACKS, ids=["connection_url", "jwks_url"])
def test_openbao_as_deputy_reaches_nothing(box, listener, bao_root, attack):
    done = run(box, ROOT_TOKEN + attack.format(port=listener.port), secrets=bao_root)
    assert done.exit == 0
    assert re.search("refused|error checking jwks URL", done.stderr)  # it did try
    assert listener.reached == 0


@pytest.mark.parametrize("attack", BAO_ATTACKS, ids=["connection_url", "jwks_url"])
def test_openbao_without_the_cell_reaches_the_listener(listener, attack, tmp_path):
    """The control: the same program, started by hand."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [bao(), "server", "-dev", f"-dev-listen-address=127.0.0.1:{port}"]
    environment = {"PATH": f"{bao().parent}:/usr/bin:/bin", "HOME": str(tmp_path)}
    environment |= {"BAO_ADDR": f"http://127.0.0.1:{port}", "BAO_TOKEN": "root"}
    server = subprocess.Popen(
        [*command, "-dev-root-token-id=root"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(100):
            up = subprocess.run(
                [bao(), "status"], env=environment, capture_output=True, check=False
            )
            if up.returncode == 0:
                break
            time.sleep(0.1)
        script = attack.format(port=listener.port)
        subprocess.run(["bash", "-c", script], env=environment, capture_output=True, check=False)
        assert listener.reached >= 1
    finally:
        server.kill()
        server.wait()


def test_a_server_cannot_read_its_siblings_keys(box, pg_admin):
    """COPY PROGRAM looks around inside PostgreSQL's own cell."""
    look = "ls -a /kb /kb/s /kb/d /sb 2>&1; cat /proc/[0-9]*/comm | sort -u; true"
    done = run(
        box,
        ADMIN
        + copy_program(1, "/kb/secrets")
        + f"; psql -XAtqc \"CREATE TEMP TABLE y(l text); COPY y FROM PROGRAM '{look}'; TABLE y\"",
        secrets=pg_admin,
    )
    assert done.exit == 0, done.stderr
    assert "bao" not in done.stdout.replace("bao.sock", "")
    assert "secrets" not in done.stdout


def test_the_manager_of_roles_is_no_superuser(box):
    seen = box.observe(
        SqlQuery("postgres", "SELECT string_agg(rolname, ',') FROM pg_roles WHERE rolsuper"), 5
    )
    assert seen.value == "kbadmin"


def test_step_credentials_cannot_steer_the_vault(box):
    login = (
        "bao write -field=token auth/approle/login role_id=@$KB_SECRETS/ERP_ROLE_ID "
        "secret_id=@$KB_SECRETS/ERP_SECRET_ID > ~/.vault-token\n"
    )
    secrets = ("ERP_ROLE_ID", "ERP_SECRET_ID")
    assert run(box, login + "bao read postgres/creds/erp", secrets=secrets).exit == 0
    for attack in (
        "bao kv get kvv2/erp/config",
        "bao read postgres/config/erp",
        "bao auth list",
        "bao read kbtool-identity/canary",
    ):
        done = run(box, login + attack, secrets=secrets)
        assert done.exit != 0, attack
        assert "403" in done.stderr or "permission denied" in done.stderr


# ---------------------------------------------------------------------- layer 4: nothing left running
def test_a_timeout_ends_what_escaped_its_session(box):
    began = time.monotonic()
    done = run(
        box, "(setsid nohup sleep 777 >/dev/null 2>&1 &); echo started; sleep 778", timeout=1.0
    )
    assert done.timed_out
    assert done.stdout == "started\n"
    assert time.monotonic() - began < 20
    assert not _running("sleep", "777")


def test_a_normal_end_ends_what_was_left_behind(box):
    escape = "(setsid nohup env -i sleep 779 >/dev/null 2>&1 &)"
    assert run(box, f"{escape}; echo done").exit == 0
    assert not _running("sleep", "779")


def test_without_a_cell_what_was_left_behind_runs_on():
    """The control: the same escape, and the whole process group killed."""
    escape = "(setsid nohup env -i sleep 780 >/dev/null 2>&1 &)"
    shell = subprocess.Popen(["sh", "-c", f"{escape}; sleep 0.3"], start_new_session=True)
    shell.wait()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(shell.pid, signal.SIGKILL)
    (escaped,) = _running("sleep", "780")
    os.kill(escaped, signal.SIGKILL)


def _running(*command):
    """Return the pids of processes with this command line, seen from outside every cell."""
    line = "\0".join((*command, "")).encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found += [int(path.parent.name)] * (path.read_bytes() == line)
    return found


def test_an_output_flood_is_bounded(box):
    done = run(box, "yes | head -c 100000000; echo end >&2", timeout=60)
    assert done.exit == 0
    assert done.truncated
    assert len(done.stdout) <= 1 << 20
    assert done.stderr == "end\n"


def test_memory_and_processes_are_bounded(box):
    assert run(box, "python3 -c 'x = bytearray(3 << 30)'").exit != 0
    bomb = run(box, "for i in $(seq 400); do sleep 2 & done; wait", timeout=20)
    assert "esource temporarily unavailable" in bomb.stderr or bomb.exit != 0


def test_a_lost_client_ends_its_step(box):
    running = box.start(_sleeping())
    assert _soon(lambda: _running("sleep", "776"))
    running.close()
    assert _soon(lambda: not _running("sleep", "776"))


def _soon(condition):
    limit = time.monotonic() + 5
    while not condition() and time.monotonic() < limit:
        time.sleep(0.02)
    return condition()


# ---------------------------------------------------------------------- layers 1 and 6
def test_every_layer_holds_and_is_named(box):
    description = box.describe()
    confined(description)
    names = {layer.name for layer in description.layers}
    assert {
        "no network",
        "real unprivileged uid",
        "no route from checks",
        "identity of vault",
    } <= names
    assert all(layer.held for layer in description.layers)


def test_a_cell_that_isolates_nothing_is_noticed(profile, tmp_path, monkeypatch):
    """Attack 40: what calls itself a cell and shares the network is measured, not believed."""
    real = launch.outer

    def leaky(*arguments):
        return [word for word in real(*arguments) if word != "--unshare-net"]

    monkeypatch.setattr(launch, "outer", leaky)
    with fresh(profile, tmp_path) as sandbox:
        description = sandbox.describe()
        broken = [layer.name for layer in description.layers if not layer.held]
        assert broken == ["no route from checks"]
        with pytest.raises(BoundaryError, match="no route from checks"):
            confined(description)


def test_another_server_behind_the_socket_is_refused(profile, tmp_path):
    """Attack 18: somebody takes the server's place between check and connect."""
    with fresh(profile, tmp_path) as sandbox:
        assert sandbox.observe(HttpQuery("vault", "/v1/sys/seal-status"), 5).status == "value"
        path = sandbox.entry.cell / "s/vault/bao.sock"
        path.unlink()
        folder = os.open(path.parent, os.O_PATH)
        with socket.socket(socket.AF_UNIX) as impostor:
            impostor.bind(f"/proc/self/fd/{folder}/bao.sock")
            path.chmod(0o777)
            impostor.listen()
            seen = sandbox.observe(HttpQuery("vault", "/v1/sys/seal-status"), 5)
            assert seen.status == "error"
            with pytest.raises(BoundaryError, match="another process"):
                run(sandbox, "true")
        os.close(folder)


def test_a_restored_foreign_database_is_refused(profile, tmp_path):
    """Attack 20: production's backup in the sandbox's server is not the sandbox."""
    with fresh(profile, tmp_path) as sandbox:
        plant(sandbox, "ADMIN", own_secret(sandbox, "postgres.admin"))
        change = "UPDATE kbtool.identity SET value = 'production'"
        done = run(sandbox, ADMIN + f'psql -XAtqc "{change}"', secrets=("ADMIN",))
        assert done.exit == 0
        with pytest.raises(BoundaryError, match="not the database this sandbox made"):
            run(sandbox, "true")


def test_run_checks_are_confined_like_steps(box, listener):
    seen = box.observe(RunQuery(f"curl -s -m2 http://127.0.0.1:{listener.port}/", None), 5)
    assert seen.status == "value"
    assert seen.value != 0
    assert listener.reached == 0


def test_sql_checks_cannot_write_and_give_one_cell(box):
    for query in (
        "INSERT INTO invoice (who, note) VALUES ('x', 'y')",
        "CREATE TABLE t ()",
        "SELECT pg_read_file('/etc/passwd')",
    ):
        assert box.observe(SqlQuery("postgres", query), 5).status == "error", query
    assert box.observe(SqlQuery("postgres", "SELECT 1, 2"), 5).status == "error"
    assert box.observe(SqlQuery("postgres", "SELECT generate_series(1, 2)"), 5).status == "error"
    assert box.observe(SqlQuery("postgres", "SELECT 1 WHERE false"), 5).status == "absent"
    assert box.observe(SqlQuery("postgres", "SELECT NULL"), 5).value is None
    slow = box.observe(SqlQuery("postgres", "SELECT pg_sleep(60)"), 1)
    assert slow.status == "error"
    assert box.observe(SqlQuery("postgres", "SELECT 'after'"), 5).value == "after"
