"""The judge of language is CLD3, Chrome's compact language detector.

A small neural network over letter sequences, compiled, without data to load: 4 ms to start.
Technical Chinese, Japanese and Korean, full of Latin names, it mistakes; there the script decides.
"""

import re
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Final

from kbtool.adapters.verdicts import Verdicts, stamp

FEWEST: Final = 120  # letters, about twenty-five words: under that, names of things decide
_MOST: Final = 20_000  # bytes it looks at
_CODES: Final = {"iw": "he", "no": "nb"}  # where CLD3's names are not ISO 639-1's of today
_EAST_ASIAN: Final = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_KANA: Final = re.compile("[\u3040-\u30ff]")
_HANGUL: Final = re.compile("[\uac00-\ud7a3]")


class Language:
    """Says in which language prose is written; a verdict is kept by the prose's digest."""

    def __init__(self, folder: Path | None, tell: Callable[[str], None]) -> None:
        """Take the folder of kept verdicts (None to keep none) and whom to tell what is missing."""
        self._folder = folder
        self._tell = tell

    def of(self, prose: str) -> str | None:
        """Return the ISO 639-1 code of the prose's language, None when nobody can say."""
        try:
            verdict = self._verdicts.of(prose, language_of)
        except ImportError:
            self._tell("KB220 did not look: cld3-py is not installed")
            return None
        return str(verdict) if verdict else None

    @cached_property
    def _verdicts(self) -> Verdicts:
        return Verdicts(self._folder, f"language-{stamp('gcld3')}-{FEWEST}")

    def save(self) -> None:
        """Keep what was judged."""
        if "_verdicts" in self.__dict__:
            self._verdicts.save()


def language_of(prose: str) -> str | None:
    """Return the ISO 639-1 code of the prose's language, None when it is short or mixed.

    Raises:
        ImportError: the detector is not installed.
    """
    from gcld3 import NNetLanguageIdentifier

    letters = sum(map(str.isalpha, prose))
    if letters < FEWEST:
        return None
    script = _by_script(prose, letters)
    if script:
        return script
    words = prose.replace("\0", " ").encode("utf-8", "replace").decode()
    verdict = NNetLanguageIdentifier(0, _MOST).FindLanguage(words)
    # A code with a script, as in ru-Latn, means transliteration: a guess about technical words.
    if not verdict.is_reliable or "-" in verdict.language:
        return None
    return _CODES.get(verdict.language, str(verdict.language))


def _by_script(prose: str, letters: int) -> str | None:
    signs = len(_EAST_ASIAN.findall(prose))
    if signs * 4 < letters:
        return None
    if len(_HANGUL.findall(prose)) * 2 > signs:
        return "ko"
    return "ja" if len(_KANA.findall(prose)) * 10 > signs else "zh"
