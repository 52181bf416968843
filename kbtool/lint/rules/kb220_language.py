"""Whoever is called at three in the morning must not meet a runbook in a language they do not read.

A folder keeps its pages in one language (`languages` in the configuration: runbooks in English,
shareouts in French). Judged is the prose alone, without code, headings and header; a page with
fewer than about thirty words, or of mixed languages, is not judged, nor are hubs, which are read
by everybody on the way.
"""

from collections.abc import Iterator
from posixpath import dirname, join

from kbtool.graph.base import Kind, KnowledgeBase
from kbtool.lint.links import place_of_title
from kbtool.lint.rule import Finding, Options, Rule, Seen
from kbtool.markdown.page import Page
from kbtool.markdown.prose import words


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find a page in another language than its folder's."""
    folder, wanted = _kept_in(page.path, kb)
    if not wanted or kb.kind(page) is Kind.HUB:
        return
    found = kb.facts.language(words(page))
    if found not in (None, wanted):
        message = f"this reads as {found!r}; pages of {folder}/ are in {wanted!r}"
        hint = "translate it, move it, or set languages in the configuration"
        yield Finding(page.path, place_of_title(page), message, hint)


def _kept_in(path: str, kb: KnowledgeBase) -> tuple[str, str]:
    """Return the nearest folder that has a language, and the language; ("", "") for none."""
    languages = {join(kb.base, folder): code for folder, code in kb.conventions.languages.items()}
    folder = dirname(path)
    while folder:
        if folder in languages:
            return folder, languages[folder]
        folder = dirname(folder)
    return "", ""


_ENGLISH = (
    "The server starts sealed after every restart, and nothing that needs a credential can work "
    "before a person has typed the key. Look at its state first, then unseal it, and wait until "
    "the operator has logged in again.\n"
)
_FRENCH = (
    "Le serveur démarre scellé après chaque redémarrage, et rien de ce qui demande un secret ne "
    "peut fonctionner avant qu'une personne ait saisi la clé. Regardez d'abord son état, puis "
    "descellez-le, et attendez que l'opérateur soit de nouveau connecté.\n"
)

RULE = Rule(
    id="KB220",
    name="language",
    summary="A page is written in the language of its folder.",
    check=check,
    good=(
        {"vibe/runbooks/unseal.md": f"# Unseal\n\n{_ENGLISH}"},
        {"vibe/shareouts/2026-01-02-coffre.md": f"# Le coffre\n\n{_FRENCH}"},
        {"vibe/notes/coffre.md": f"# Le coffre\n\n{_FRENCH}"},
        {"vibe/shareouts/README.md": f"# Shareouts\n\n{_ENGLISH}"},
        {"vibe/runbooks/short.md": "# Court\n\nDescellez le serveur.\n"},
        {"vibe/runbooks/code.md": "# Code\n\n```text\n" + _FRENCH + "```\n"},
    ),
    bad=(
        {"vibe/runbooks/unseal.md": f"⟦# Desceller⟧\n\n{_FRENCH}"},
        {"vibe/shareouts/2026-01-02-vault.md": f"⟦# The vault⟧\n\n{_ENGLISH}"},
    ),
    seen=Seen(
        1428,
        30,
        30,
        "Twelve translations of fastapi were said to be in English: 1,428 of their 1,488 pages have prose "
        "enough, and all are found. Said to be in their own languages, none is.",
    ),
)
