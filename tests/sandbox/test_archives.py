"""Images of containers on guests: pulled for their platform, kept as archives, held to a digest.

Docker is played by a script that writes down what it was asked; the real one was never asked for
these images, since no registry could be reached.
"""

from dataclasses import replace

import pytest
from support.sandbox import ROOT

from kbtool.errors import RequirementError
from kbtool.sandbox import archives
from kbtool.sandbox.images import write_lock
from kbtool.sandbox.loader import load_profile

DIGEST = f"sha256:{'a' * 64}"
DOCKER = f"""#!/bin/sh
echo "$*" >> "$DOCKER_LOG"
case "$1 $2" in
  "pull --quiet") [ -z "$DOCKER_FAILS" ] || {{ echo "no route" >&2; exit 1; }} ;;
  "image inspect") echo "x@${{DOCKER_HAS:-{DIGEST}}} " ;;
  "save --output") echo "archive of $4" > "$3" ;;
esac
"""


@pytest.fixture
def docker(tmp_path, monkeypatch):
    """A Docker on the PATH; what it was asked is in the file that is returned."""
    tools = tmp_path / "tools"
    tools.mkdir()
    log = tmp_path / "docker.log"
    # It sees an empty environment: what it must know stands in it.
    (tools / "docker").write_text(DOCKER.replace('"$DOCKER_LOG"', str(log)))
    (tools / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    return log


@pytest.fixture
def part(tmp_path, monkeypatch):
    monkeypatch.setenv("KBTOOL_STORE", str(tmp_path / "store"))
    (found,) = load_profile(ROOT / "sandbox" / "profiles", "vm").compositions
    return replace(found, images={"db": "postgres:17.6"}, locked={})


def told(docker, text):
    script = docker.parent / "tools" / "docker"
    script.write_text(script.read_text().replace("#!/bin/sh\n", f"#!/bin/sh\n{text}\n"))


def test_the_first_pull_is_for_the_guests_platform_and_is_written_down(docker, part, tmp_path):
    asked = []
    found = archives.acquire_archives(part, lambda names: asked.extend(names) or True, print)
    assert asked == ["postgres:17.6"]
    assert [(image.digest, image.pulled) for image in found] == [(DIGEST, True)]
    lines = docker.read_text().splitlines()
    assert lines[0] == "pull --quiet --platform linux/arm64 postgres:17.6"
    assert archives.stored(DIGEST).read_text() == "archive of postgres:17.6\n"
    lock = write_lock(tmp_path, "vm", found)
    assert f'"postgres:17.6" = "{DIGEST}"' in lock.read_text()
    locked = replace(part, locked={"postgres:17.6": DIGEST})
    again = archives.acquire_archives(locked, lambda _: pytest.fail("nothing is missing"), print)
    assert [image.pulled for image in again] == [False]
    assert archives.require(locked) == {"postgres:17.6": archives.stored(DIGEST)}


def test_a_locked_image_is_pulled_by_its_digest_and_gets_its_tag(docker, part):
    locked = replace(part, locked={"postgres:17.6": DIGEST})
    archives.acquire_archives(locked, lambda _: True, print)
    lines = docker.read_text().splitlines()
    assert lines[:2] == [
        f"pull --quiet --platform linux/arm64 postgres@{DIGEST}",
        f"tag postgres@{DIGEST} postgres:17.6",
    ]


def test_other_content_is_refused_and_not_kept(docker, part):
    other = f"sha256:{'b' * 64}"
    told(docker, f"DOCKER_HAS={other}")
    locked = replace(part, locked={"postgres:17.6": DIGEST})
    with pytest.raises(RequirementError, match=f"is {other}, not what was asked for"):
        archives.acquire_archives(locked, lambda _: True, print)
    assert archives.missing(locked) == ["postgres:17.6"]
    assert "save" not in docker.read_text()


def test_what_cannot_be_had_is_told_with_the_next_step(docker, part, monkeypatch):
    told(docker, "DOCKER_FAILS=1")
    with pytest.raises(RequirementError) as refused:
        archives.acquire_archives(part, lambda _: True, print)
    assert "no route" in refused.value.message
    assert "registry" in refused.value.hint
    with pytest.raises(RequirementError, match=r"not here: postgres:17\.6"):
        archives.acquire_archives(part, lambda _: False, print)
    with pytest.raises(RequirementError, match=r"not here: postgres:17\.6"):
        archives.require(part)
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(RequirementError, match="no docker on the PATH"):
        archives.acquire_archives(part, lambda _: True, print)
