"""What kubectl does in runbooks works on every profile that has Kubernetes."""

import os
import re
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Operation:
    """One line of kubectl.yaml."""

    name: str
    run: str
    out: str | None = None
    equals: str | None = None
    fails: str | None = None
    meanwhile: str = field(default="")


OPERATIONS = [Operation(**each) for each in yaml.safe_load((HERE / "kubectl.yaml").read_text())]


class Kubectl:
    """kubectl with the administrator's kubeconfig, in the namespace of the operations."""

    def __init__(self, program, config):
        self.program = program
        # `diff` runs diff(1), and may be told where its files go.
        self.env = {"KUBECONFIG": str(config), "HOME": str(config.parent), "PATH": os.defpath}

    def __call__(self, line):
        words = line.replace("{M}", str(HERE / "manifests")).split()
        return subprocess.run(
            [self.program, "--namespace=conformance", *words],
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )


@pytest.fixture(scope="session")
def done(cluster, programs):
    """What every operation gave, by its name."""
    kubectl = Kubectl(programs / "kubectl", cluster)
    results = {}
    for operation in OPERATIONS:
        later = threading.Timer(1.0, kubectl, [operation.meanwhile])
        if operation.meanwhile:
            later.start()
        results[operation.name] = kubectl(operation.run)
        if operation.meanwhile:
            later.join()
    return results


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_kubectl(done, operation):
    result = done[operation.name]
    said = result.stdout + result.stderr
    if operation.fails is not None:
        assert result.returncode != 0, said
        assert re.search(operation.fails, said, re.DOTALL), said
        return
    if operation.name != "watch":  # a watch ends when its time is up
        assert result.returncode == 0, said
    if operation.equals is not None:
        assert result.stdout.strip() == operation.equals, said
    if operation.out is not None:
        assert re.search(operation.out, result.stdout.strip()), said


def test_every_operation_asserts_something():
    for operation in OPERATIONS:
        given = [operation.out, operation.equals, operation.fails]
        assert sum(each is not None for each in given) == 1, operation.name
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS) >= 48
