"""The one Linux machine that sandboxes run in on macOS, as Lima's configuration and commands.

Format: a template of Lima 1.1, by the keys of its own `templates/default.yaml`. macOS has no
mount, network or process namespaces, so every profile runs inside. Nothing of this was run on
macOS: the text is tested, and the guidebook has the check to make by hand.
"""

import json
import shutil
import subprocess
from collections.abc import Sequence
from typing import Final

from kbtool.errors import RequirementError

NAME: Final = "kbtool"
_ANY: Final = "0.0.0.0"  # noqa: S104 - Lima's word for every address of the guest
_EVERY_PORT: Final = {"guestPortRange": [1, 65535], "proto": "any", "ignore": True}
# What the machine must not have of its host: no folder, no ssh agent or key, no port.
_CUT: Final = {
    "mounts": [],
    "ssh": {"loadDotSSHPubKeys": False, "forwardAgent": False, "forwardX11": False},
    # Lima adds a last rule that forwards what listens on the guest's loopback, and without the
    # second key the first rule leaves that alone; hence both, and both addresses.
    "portForwards": [
        {"guestIP": _ANY, "guestIPMustBeZero": False, **_EVERY_PORT},
        {"guestIP": "127.0.0.1", **_EVERY_PORT},
    ],
    "propagateProxyEnv": False,
    "containerd": {"system": False, "user": False},
}
_SETUP: Final = """\
#!/bin/bash
set -eux -o pipefail
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends bubblewrap docker.io git python3-venv
usermod -aG docker "{{.User}}"
"""
_KBTOOL: Final = """\
#!/bin/bash
set -eux -o pipefail
python3 -m venv ~/.venv
~/.venv/bin/pip install 'kbtool[sandbox]'
"""


def configuration(cpus: int, memory: int, disk: int) -> str:
    """Return Lima's configuration of the machine; sizes in GiB. JSON, which is YAML."""
    config = {
        "minimumLimaVersion": "1.1.0",  # the first that knows `base`
        "base": ["template:debian-12"],
        "cpus": cpus,
        "memory": f"{memory}GiB",
        "disk": f"{disk}GiB",
        **_CUT,
        "provision": [
            {"mode": "system", "script": _SETUP},
            {"mode": "user", "script": _KBTOOL},
        ],
    }
    return json.dumps(config, indent=2) + "\n"


def create(file: str) -> list[str]:
    """Return the command that makes the machine and starts it."""
    return ["limactl", "start", "--tty=false", f"--name={NAME}", file]


def run(arguments: Sequence[str]) -> int:
    """Run kbtool in the machine; return its exit code.

    Raises:
        RequirementError: there is no Lima.
    """
    command = passed_on(arguments)
    if shutil.which(command[0]) is None:
        raise RequirementError("no limactl on the PATH", "brew install lima")
    return subprocess.run(command, check=False).returncode


def passed_on(arguments: Sequence[str]) -> list[str]:
    """Return the command that runs kbtool in the machine, in the project's clone there."""
    inside = 'cd ~/project && exec ~/.venv/bin/kbtool "$@"'
    return ["limactl", "shell", NAME, "bash", "-c", inside, "kbtool", *arguments]
