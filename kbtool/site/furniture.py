"""What the site puts around a page's own text: breadcrumbs, chips, badge, who links here.

All of it is HTML in blocks of class `kb-…`, one line each, and left out of the search index.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from posixpath import basename
from typing import Final

from kbtool.lint.header import status_word
from kbtool.markdown.page import Field, Page
from kbtool.markdown.tree import read_tree
from kbtool.site.atlas import Guide
from kbtool.site.badge import Badge
from kbtool.site.clean import cleaned
from kbtool.site.context import Sentence
from kbtool.site.html import html
from kbtool.site.words import say

_TONES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("active", "accepted", "shipped", "complete"), "good"),
    **dict.fromkeys(("in design", "in progress", "beta", "proposed", "open", "draft"), "open"),
    **dict.fromkeys(("rejected", "dropped", "deferred", "superseded by"), "past"),
}
_MARKUP: Final = re.compile(r"[\\`*_\[\]<>&~!]|\d[.)] |^[-+#]")
BADGES: Final[Mapping[str, tuple[str, str]]] = {
    "verified": ("good", "Verified"),
    "old": ("open", "Verified, and due for a new drill"),
    "stale": ("bad", "Not verified: changed since its last drill"),
    "red": ("bad", "Not verified: its last drill was red"),
    "damaged": ("bad", "Not verified: its evidence cannot be read"),
    "none": ("past", "Never drilled"),
}


def title_of(page: Page) -> str:
    """Return a page's title: its H1, else its file's name."""
    title = page.head.title
    return title.text if title and title.text else basename(page.path).removesuffix(".md")


def label_of(page: Page) -> str:
    """Return what a page is called in few words: its own crumb, else its title."""
    crumb = page.head.breadcrumb
    return crumb.label if crumb and crumb.label else title_of(page)


def block(name: str, inner: str, language: str = "", extra: str = "") -> str:
    """Return one block of the site's own, as Python-Markdown passes it through."""
    lang = f' lang="{language}"' if language else ""
    # A fence is looked for before HTML is: no three of these may stand together.
    inner = inner.replace("\n", " ").replace("`", "&#96;").replace("~", "&#126;")
    return f'<div class="{name}"{lang}{extra} data-search-exclude>{inner}</div>'


def tone(status: str) -> str:
    """Return how a status is to look: good, open, past, or plain."""
    word = status_word(status).casefold()
    return next((tone for known, tone in _TONES.items() if word.startswith(known)), "plain")


def value_html(value: str, guide: Guide) -> str:
    """Return a header field's value as HTML, its links led to their places on the site."""
    if not _MARKUP.search(value):
        return escape(value, quote=False)
    tree = read_tree(value)
    inner = tree.children[0].children if len(tree.children) == 1 else tree.children
    return cleaned(html(inner), guide.moved)


# ---------------------------------------------------------------------- the head
def crumbs(page: Page, guide: Guide, language: str) -> str:
    """Return the page's first line, as navigation."""
    crumb = page.head.breadcrumb
    if crumb is None:
        return ""
    parts = []
    for link in crumb.links:
        url = guide.moved(link.target)
        text = escape(link.text)
        parts.append(f'<a href="{escape(url)}">{text}</a>' if url else text)
    parts.append(f'<span aria-current="page">{escape(crumb.label or title_of(page))}</span>')
    inner = '<span class="kb-step" aria-hidden="true">›</span>'.join(parts)
    about = escape(say("You are here", language))
    return block("kb-crumbs", inner, language, f' role="navigation" aria-label="{about}"')


def chips(fields: Sequence[Field], guide: Guide, language: str) -> str:
    """Return header fields: facts as chips, then one line for each relation."""
    facts = [field for field in fields if not field.links]
    relations = [field for field in fields if field.links]
    shown = "".join(_chip(field, guide, language) for field in facts)
    shown = f'<div class="kb-facts">{shown}</div>' if shown else ""
    rows = "".join(_relation(field, guide, language) for field in relations)
    return block("kb-head", shown + rows, language)


def _name(field: Field, language: str) -> str:
    name = escape(say(field.name, language))
    return f"{name} ({escape(field.qualifier)})" if field.qualifier else name


def _chip(field: Field, guide: Guide, language: str) -> str:
    look = f" kb-{tone(field.value)}" if field.name.casefold() == "status" else ""
    value = value_html(field.value, guide)
    return (
        f'<span class="kb-chip{look}"><span class="kb-name">{_name(field, language)}</span>'
        f' <span class="kb-value">{value}</span></span>'
    )


def _relation(field: Field, guide: Guide, language: str) -> str:
    return (
        f'<div class="kb-relation"><span class="kb-name">{_name(field, language)}</span>'
        f' <span class="kb-links">{value_html(field.value, guide)}</span></div>'
    )


# ---------------------------------------------------------------------- the badge
def badge_html(badge: Badge) -> str:
    """Return a runbook's badge with what stands behind it."""
    look, words = BADGES[badge.state]
    head = f'<span class="kb-badge-state">{words}</span>'
    if badge.day:
        head += f' <span class="kb-badge-day">{"on " if look != "bad" else "last drill "}'
        head += f"{escape(badge.day)} · profile {escape(badge.profile)} · self-reported</span>"
    if badge.real or badge.modelled:
        head += f'<span class="kb-badge-parts">{_parts(badge)}</span>'
    rows = list(_badge_rows(badge))
    body = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows)
    more = f"<details><summary>What was proven</summary><dl>{body}</dl>{_drills(badge)}</details>"
    return block(f"kb-badge kb-{look}", head + (more if rows else ""), "en")


def _parts(badge: Badge) -> str:
    real = f"Real: {escape(', '.join(badge.real)) or 'nothing'}"
    return f"{real} · modelled: {escape(', '.join(badge.modelled)) or 'nothing'}"


def _badge_rows(badge: Badge) -> Iterator[tuple[str, str]]:
    if badge.why:
        yield "Why not" if badge.state != "old" else "Note", "<br>".join(map(escape, badge.why))
    if badge.entries:
        drift = sorted({each for _, _, entry in badge.entries for each in entry.drift})
        yield "Differs from production", "<br>".join(map(escape, drift)) or "nothing accepted"
        held = sum(bool(layer.get("held")) for _, _, e in badge.entries[:1] for layer in e.layers)
        yield "Confinement", f"{held} of {len(badge.entries[0][2].layers)} layers measured and held"
    if badge.unrun:
        yield "Never run", escape(", ".join(badge.unrun))


def _drills(badge: Badge) -> str:
    rows = "".join(
        f"<tr><td>{escape(profile)}</td><td>{escape(name)}</td><td>{escape(entry.verdict)}"
        f"{': ' + escape(entry.reason) if entry.reason else ''}</td><td>{escape(entry.date)}</td>"
        f"<td>{escape(', '.join(entry.ran))}</td><td>{escape(_stand_ins(entry.stand_ins))}</td>"
        f"<td>{entry.seconds} s</td></tr>"
        for profile, name, entry in badge.entries
    )
    head = "<th>Profile</th><th>Scenario</th><th>Verdict</th><th>On</th><th>Steps run</th>"
    head += "<th>Stand-ins</th><th>Took</th>"
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>" if rows else ""


def _stand_ins(found: Mapping[str, str]) -> str:
    return ", ".join(f"{step}: {how}" for step, how in found.items()) or "none"


# ---------------------------------------------------------------------- the foot
def linked_from(rows: Sequence[tuple[str, str, str, Sentence | None]], language: str) -> str:
    """Return who links here: (URL, title, relation or "", sentence)."""
    if not rows:
        return ""
    relations: dict[str, list[str]] = {}
    said: list[str] = []
    for url, title, relation, sentence in rows:
        name = f'<a href="{escape(url)}">{escape(title)}</a>'
        if relation:
            relations.setdefault(relation, []).append(name)
        else:
            said.append(f"<li>{name}{_sentence(sentence)}</li>")
    lines = "".join(
        f'<div class="kb-relation"><span class="kb-name">{escape(say(name, language))}</span>'
        f' <span class="kb-links">{" · ".join(links)}</span></div>'
        for name, links in relations.items()
    )
    head = f'<p class="kb-label">{escape(say("Linked from", language))}</p>'
    return block("kb-linked", f"{head}{lines}<ul>{''.join(said)}</ul>", language)


def _sentence(said: Sentence | None) -> str:
    if said is None or not (said.before.strip() or said.after.strip(" .—")):
        return ""
    words = f"{escape(said.before)}<b>{escape(said.words)}</b>{escape(said.after)}"
    return f'<span class="kb-sentence">{words}</span>'


def around(
    label: str,
    left: Sequence[tuple[str, str]],
    right: Sequence[tuple[str, str]],
    language: str,
) -> str:
    """Return the page and its neighbours as a drawing: who links here, where it links to."""
    if not left and not right:
        return ""
    rows = max(len(left), len(right), 1)
    height = rows * 34 + 16
    middle = height / 2
    shapes = [*_side(left, 128, 1, height), *_side(right, 632, -1, height)]
    shapes.append(
        f'<rect class="kb-here" x="290" y="{middle - 15:g}" width="180" height="30" rx="15"/>'
        f'<text x="380" y="{middle + 4:g}" text-anchor="middle" class="kb-here-text">'
        f"{escape(short(label, 24))}</text>"
    )
    about = escape(
        f"{label}: {len(left)} {say('pages linking here', language)},"
        f" {len(right)} {say('pages linked from here', language)}"
    )
    first, last = 0 if left else 282, 760 if right else 478
    drawing = (
        f'<svg viewBox="{first} 0 {last - first} {height}" width="{last - first}" role="group"'
        f' aria-label="{about}">{"".join(shapes)}</svg>'
    )
    head = f'<p class="kb-label">{escape(say("Around this page", language))}</p>'
    return block("kb-around", head + drawing, language)


def _side(rows: Sequence[tuple[str, str]], x: int, way: int, height: int) -> Iterator[str]:
    """Yield one column: its lines to the middle, then its boxes."""
    gap = (height - 16) / max(len(rows), 1)
    middle = height / 2
    for index, (url, title) in enumerate(rows):
        y = 8 + gap * (index + 0.5)
        start, end = x + way * 120, 380 - way * 90
        bend = (start + end) / 2
        yield (
            f'<path class="kb-line" d="M{start} {y:g}C{bend:g} {y:g} {bend:g} {middle:g}'
            f' {end} {middle:g}"/>'
        )
        yield (
            f'<a href="{escape(url)}"><rect class="kb-node" x="{x - 120}" y="{y - 13:g}"'
            f' width="240" height="26" rx="13"/><text x="{x}" y="{y + 4:g}"'
            f' text-anchor="middle">{escape(short(title, 33))}</text></a>'
        )


def short(text: str, length: int) -> str:
    """Return the text, cut with an ellipsis where it is longer."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def relation_of(page: Page, start: int) -> str:
    """Return the header field in which the link at `start` stands, "" for the body."""
    for field in page.head.fields:
        if any(link.span.start == start for link in field.links):
            return field.name
    return ""


def is_crumb(page: Page, start: int) -> bool:
    """Return whether the link at `start` is one of the page's breadcrumb."""
    crumb = page.head.breadcrumb
    return crumb is not None and crumb.span.start <= start < crumb.span.end
