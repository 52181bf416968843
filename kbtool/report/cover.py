"""What no report may show: the text a secret finding points at, wherever it would appear."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.rule import Finding
from kbtool.markdown.page import Page
from kbtool.text import Span

COVER: Final = "•"
_SHORTEST: Final = 6  # what is shorter stands in many words, and is covered at its place only


class Cover:
    """Covers secrets in lines of pages, by their place, and in any other text, by their words."""

    def __init__(self, kb: KnowledgeBase, findings: Iterable[Finding]) -> None:
        """Take the findings of the whole project: another one may stand on a secret's line."""
        self._spans: dict[str, list[Span]] = {}
        words: set[str] = set()
        for finding in findings:
            if finding.secret and finding.path in kb.pages:
                self._spans.setdefault(finding.path, []).append(finding.span)
                words |= set(_words(kb.pages[finding.path], finding.span))
        longest_first = sorted(words, key=len, reverse=True)
        self._words = re.compile("|".join(map(re.escape, longest_first))) if words else None

    def line(self, page: Page, number: int) -> str:
        """Return a line of the page with its secrets covered."""
        start = page.lines.offset(number)
        end = page.text.find("\n", start)
        end = len(page.text) if end < 0 else end
        shown = list(page.text[start:end])
        for span in self._spans.get(page.path, ()):
            for at in range(max(span.start, start), min(span.end, end)):
                shown[at - start] = COVER
        return self.said("".join(shown))

    def said(self, text: str) -> str:
        """Return a text with the words of secrets covered."""
        return self._words.sub(lambda found: COVER * len(found[0]), text) if self._words else text

    def shows(self, text: str) -> bool:
        """Return whether a text holds words of a secret."""
        return bool(self._words and self._words.search(text))


def _words(page: Page, span: Span) -> Iterator[str]:
    lines = (line.strip() for line in page.text[span.start : span.end].splitlines())
    yield from (line for line in lines if len(line) >= _SHORTEST)
