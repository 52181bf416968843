"""The relay in every cell: bytes pass both ways unchanged, ends are passed on, orphans are reaped."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool.sandbox import relay
from kbtool.sandbox.expose import listening

# Answers what it got, turned round, once the client has said that it is done.
ECHO = """
import socket, sys, threading
def answer(client):
    with client:
        data = b""
        while more := client.recv(65536):
            data += more
        client.sendall(data[::-1])
family, place = (socket.AF_INET, ("127.0.0.1", int(sys.argv[1]))) if sys.argv[1].isdigit() else (
    socket.AF_UNIX, sys.argv[1])
server = socket.socket(family)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(place)
server.listen(64)
while True:
    threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()
"""


@contextlib.contextmanager
def running(*arguments, **kwargs):
    command = [sys.executable, "-I", "-S", relay.__file__, *map(str, arguments)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **kwargs)
    try:
        yield process
    finally:
        for child in _children(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        process.kill()
        process.wait()


def _children(pid):
    """The children of a process of ours; PID 1 of a cell would take them with it."""
    with contextlib.suppress(OSError):
        return map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return []


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory(dir="/tmp") as made:
        yield Path(made)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture(scope="module")
def served(folder):
    """A server that knows ports only, behind a socket: as the API server is."""
    port, door = free_port(), folder / "served.sock"
    door.write_text("left by a predecessor")
    with running("--server", "--serve", f"{door}={port}", "--", sys.executable, "-c", ECHO, port):
        yield lambda: _unix(door)


@pytest.fixture(scope="module")
def reached(folder):
    """A server on a socket, reached by a port: as every server is from a step."""
    port, door = free_port(), folder / "reached.sock"
    with running(f"{port}={door}", "--server", "--", sys.executable, "-c", ECHO, door):
        yield lambda: socket.create_connection(("127.0.0.1", port))


@pytest.fixture(scope="module")
def exposed(folder):
    """The same from outside, as `up --expose` makes it."""
    door = folder / "exposed.sock"
    with (
        subprocess.Popen([sys.executable, "-c", ECHO, str(door)]) as server,
        listening(door) as port,
    ):
        yield lambda: socket.create_connection(("127.0.0.1", port))
        server.kill()


def _unix(path):
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(path))
    except OSError:
        connection.close()
        raise
    return connection


def turned(connect, chunks):
    """Send the chunks, say that this is all, and return the answer; early ones find nobody yet."""
    limit = time.monotonic() + 20
    while True:
        with contextlib.suppress(OSError):
            answer = _asked(connect, chunks)
            if answer or not any(chunks):
                return answer
        assert time.monotonic() < limit
        time.sleep(0.02)


def _asked(connect, chunks):
    with connect() as connection:
        connection.settimeout(20)
        for chunk in chunks:
            connection.sendall(chunk)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while more := connection.recv(65536):
            answer += more
        return answer


@pytest.mark.parametrize("way", ["served", "reached", "exposed"])
@given(chunks=st.lists(st.binary(max_size=5000), max_size=6))
def test_bytes_pass_both_ways_unchanged(request, way, chunks):
    connect = request.getfixturevalue(way)
    assert turned(connect, chunks) == b"".join(chunks)[::-1]


@pytest.mark.parametrize("way", ["served", "reached", "exposed"])
def test_much_passes_at_once_and_side_by_side(request, way):
    connect = request.getfixturevalue(way)
    data = bytes(range(256)) * 20_000
    assert turned(connect, [data]) == data[::-1]
    with connect() as idle:
        assert turned(connect, [b"abc"]) == b"cba"  # one that says nothing holds up nobody
        idle.shutdown(socket.SHUT_WR)


def test_a_server_that_is_not_there_hangs_up(folder):
    port = free_port()
    with running(f"{port}={folder}/nobody.sock", "--server", "--", "/bin/sleep", "60"):
        limit = time.monotonic() + 20
        while time.monotonic() < limit:
            with contextlib.suppress(ConnectionRefusedError, ConnectionResetError):
                with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
                    assert client.recv(1) == b""
                return
            time.sleep(0.02)
        raise AssertionError("the relay did not listen")


@pytest.mark.parametrize(
    ("script", "code"),
    [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137)],
)
def test_it_ends_as_its_command_does(script, code):
    with running("--server", "--", "/bin/sh", "-c", script) as process:
        assert process.wait(20) == code


def test_it_outlives_what_its_command_left_and_not_the_command():
    """PID 1 reaps who was left to it; its end is the command's end, nobody else's."""
    script = "(sleep 0.1; exit 3) & sleep 0.4; exit 5"
    with running("--server", "--", "/bin/sh", "-c", script) as process:
        assert process.wait(20) == 5


def test_an_options_port_and_socket_are_parted_at_the_first_sign(folder):
    found = []
    for listener, target in relay.listening(["0=/kb/d/a=b.sock"]):
        found.append((listener.getsockname()[0], target))
        listener.close()
    assert found == [("127.0.0.1", "/kb/d/a=b.sock")]
    assert list(relay.listening(["--tty", "--server"])) == []
