"""The judge of credential material is Kingfisher's catalog of some 490 shapes, and a few of ours.

It reads in this process and asks nobody: whether a key still works is not its business here. What
it finds by shape alone is looked at once more, because documentation is full of placeholders.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kbtool.adapters.verdicts import Verdicts, cache_folder, stamp
from kbtool.graph.facts import Secret

if TYPE_CHECKING:
    from kingfisher_sdk import Scanner

_NAMED: Final = "password"  # the kind of what stands behind such a word and looks random
OWN_RULES: Final = Path(__file__).with_name("secret_rules.yml")
_FILTER: Final = 1  # to be raised when what follows judges otherwise
_PREFIX: Final = re.compile(r"^(?:betterleaks|custom|kingfisher)\.|^veles\.secrets/")
_WORDS: Final = re.compile(
    r"admin|change(?:it|me)|guest|key|motdepasse|pass(?:wd|word)?|postgres|pwd|root|secret|test"
    r"|token|user",
    re.IGNORECASE,
)
# Parts no machine would put into a key, and which say that this is none.
_PLACEHOLDER: Final = re.compile(
    r"example|placeholder|redacted|your[-_]|change[-_]?me|dummy|xxxx|\*\*\*|…|\.\.\.|^[$<{%]",
    re.IGNORECASE,
)
# Identifiers, file names and paths are made of words; in random text runs of letters are short.
_LETTERS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_WORD_LENGTH: Final = 3
# Digests and ids are long and random and no secret.
_PUBLIC: Final = re.compile(
    r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|\$(?:2[aby]|argon2\w*|[156])\$.*|sha\d{3}-.*",
    re.IGNORECASE,
)
# The claims of the sample token that every introduction to JSON Web Tokens prints: "John Doe".
_SAMPLE_JWT: Final = ".eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ."


class Secrets:
    """Finds credential material; what was found is kept by the text's digest, as places only."""

    def __init__(self, folder: Path | None, tell: Callable[[str], None]) -> None:
        """Take the folder of kept verdicts (None to keep none) and whom to tell what is missing."""
        self._folder = folder
        self._tell = tell

    def found(self, text: str) -> tuple[Secret, ...]:
        """Return the credential material in a text, in order."""
        try:
            verdict = self._verdicts.of(text, lambda _: secrets_in(text))
        except ImportError:
            self._tell("KB230 did not look: kingfisher-secret-scanner is not installed")
            return ()
        return tuple(Secret(start, end, kind) for start, end, kind in verdict)

    @cached_property
    def _verdicts(self) -> Verdicts:
        own = sha256(OWN_RULES.read_bytes()).hexdigest()[:8]
        return Verdicts(self._folder, f"secrets-{stamp('kingfisher_sdk')}-{own}-{_FILTER}")

    def save(self) -> None:
        """Keep what was judged."""
        if "_verdicts" in self.__dict__:
            self._verdicts.save()


@cache
def _scanner() -> "Scanner":
    """Return the compiled catalog: three seconds the first time on a machine, then 0.3."""
    from kingfisher_sdk import DetectionPolicy, Rules, Scanner

    rules = Rules([OWN_RULES], confidence="medium", cache_dir=cache_folder() / "kingfisher")
    # A suppression is a kb-ignore comment with a reason, never the scanner's own mark.
    return Scanner(rules, policy=DetectionPolicy(inline_ignores=False, markup_context=False))


def secrets_in(text: str) -> tuple[Secret, ...]:
    """Return the credential material in a text, in order; nested finds are the outer one's.

    Raises:
        ImportError: the scanner is not installed.
    """
    data = text.encode("utf-8", "replace")
    found = sorted(
        _located(data), key=lambda secret: (secret.start, -secret.end, secret.kind == _NAMED)
    )
    outer: list[Secret] = []
    for secret in found:
        if not outer or secret.start >= outer[-1].end:
            outer.append(secret)
    return tuple(outer)


def _located(data: bytes) -> Iterator[Secret]:
    for finding in _scanner().scan(data):
        start, end = finding.location["start_offset"], finding.location["end_offset"]
        value = data[start:end].decode("utf-8", "replace")
        kind = _PREFIX.sub("", finding.rule_id).replace("-", " ").removeprefix("hex ")
        if finding.visible and not _harmless(kind, value):
            before = len(data[:start].decode("utf-8", "replace"))
            yield Secret(before, before + len(value), kind)


def _harmless(kind: str, value: str) -> bool:
    return bool(
        _WORDS.fullmatch(re.sub(r"[\W\d_]", "", value))
        or (kind == _NAMED and _made_of_words(value))
        or _PUBLIC.fullmatch(value)
        or _SAMPLE_JWT in value
        or ("\n" not in value and _PLACEHOLDER.search(value))
    )


def _made_of_words(value: str) -> bool:
    runs = _LETTERS.findall(value)
    return sum(map(len, runs)) >= _WORD_LENGTH * len(runs) > 0
