"""The images profile `k3d` makes: made by a real engine, and what their programs do in containers.

They are made from images that nobody pulls in a test: KBTOOL_TEST_PYTHON names one with Python, pip
and a way to a package index, KBTOOL_TEST_BUSYBOX a static busybox, which stands for k3s.
"""

import dataclasses
import io
import os
import shutil
import subprocess
import tarfile
import time

import pytest
from support.profiles import PROFILES
from support.sandbox import eventually

from kbtool.sandbox.engine import Engine
from kbtool.sandbox.images import acquire_images, is_made

PYTHON = os.environ.get("KBTOOL_TEST_PYTHON", "")
BUSYBOX = os.environ.get("KBTOOL_TEST_BUSYBOX") or shutil.which("busybox")
K3S = "localhost/kbtool/busybox:1"
PREFIX = "localhost/kbtool/trial-"
NODE, LAB = f"{PREFIX}node:1", f"{PREFIX}lab:1"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not PYTHON or not BUSYBOX, reason="no KBTOOL_TEST_PYTHON, or no busybox"),
]


@pytest.fixture(scope="module")
def part(tmp_path_factory):
    """The cluster of the profile, its own images made from what is here, under other names."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        tar.add(BUSYBOX, "bin/busybox")
        for name in ("sh", "cat", "dd", "find", "ls"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    subprocess.run(["docker", "import", "-", K3S], input=target.getvalue(), check=True)
    node, lab = PROFILES["k3d"].cluster.builds
    builds = (
        dataclasses.replace(node, names=(NODE,), bases={"K3S": K3S, "PYTHON": PYTHON}),
        dataclasses.replace(lab, names=(LAB,), bases={"PYTHON": PYTHON}),
    )
    plain = dataclasses.replace(
        PROFILES["k3d"].cluster, image=K3S, tools=K3S, imported=(), builds=builds
    )
    path = tmp_path_factory.mktemp("programs") / "k3d"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")
        made = acquire_images(plain, lambda _: True, print)
        assert [each.name for each in made if each.made] == [NODE, LAB]
        engine = Engine.found(tmp_path_factory.mktemp("home"))
        assert all(is_made(engine, build) for build in builds)
        again = acquire_images(plain, lambda _: pytest.fail("all is here"), print)
        assert not any(each.pulled for each in again)
        yield plain


def contained(image, script, *options, code=0):
    command = ["docker", "run", "--rm", "--network", "none", *options, image, "sh", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == code, done
    return done.stdout + done.stderr


def test_a_node_has_what_the_runbooks_steps_use_and_keeps_its_own_shell(part):
    script = (
        'python3 -c "import hashlib, json, sys; print(sys.prefix)"\n'
        "truncate -s 8192 a; printf x | dd of=a conv=notrunc,fsync status=none; cp a b; cmp a b\n"
        "find . -maxdepth 1 -name a -printf '%s\\n'; dd if=a of=gone conv=nocreat 2>/dev/null || echo none\n"
        "bash -c 'echo ${BASH_VERSION%%.*}'; echo 1 2 | awk '{ print $2 }'\n"
        "python3 -c 'import os; print(os.readlink(chr(47) + \"bin/sh\"))'"
    )
    assert contained(NODE, script).split() == ["/opt/host/usr", "8192", "none", "5", "2", "busybox"]


ERP = (
    "from pathlib import Path\n"
    "import sys; sys.path.insert(0, '/kb/models')\n"
    "import erp\n"
    "Path('/run/db').mkdir(); Path('/data').write_bytes(bytes(1 << 16))\n"
    "for key in ('username', 'password'): Path('/run/db', key).write_text('x')\n"
    "%s\n"
    "erp.main()\n"
)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("", "the database refused the credentials"),
        ("Path('/run/db/password').unlink()", "the Secret has no password"),
        ("erp._database = lambda _: ''", "no company is in this file system"),
        (
            "erp._database = lambda _: ''; Path('/data').write_bytes(erp.MAGIC + b'x' * 65536)",
            "the volume's data cannot be read",
        ),
    ],
)
def test_the_erp_ends_with_its_reason(part, more, says):
    seen = contained(LAB, f'python3 -s -c "{ERP % more}"', code=1)
    assert says in seen


def test_the_erp_is_ready_only_with_both(part):
    good = (
        "import hashlib, json; body = b'one'\n"
        "head = json.dumps(dict(bytes=3, sha256=hashlib.sha256(body).hexdigest())).encode()\n"
        "Path('/data').write_bytes((erp.MAGIC + head + b'\\n' + body).ljust(1 << 16, b'\\0'))\n"
        "erp._database = lambda _: ''"
    )
    script = f'python3 -s -c "{ERP % good}" & program=$!\nuntil [ -f /kb/ready ]; do sleep 0.2; done\nkill $program; wait $program; echo $?'
    assert contained(LAB, script) == "0\n"


def waits(name):
    """Whether the first process of a container waits for a signal: proc(5), wchan."""
    look = ["docker", "exec", name, "cat", "/proc/1/wchan"]
    return (
        "sigtimedwait" in subprocess.run(look, capture_output=True, text=True, check=False).stdout
    )


def test_a_pod_of_it_that_nobody_knows_waits(part):
    name = "kbtool-trial-waits"
    subprocess.run(["docker", "run", "--rm", "--detach", "--name", name, LAB], check=True)
    eventually(lambda: waits(name), True)
    before = time.monotonic()
    subprocess.run(["docker", "stop", "-t", "30", name], check=True)
    assert time.monotonic() - before < 15, "it does not end when it is told to"
