"""Run an API server without a cell, where it can harm nobody: `unshare --net python arena.py …`.

The network namespace has its loopback interface and nothing else. One address on it plays
production: it is of the range for documentation (RFC 5737), since an API server refuses to
call 127.0.0.1 at some places. Who calls it is counted in the file HITS, a byte for each.

Arguments: PROGRAMS FOLDER HITS BWRAP LOCKS, where LOCKS names those to be left on: egress, cell.
The server's door is FOLDER/k8s.sock. It ends with standard input.
"""

import fcntl
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

PRODUCTION = "192.0.2.1"
PORT = 8443
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFADDR = 0x8913, 0x8914, 0x8916  # netdevice(7)
IFF_UP = 1
RELAY = Path(__file__).resolve().parents[2] / "kbtool" / "sandbox" / "relay.py"


def bring_up():
    """Give the loopback interface of this namespace its flag and its second address."""
    assert [name for _, name in socket.if_nameindex()] == ["lo"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        flags = struct.pack("16sh14x", b"lo", IFF_UP)
        fcntl.ioctl(control, SIOCSIFFLAGS, flags)
        address = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(PRODUCTION))
        fcntl.ioctl(control, SIOCSIFADDR, struct.pack("16s16s", b"lo:1", address))


def count(server, hits):
    while True:
        connection, _ = server.accept()
        with connection, open(hits, "ab") as file:
            connection.settimeout(2)
            first = connection.recv(1)
            file.write(first and b"x")


def main(programs, folder, hits, bwrap, locks):
    bring_up()
    server = socket.create_server((PRODUCTION, PORT))
    threading.Thread(target=count, args=(server, hits), daemon=True).start()
    etcd = [f"{programs}/etcd", "--data-dir", f"{folder}/etcd", "--unsafe-no-fsync"]
    etcd += [f"--listen-client-urls=unix://{folder}/etcd.sock", "--log-level=error"]
    etcd += ["--advertise-client-urls=http://127.0.0.1:2379", "--max-txn-ops=100000"]
    etcd += ["--listen-peer-urls=http://127.0.0.1:2380", "--max-request-bytes=67108864"]
    flags = {
        "etcd-servers": f"unix://{folder}/etcd.sock",
        "bind-address": "127.0.0.1",
        "advertise-address": "10.254.254.1",
        "endpoint-reconciler-type": "none",
        "tls-cert-file": f"{folder}/server.crt",
        "tls-private-key-file": f"{folder}/server.key",
        "authorization-mode": "RBAC",
        "token-auth-file": f"{folder}/tokens.csv",
        "service-cluster-ip-range": "198.18.0.0/24",
        "service-account-issuer": "https://127.0.0.1:6443",
        "service-account-key-file": f"{folder}/accounts.key",
        "service-account-signing-key-file": f"{folder}/accounts.key",
        "enable-priority-and-fairness": "false",
        "v": "0",
    }
    if "egress" in locks:
        flags["egress-selector-config-file"] = f"{folder}/egress.yaml"
    cell = [bwrap, "--unshare-net", "--dev-bind", "/", "/", "--die-with-parent"]
    relay = [sys.executable, "-I", "-S", str(RELAY), "--server", "--serve"]
    relay += [f"{folder}/k8s.sock=6443", "--", f"{programs}/kube-apiserver"]
    command = [*(cell if "cell" in locks else []), *relay]
    options = [f"--{name}={value}" for name, value in flags.items()]
    with open(f"{folder}/log", "ab") as log:
        parts = [subprocess.Popen(etcd, stdout=log, stderr=log)]
        while not os.path.exists(f"{folder}/etcd.sock"):
            time.sleep(0.02)
        parts.append(subprocess.Popen([*command, *options], stdout=log, stderr=log))
    sys.stdin.read()
    for part in parts:
        part.kill()


if __name__ == "__main__":
    main(*sys.argv[1:])
