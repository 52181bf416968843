"""Records what the real k3d and Docker answer to what kbtool asks: `python record_k3d.py FOLDER`.

It needs both on the PATH, an engine that may be played with, and that this engine neither reaches a
registry nor may run privileged containers: what it does then is the last that could be recorded.
Names of registries, addresses and the engine's folder are replaced; nothing else is. Beside it goes
the schema of k3d's configuration as k3d publishes it, out of its Go module: that needs Go.
"""

import dataclasses
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

from kbtool.sandbox.engine import Engine, cluster_name, configuration, containers
from support.profiles import PROFILES

SANDBOX = "0123456789ab"


def ask(engine, *arguments, **environment):
    """(exit code, stdout, stderr) of a command, as it is."""
    done = subprocess.run(
        arguments,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={**engine.environment(), **environment},
        cwd=engine.home,
    )
    return {"exit": done.returncode, "stdout": done.stdout, "stderr": done.stderr}


def neutral(text, data):
    """Without what belongs to the machine it was recorded on."""
    text = text.replace(data, "/var/lib/docker")
    text = re.sub(r"https://[a-z0-9.-]+/v2/", "https://REGISTRY/v2/", text)
    text = re.sub(r"lookup [a-z0-9.-]+", "lookup REGISTRY", text)
    return re.sub(r"\b10(\.\d+){3}(:\d+)?", "ADDRESS", text)


def record(engine):
    """Every answer by its name."""
    k3d, part, name = engine.k3d, PROFILES["k3d"].cluster, cluster_name(SANDBOX)
    # An image that is made here is never pulled: k3d would ask this machine for it, for minutes.
    plain = dataclasses.replace(part, builds=())
    good, bad = engine.home / "cluster.json", engine.home / "unknown.json"
    (engine.home / "tokens.csv").write_text('token,operator,operator,""\n')
    good.write_text(configuration(part, SANDBOX, "tokens.csv"))
    bad.write_text(json.dumps({**json.loads(good.read_text()), "server": 1}))
    create = (k3d, "cluster", "create", "--config")
    found = {"version": ask(engine, k3d, "version")}
    found["migrate"] = ask(engine, k3d, "config", "migrate", str(good), "-")
    good.write_text(configuration(plain, SANDBOX, "tokens.csv"))
    found["unknown-key"] = ask(engine, *create, str(bad))
    found["no-image"] = ask(engine, *create, str(good))
    engine.remove(SANDBOX)
    for image in (plain.image, plain.tools):
        tar = subprocess.run(["tar", "-cf-", "-T/dev/null"], capture_output=True, check=True).stdout
        engine.ask(engine.docker, "import", "-", image, stdin=tar)
    found["no-privileges"] = ask(engine, *create, str(good), "--no-rollback")
    nodes = containers(part, name)
    found["inspect"] = ask(engine, engine.docker, "inspect", *nodes.values())
    found["no-kubeconfig"] = ask(engine, k3d, "kubeconfig", "get", name)
    engine.remove(SANDBOX)
    found["no-cluster"] = ask(engine, k3d, "kubeconfig", "get", name)
    bring = (k3d, "image", "import", "--mode", "direct", "--cluster", name)
    found["import-no-cluster"] = ask(engine, *bring, *part.brought)
    engine.ask(engine.docker, "rmi", plain.image, plain.tools)
    return found


MODULE = "github.com/k3d-io/k3d/v5"
VERSION = "v5.8.3"
PUBLISHED = {"schema.json": "pkg/config/v1alpha5/schema.json", "LICENSE": "LICENSE"}


def publish(target):
    """Write what k3d publishes, unchanged, and where it is from."""
    command = ("go", "mod", "download", "-json", f"{MODULE}@{VERSION}")
    told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    digests = {}
    for name, path in PUBLISHED.items():
        data = Path(told["Dir"], path).read_bytes()
        (target / name).write_bytes(data)
        digests[name] = hashlib.sha256(data).hexdigest()
    about = {"module": MODULE, "version": VERSION, "sum": told["Sum"], "license": "MIT"}
    (target / "published.json").write_text(
        json.dumps({**about, "sha256": digests}, indent=1) + "\n"
    )


if __name__ == "__main__":
    target = Path(sys.argv[1]).resolve()
    home = target / "home"
    home.mkdir()
    try:
        found = Engine.found(home)
        data = found.ask(found.docker, "info", "--format", "{{.DockerRootDir}}").strip()
        text = neutral(json.dumps(record(found), indent=1), data).replace(str(home), "/home")
        (target / "recorded.json").write_text(text + "\n")
        publish(target)
    finally:
        subprocess.run(["rm", "-r", home], check=True)
