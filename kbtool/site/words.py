"""What the site itself says, in the language of the page it stands on."""

from collections.abc import Mapping
from posixpath import dirname, join
from typing import Final

from kbtool.graph.base import Kind, KnowledgeBase
from kbtool.markdown.page import Page

_FRENCH: Final[Mapping[str, str]] = {
    "You are here": "Vous êtes ici",
    "Linked from": "Pages liées à celle-ci",
    "Around this page": "Autour de cette page",
    "Source": "Source",
    "Status": "Statut",
    "Last Updated": "Mis à jour",
    "Last Verified": "Vérifié",
    "Date": "Date",
    "Deciders": "Décidé par",
    "Priority": "Priorité",
    "Size": "Taille",
    "Related": "Voir aussi",
    "Upstream": "En amont",
    "Downstream": "En aval",
    "Decision": "Décision",
    "Implemented by": "Mis en œuvre par",
    "About this page": "À propos de cette page",
    "pages linking here": "pages qui mènent ici",
    "pages linked from here": "pages citées ici",
    "more": "autres",
}


def language_of(kb: KnowledgeBase, page: Page) -> str:
    """Return the page's language: its front matter's `lang`, else its folder's, else English."""
    named = page.front_matter.get("lang")
    if isinstance(named, str) and named.isalpha() and len(named) == 2:
        return named
    if kb.kind(page) is Kind.HUB:
        return "en"  # hubs are read by everybody
    folders = {join(kb.base, folder): code for folder, code in kb.conventions.languages.items()}
    folder = dirname(page.path)
    while folder and folder not in folders:
        folder = dirname(folder)
    return folders.get(folder, "en")


def say(word: str, language: str) -> str:
    """Return one of the site's own words in that language."""
    return _FRENCH.get(word, word) if language == "fr" else word
