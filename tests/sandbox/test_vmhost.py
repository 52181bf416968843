"""The machine for macOS, as text: nothing of it was run on macOS."""

import json
import sys

import pytest
from support.sandbox import kbtool

from kbtool.sandbox.vmhost import configuration, create, passed_on


def test_the_machine_has_nothing_of_its_host():
    config = json.loads(configuration(4, 8, 40))
    assert config["mounts"] == []
    assert config["ssh"] == {
        "loadDotSSHPubKeys": False,
        "forwardAgent": False,
        "forwardX11": False,
    }
    rules = config["portForwards"]
    assert [rule["guestIP"] for rule in rules] == ["0.0.0.0", "127.0.0.1"]
    assert all(rule["ignore"] and rule["guestPortRange"] == [1, 65535] for rule in rules)
    assert rules[0]["guestIPMustBeZero"] is False
    assert config["propagateProxyEnv"] is False
    assert config["memory"] == "8GiB"


def test_arguments_are_passed_on_as_they_are():
    command = passed_on(["drill", "a b", "$(id)"])
    assert command[:3] == ["limactl", "shell", "kbtool"]
    assert command[-3:] == ["drill", "a b", "$(id)"]
    assert create("x.yaml")[-2:] == ["--name=kbtool", "x.yaml"]


@pytest.mark.skipif(sys.platform != "linux", reason="what Linux says")
def test_on_linux_it_is_not_needed_and_the_file_can_be_written_all_the_same(tmp_path):
    code, text = kbtool("sandbox", "vm-host", "drill", "x", state=tmp_path)
    assert (code, text) == (0, "not needed on Linux: sandboxes run here as they are\n")
    code, text = kbtool("sandbox", "vm-host", "--write", str(tmp_path / "l.yaml"), state=tmp_path)
    assert code == 0
    assert "limactl start" in text
    assert (tmp_path / "l.yaml").read_text() == configuration(4, 8, 40)
