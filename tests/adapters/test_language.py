"""Prose is told apart; short, mixed and wordless text is not judged."""

import sys

import pytest

from kbtool.adapters.language import Language, language_of

ENGLISH = (
    "The server starts sealed after every restart, and nothing that needs a credential can work "
    "before a person has typed the key. Look at its state first, then unseal it, and wait."
)
FRENCH = (
    "Le serveur démarre scellé après chaque redémarrage, et rien de ce qui demande un secret ne "
    "peut fonctionner avant qu'une personne ait saisi la clé. Regardez d'abord l'état du coffre."
)
GERMAN = (
    "Der Server startet nach jedem Neustart versiegelt, und nichts, was Zugangsdaten braucht, kann "
    "arbeiten, bevor ein Mensch den Schlüssel eingegeben hat. Sieh zuerst nach seinem Zustand."
)
CHINESE = "每次重启之后服务器都处于密封状态，在有人输入密钥之前，任何需要凭证的东西都无法工作。" * 5
KOREAN = (
    "서버는 재시작할 때마다 봉인된 상태로 시작되며 사람이 키를 입력하기 전에는 작동하지 않습니다. "
    * 5
)
JAPANESE = (
    "サーバーは再起動のたびに封印された状態で起動し、鍵が入力されるまで何も動作しません。" * 5
)


@pytest.mark.parametrize(
    ("prose", "code"),
    [
        (ENGLISH, "en"),
        (FRENCH, "fr"),
        (GERMAN, "de"),
        (CHINESE, "zh"),
        (KOREAN, "ko"),
        (JAPANESE, "ja"),
        (ENGLISH + "\0\ud800", "en"),
        ("", None),
        (ENGLISH[:100], None),
        ("kubectl vault longhorn argocd traefik postgres gitea dolibarr " * 4, None),
        ("12 34 % " * 200, None),
    ],
)
def test_languages(prose, code):
    assert language_of(prose) == code


def test_a_verdict_is_kept(tmp_path, monkeypatch):
    told = []
    first = Language(tmp_path, told.append)
    assert first.of(FRENCH) == "fr"
    first.save()
    monkeypatch.setattr("kbtool.adapters.language.language_of", lambda _: pytest.fail("asked"))
    assert Language(tmp_path, told.append).of(FRENCH) == "fr"
    assert told == []


def test_without_the_library_nothing_is_said_of_the_page_and_why_is_told(monkeypatch):
    told = []
    monkeypatch.setitem(sys.modules, "gcld3", None)
    assert Language(None, told.append).of(FRENCH) is None
    assert told == ["KB220 did not look: cld3-py is not installed"]
