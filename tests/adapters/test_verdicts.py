"""Verdicts survive a process, and nothing on disk can do harm."""

import json

import pytest

from kbtool.adapters.verdicts import Verdicts, cache_folder, stamp


class Judge:
    def __init__(self):
        self.asked = []

    def __call__(self, text):
        self.asked.append(text)
        return [len(text), "why"]


def test_a_verdict_is_asked_for_once(tmp_path):
    judge = Judge()
    first = Verdicts(tmp_path / "deep", "engine-1")
    assert first.of("abc", judge) == [3, "why"] == first.of("abc", judge)
    first.save()
    assert Verdicts(tmp_path / "deep", "engine-1").of("abc", judge) == [3, "why"]
    assert judge.asked == ["abc"]
    Verdicts(tmp_path / "deep", "engine-2").of("abc", judge)
    assert judge.asked == ["abc", "abc"]


def test_no_verdict_is_a_verdict_too(tmp_path):
    asked = []
    for _ in range(2):
        verdicts = Verdicts(tmp_path, "e")
        assert verdicts.of("x", asked.append) is None
        verdicts.save()
    assert asked == ["x"]


@pytest.mark.parametrize("damage", [b"", b"{", b"[1]", b"\xff", b"[" * 100_000])
def test_a_damaged_file_is_empty(tmp_path, damage):
    (tmp_path / "e.json").write_bytes(damage)
    judge = Judge()
    verdicts = Verdicts(tmp_path, "e")
    assert verdicts.of("abc", judge) == [3, "why"]
    verdicts.save()
    assert len(json.loads((tmp_path / "e.json").read_bytes())) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["e.json"]


def test_two_at_once_keep_what_both_found(tmp_path):
    judge = Judge()
    one, two = Verdicts(tmp_path, "e"), Verdicts(tmp_path, "e")
    one.of("a", judge), two.of("b", judge)
    one.save(), two.save()
    again = Verdicts(tmp_path, "e")
    again.of("a", judge), again.of("b", judge)
    assert judge.asked == ["a", "b"]


def test_a_folder_that_cannot_be_made_costs_only_time(tmp_path):
    (tmp_path / "file").touch()
    verdicts = Verdicts(tmp_path / "file" / "below", "e")
    assert verdicts.of("abc", Judge()) == [3, "why"]
    verdicts.save()


def test_where_it_is_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("KBTOOL_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("KBTOOL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert str(cache_folder()) == "/x/kbtool"


def test_the_stamp_of_a_library():
    assert stamp("pytest") == stamp("pytest") != stamp("pyromark")
    with pytest.raises(ImportError):
        stamp("no_such_library")
