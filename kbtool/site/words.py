"""What the site itself says, in the language of the page it stands on."""

from collections.abc import Mapping
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
    """Return the page's language: its front matter's `lang`, else its folder's."""
    named = page.front_matter.get("lang")
    if isinstance(named, str) and named.isalpha() and len(named) == 2:
        return named
    return "fr" if kb.kind(page) is Kind.SHAREOUT else "en"


def say(word: str, language: str) -> str:
    """Return one of the site's own words in that language."""
    return _FRENCH.get(word, word) if language == "fr" else word
