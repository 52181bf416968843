#!/usr/bin/python3
"""Stands for k3s in a guest: what kbtool asks of it before anything is deployed, and no more.

It reads the configuration k3s would read, with the tokens it would read; makes an authority; the
server answers on the port, the agents join by the token and stay by their heartbeat.
"""

import http.server
import json
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import time
import urllib.request

CONFIG = json.loads(pathlib.Path("/etc/rancher/k3s/config.yaml").read_text())
JOIN = pathlib.Path(CONFIG["token-file"]).read_text()
TLS = pathlib.Path("/var/lib/rancher/k3s/server/tls")
AIRGAP = pathlib.Path("/var/lib/rancher/k3s/agent/images")
LOST_AFTER = 10
beats = {}
objects = {"namespaces/kube-system": {"metadata": {"uid": os.urandom(8).hex()}}}


def users():
    option = dict(each.split("=", 1) for each in CONFIG["kube-apiserver-arg"])
    rows = pathlib.Path(option["token-auth-file"]).read_text().splitlines()
    return {f"Bearer {row.split(',')[0]}": row.split(",")[1] for row in rows}


def node(name):
    ready = time.monotonic() - beats[name] < LOST_AFTER
    status = {"type": "Ready", "status": "True" if ready else "Unknown"}
    return {"metadata": {"name": name}, "status": {"conditions": [status]}}


class Api(http.server.BaseHTTPRequestHandler):
    timeout = 10  # of whoever lost its way here in the middle of a word

    def do_GET(self):
        whole = self.path.partition("?")[0]
        path = whole.removeprefix("/api/v1/")
        if self.headers["Authorization"] not in users():
            self.answer(401, b"no")
        elif whole == "/readyz":
            self.answer(200, b"ok")
        elif whole == "/version":
            self.answer(200, {"gitVersion": "v1.34.3+k3s1"})
        elif path == "nodes":
            beats[CONFIG["node-name"]] = time.monotonic()
            self.answer(200, {"items": [node(name) for name in beats]})
        elif path.removeprefix("namespaces/kube-system/") in objects:
            self.answer(200, objects[path.removeprefix("namespaces/kube-system/")])
        else:
            self.answer(404, b"none")

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/join" and self.headers["Authorization"] == JOIN:
            beats[body["name"]] = time.monotonic()
            self.answer(200, {})
        elif self.headers["Authorization"] in users():
            kind = self.path.rpartition("/")[2]
            objects[f"{kind}/{body['metadata']['name']}"] = body
            self.answer(201, body)
        else:
            self.answer(401, b"no")

    def answer(self, code, what):
        data = what if isinstance(what, bytes) else json.dumps(what).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def server():
    TLS.mkdir(parents=True)
    addresses = (*CONFIG["tls-san"], CONFIG["node-ip"])
    names = ",".join(["DNS:localhost", *(f"IP:{each}" for each in addresses)])
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    new += ["-nodes", "-days", "9", "-subj", "/CN=k3s", "-addext", f"subjectAltName={names}"]
    subprocess.run([*new, "-keyout", TLS / "key", "-out", TLS / "new"], check=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "new", TLS / "key")
    with http.server.ThreadingHTTPServer(("0.0.0.0", 6443), Api) as api:  # as k3s does
        # Each connection's handshake is its own thread's: one that is cut off stops no other.
        api.socket = context.wrap_socket(
            api.socket, server_side=True, do_handshake_on_connect=False
        )
        (TLS / "new").rename(TLS / "server-ca.crt")
        ready()
        api.serve_forever()


def agent():
    context = ssl._create_unverified_context()
    body = json.dumps({"name": CONFIG["node-name"]}).encode()
    ready()
    while True:
        asked = urllib.request.Request(f"{CONFIG['server']}/join", body, {"Authorization": JOIN})
        try:
            urllib.request.urlopen(asked, timeout=5, context=context).close()
        except OSError as error:
            print(error, flush=True)
        time.sleep(1)


def ready():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])


if __name__ == "__main__":
    assert [path.read_text() for path in AIRGAP.iterdir()] == ["images\n"]
    assert pathlib.Path(f"/sys/class/net/{CONFIG['flannel-iface']}").exists()
    {"server": server, "agent": agent}[sys.argv[1]]()
