"""A stand-in for k3d where no privileged container runs: ordinary containers of a real engine.

It takes the configuration kbtool wrote for k3d and makes containers named and labelled as k3d 5.8.3
does. The first runs a real etcd and a real kube-apiserver instead of k3s; there are no kubelets. It
says nothing about k3d itself: what that printed is in tests/data/k3d.
"""

import base64
import io
import json
import os
import socket
import subprocess
import sys
import tarfile
import time

from kbtool.sandbox.components.pki import authority, signing_key

SERVER = """
/bin/etcd --data-dir=/data/etcd --unsafe-no-fsync --log-level=error &
exec /bin/kube-apiserver --etcd-servers=http://127.0.0.1:2379 --secure-port=6443 \
  --bind-address=0.0.0.0 --tls-cert-file=/data/server.crt --tls-private-key-file=/data/server.key \
  --service-account-issuer=https://localhost --service-account-key-file=/data/accounts.key \
  --service-account-signing-key-file=/data/accounts.key --authorization-mode=RBAC \
  --service-cluster-ip-range=198.18.0.0/24 --endpoint-reconciler-type=none --cert-dir=/data "$@"
"""


def docker(*arguments, stdin=None):
    done = subprocess.run(["docker", *arguments], input=stdin, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"FATA[0000] {done.stderr.decode().strip()}")
    return done.stdout.decode().strip()


def archive(files):
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for path, data in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return target.getvalue()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def create(path):
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    name = config["metadata"]["name"]
    label = f"k3d.cluster={name}"
    docker("network", "create", "--label", label, f"k3d-{name}")
    docker("volume", "create", "--label", label, f"k3d-{name}-images")
    roles = ["server-0", *(f"agent-{number}" for number in range(config["agents"]))]
    for role in roles:
        run = ["--name", f"k3d-{name}-{role}", "--label", label, "--network", f"k3d-{name}"]
        run += ["--volume", f"k3d-{name}-images:/k3d/images"]
        run += (
            ["--publish", f"{config['kubeAPI']['hostIP']}:{free_port()}:6443"]
            if role == "server-0"
            else []
        )
        flags = [
            f"--{each['arg'].partition('apiserver-arg=')[2]}"
            for each in config["options"]["k3s"]["extraArgs"]
            if "apiserver-arg=" in each["arg"]
        ]
        main = (
            ["/bin/sh", "-c", SERVER, "-", *flags] if role == "server-0" else ["/bin/sleep", "9999"]
        )
        docker("create", *run, config["image"], *main)
    keys = authority("standin", ("kubernetes", "localhost"), ("127.0.0.1",))
    files = {
        "data/ca.crt": keys.ca,
        "data/server.crt": keys.certificate,
        "data/server.key": keys.key,
    }
    files["data/accounts.key"] = signing_key()
    for each in config["files"]:
        with open(os.path.join(os.path.dirname(path), each["source"]), "rb") as file:
            files[each["destination"].lstrip("/")] = file.read()
    docker("cp", "-", f"k3d-{name}-server-0:/", stdin=archive(files))
    docker("start", *(f"k3d-{name}-{role}" for role in roles))
    time.sleep(0.5)


def kubeconfig(name):
    raw = subprocess.run(
        ["docker", "cp", f"k3d-{name}-server-0:/data/ca.crt", "-"], capture_output=True, check=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        data = tar.extractfile("ca.crt").read()
    encoded = base64.b64encode(data).decode()
    cluster = {"certificate-authority-data": encoded, "server": "https://127.0.0.1:6443"}
    # k3d prints YAML; JSON is some.
    print(
        json.dumps({"apiVersion": "v1", "clusters": [{"name": f"k3d-{name}", "cluster": cluster}]})
    )


if __name__ == "__main__":
    if sys.argv[1] == "version":
        print("k3d version v5.8.3\nk3s version v1.31.5-k3s1 (default)")
    elif sys.argv[1:3] == ["cluster", "create"]:
        create(sys.argv[4])
    elif sys.argv[1:3] == ["kubeconfig", "get"]:
        kubeconfig(sys.argv[3])
    else:
        sys.exit(f"FATA[0000] not played: {sys.argv[1:]}")
