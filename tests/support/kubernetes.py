"""Kubernetes for tests: an administrator's client, and API servers outside of every cell."""

import base64
import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tarfile
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

from kbtool.sandbox import expose
from kbtool.sandbox.bubblewrap import find_bwrap
from kbtool.sandbox.components.kubernetes import _EGRESS, ADMIN
from support import arena

ARENA = Path(arena.__file__)


class Api:
    """An administrator who speaks to a door."""

    def __init__(self, door, ca, token):
        self.door, self.ca, self.token = door, ca, token

    def ask(self, method, path, body=None, kind="json", headers=None):
        """Return (status, text); no answer is status 0 with the reason."""
        connection = _Connection(self.door, self.ca)
        sent = {"Authorization": f"Bearer {self.token}", "Content-Type": f"application/{kind}"}
        try:
            text = json.dumps(body) if body is not None else None
            connection.request(method, path, text, {**sent, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            return 0, repr(error)
        finally:
            connection.close()

    def make(self, path, body):
        """Create an object, or find it there."""
        status, text = self.ask("POST", path, body)
        assert status in (200, 201, 409), text
        return text

    def merge(self, path, change):
        """Merge into an object."""
        status, text = self.ask("PATCH", path, change, "merge-patch+json")
        assert status == 200, text

    def read(self, path):
        status, text = self.ask("GET", path)
        assert status == 200, text
        return json.loads(text)


class _Connection(http.client.HTTPConnection):
    def __init__(self, door, ca):
        super().__init__("localhost", timeout=20)
        self.door = Path(door)
        self.context = ssl.create_default_context(cadata=ca)

    def connect(self):
        folder = os.open(self.door.parent, os.O_PATH)
        plain = socket.socket(socket.AF_UNIX)
        try:
            plain.settimeout(self.timeout)
            plain.connect(f"/proc/self/fd/{folder}/{self.door.name}")
            self.sock = self.context.wrap_socket(plain, server_hostname="localhost")
        except BaseException:
            plain.close()
            raise
        finally:
            os.close(folder)


def kubeconfig(box, user):
    """The kubeconfig of any user, as the supervisor wrote it."""
    return box.entry.cell / "etc" / "kube" / f"{user}.yaml"


def administrator(box):
    """The cluster's administrator at the sandbox's door: what if every rule of RBAC had fallen?"""
    config = yaml.safe_load(kubeconfig(box, ADMIN).read_text())
    ca = base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]).decode()
    door = box.entry.cell / "d" / "kubernetes" / "k8s.sock"
    return Api(door, ca, config["users"][0]["user"]["token"])


@contextlib.contextmanager
def reachable(box, folder, user=ADMIN):
    """A kubeconfig by which kubectl and clients on this machine reach the sandbox as `user`."""
    with expose.listening(box.entry.cell / "d" / "kubernetes" / "k8s.sock") as port:
        path = folder / f"{user}.yaml"
        text = kubeconfig(box, user).read_text()
        path.write_text(text.replace("127.0.0.1:6443", f"127.0.0.1:{port}"))
        path.chmod(0o600)
        yield path


@dataclass
class Outside:
    """An API server without a cell, in a namespace of its own, and who it calls there."""

    api: Api
    hits: Path

    def reached(self):
        return self.hits.stat().st_size


@contextlib.contextmanager
def outside(box, programs, locks=""):
    """Start the sandbox's own programs outside, with its keys, tokens and store."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    hits = folder / "hits"
    hits.touch()
    try:
        _copy(box, folder)
        (folder / "egress.yaml").write_text(_EGRESS.replace("/kb/data", str(folder)))
        alone = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "-r", "--net"]
        command = [
            *alone,
            "--kill-child",
            "--fork",
            "--pid",
            "--mount-proc",
            sys.executable,
            str(ARENA),
        ]
        process = subprocess.Popen(
            [*command, str(programs), str(folder), str(hits), find_bwrap(), locks],
            stdin=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        )
        api = Api(folder / "k8s.sock", (folder / "ca.crt").read_text(), administrator(box).token)
        try:
            _restore(box, folder)
            soon(lambda: api.ask("GET", "/readyz")[0] == 200, 120, folder / "log")
            yield Outside(api, hits)
        finally:
            process.stdin.close()
            process.terminate()
            process.wait()
    finally:
        shutil.rmtree(folder)


def _copy(box, folder):
    with tarfile.open(box.entry.cell / "seed.tar") as seed:
        for member in seed.getmembers():
            path = Path(member.name)
            if path.parent.name == "kubernetes" and member.isfile():
                (folder / path.name).write_bytes(seed.extractfile(member).read())


def _restore(box, folder):
    """Fill the new store with what the sandbox's had when it was seeded."""
    soon((folder / "etcd.sock").exists, 60, folder / "log")
    keys = json.loads((box.entry.cell / "etcd-seed.json").read_bytes())
    puts = [{"requestPut": {"key": key, "value": value}} for key, value in keys.items()]
    connection = http.client.HTTPConnection("localhost", timeout=30)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(folder / "etcd.sock"))
    try:
        connection.request("POST", "/v3/kv/txn", json.dumps({"success": puts}))
        assert json.loads(connection.getresponse().read())["succeeded"]
    finally:
        connection.close()


def soon(condition, seconds, log=None):
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            raise AssertionError(log.read_text()[-2000:] if log else "it did not come about")
        time.sleep(0.05)
