"""Does a text only say that something is gone? A small grammar of sentences, English and French.

A text is a tombstone when each of its sentences is one (*This page has moved to X.*, *Moved to X*,
*Supprimé.*) or points on (*See X.*, *Voir X.*), and at least one is one. A sentence is one when it
speaks of the page itself, or has no subject at all; what is said of other things is a fact:
*the flag was removed in 7.0*, *delete the pod*, *files that were moved are listed*.
"""

import re
from functools import cache
from itertools import islice
from typing import Final

from kbtool.markdown.prose import CLOSE, OBJECT, OPEN

# A text without any of these is none; this search is much faster than the grammar.
_STEMS: Final = (
    *("~~", "moved", "relocat", "migrat", "transfer", "renam", "remov", "delet", "deprecat"),
    *("retire", "archiv", "merged", "folded", "split", "consolidat", "replac", "supersed", "obsol"),
    *("discontinu", "withdrawn", "dropped", "outdated", "out of date", "no longer", "lives"),
    *("s now", "re now", "now be", "déplac", "renomm", "supprim", "retir", "fusionn", "transfér"),
    *("scind", "migr", "intégr", "regroup", "dépréci", "remplac", "abandonn", "enlev", "effac"),
    *("caduque", "désormais", "maintenant", "depuis", "déménag", "st plus", "nt plus", "te plus"),
)
LONGEST: Final = 400  # characters of a sentence that is judged; a longer one says more
MOST_WORDS: Final = 10  # of a name
MOST_JOINTS: Final = 3  # places where a sentence is taken apart


def _one_of(*alternatives: str) -> str:
    return "(?:" + "|".join(alternatives) + ")"


# ------------------------------------------------------------------ English
_PLACED: Final = _one_of(
    *("moved", "relocated", "migrated", "transferred", "renamed", "merged", "folded", "split"),
    "consolidated",
)
_GONE: Final = _one_of("removed", "deleted", "withdrawn", "dropped")
_LEFT: Final = _one_of(
    *("deprecated", "obsolete", "superseded", "replaced", "out of date", "outdated", "retired"),
    *("archived", "discontinued"),
)
_ANY: Final = _one_of(_PLACED, _GONE, _LEFT)
_TO: Final = _one_of("to", "into", "under", "in", "at", "as", "with", "by", "here")
_PAGE: Final = (
    _one_of(
        *("page", "section", "document", "documentation", "doc", "article", "guide", "guidebook"),
        *("runbook", "playbook", "topic", "readme", "tutorial", "how-to", "procedure", "spec"),
        *("specification", "repo", "repository"),
    )
    + "s?"
)
_PART: Final = _one_of(
    *(_PAGE, "content", "material", "text", "chapter", "entry", "note", "post", "paragraph")
)
_OF: Final = "(?: (?:on|about|for|of) [^,;:]{1,60}?)?"
_THIS: Final = rf"(?:this|these)(?: [\w-]+){{0,3}}? {_PART}{_OF}"
_THE: Final = rf"the(?: [\w-]+){{0,3}}? {_PAGE}{_OF}"
_SELF: Final = _one_of(_THIS, _THE)
_WHEN: Final = "(?: (?:now|since|recently|permanently|all))?"
_HAS: Final = rf"(?:has|have){_WHEN}(?: been)?{_WHEN}"

# ------------------------------------------------------------------ French
_ENDING: Final = "(?:ée?s?)"
_FR_PLACED: Final = (
    _one_of("déplac", "renomm", "fusionn", "transfér", "scind", "migr", "intégr", "regroup")
    + _ENDING
)
_FR_GONE: Final = _one_of("supprim", "enlev", "effac") + _ENDING
_FR_LEFT: Final = _one_of(
    _one_of("dépréci", "remplac", "retir", "abandonn", "archiv") + _ENDING,
    *("obsolètes?", "caduque?s?"),
)
_FR_ANY: Final = _one_of(_FR_PLACED, _FR_GONE, _FR_LEFT)
_FR_TO: Final = _one_of("vers", "dans", "en", "sous", "avec", "par", "à", "au", "aux", "ici", "sur")
_FR_PAGE: Final = (
    _one_of(
        *("page", "section", "rubrique", "fiche", "procédure", "documentation", "note", "partie"),
        *("document", "guide", "chapitre", "contenu", "runbook", "article", "tutoriel"),
    )
    + "s?"
)
_FR_SELF: Final = (
    rf"(?:cette|cet|ce|ces|la|le|les|la présente|le présent|l['’])(?: ?[\w-]+){{0,2}}? ?{_FR_PAGE}"
    r"(?: (?:sur|de|du|des|d['’])[^,;:]{1,60}?)?"
)
_FR_NOW: Final = "(?:désormais|maintenant|depuis)"
_FR_WHEN: Final = rf"(?: (?:{_FR_NOW}|donc|récemment|définitivement))?"
_FR_HAS: Final = rf"(?:a|ont){_FR_WHEN} été{_FR_WHEN}"

# ------------------------------------------------------------------ both
_REST: Final = r"\b[^;]{0,200}"  # of a sentence that speaks of the page: why, when, where to
_LINK: Final = f"{OPEN}[^{CLOSE}]*{CLOSE}"
_WHERE: Final = _one_of(rf"[^;{OPEN}]{{0,60}}{_LINK}[^\w{OPEN}]*", rf"[^;,{OPEN}]{{1,80}}")
_GONE_AWAY: Final = _one_of(_PLACED, _GONE, "retired", "replaced")
_FR_GONE_AWAY: Final = _one_of(_FR_PLACED, _FR_GONE, _one_of("retir", "remplac") + _ENDING)


def _is_elsewhere(this: str, the: str, fr: str) -> str:
    """Return sentences that say a subject is gone. What *is moved* describes; *was* tells."""
    both = _one_of(this, the)
    return _one_of(
        rf"{both} {_HAS} {_GONE_AWAY}{_REST}",
        rf"{this} (?:was|were){_WHEN} {_GONE_AWAY}{_REST}",
        rf"{this} (?:is|are) now {_GONE_AWAY}{_REST}",
        rf"{this} moved to{_REST}",
        rf"{both} (?:now lives?|lives? now|(?:is|are) now (?:located|found|part of|kept)){_REST}",
        rf"{this} (?:is|are) now (?:in|at|under|here){_REST}",
        rf"{both} (?:can|will|may) now be (?:found|read){_REST}",
        rf"{both} no longer (?:exists?|lives?){_REST}",
        rf"we(?: have|['’]ve)? (?:moved|renamed|merged|removed|retired) {both}{_REST}",
        rf"{fr} {_FR_HAS} {_FR_GONE_AWAY}{_REST}",
        rf"{fr} (?:est|sont) {_FR_NOW} {_FR_GONE_AWAY}{_REST}",
        rf"{fr} (?:a|ont) déménagé{_REST}",
        rf"{fr} (?:se trouve(?:nt)?|est|sont|vit) {_FR_NOW} (?:dans|sur|sous|à|au|ici){_REST}",
        rf"{fr} n['’]existe(?:nt)? plus{_REST}",
    )


def _is_left_behind(this: str, fr: str) -> str:
    """Return sentences that say a subject does not hold any more; it may still be read below."""
    return _one_of(
        rf"{this} {_HAS} {_LEFT}{_REST}",
        rf"{this} (?:is|are){_WHEN} {_LEFT}{_REST}",
        rf"{this} (?:is|are) no longer (?:maintained|used|in use|needed|relevant|valid|updated)"
        + _REST,
        rf"{this} no longer applies{_REST}",
        rf"{fr} {_FR_HAS} {_FR_LEFT}{_REST}",
        rf"{fr} (?:est|sont){_FR_WHEN} {_FR_LEFT}{_REST}",
        rf"{fr} n['’](?:est|sont) plus (?:maintenue?|utilisée?|à jour|valable|nécessaire)s?{_REST}",
    )


_ELSEWHERE: Final = _is_elsewhere(_THIS, _THE, _FR_SELF)
_LEFT_BEHIND: Final = _is_left_behind(_THIS, _FR_SELF)
# Fragments without a subject: the heading, cell or name beside them is what they speak of.
_FRAGMENT: Final = _one_of(
    rf"(?:has |have )?(?:been )?(?:now )?{_PLACED} {_TO}\b{_WHERE}",
    rf"(?:has |have )?(?:been )?(?:now )?{_PLACED} {_LINK}",
    rf"(?:replaced|superseded|obsoleted) (?:by|with)\b{_WHERE}",
    rf"(?:{_GONE}|{_LEFT}) in favou?r of\b{_WHERE}",
    rf"{_FR_PLACED} {_FR_TO}(?!\w){_WHERE}",
    rf"remplacée?s? par\b{_WHERE}",
    rf"(?:{_FR_GONE}|{_FR_LEFT}) au profit d[eu'’]{_WHERE}",
)
# Of anything, when it fills a section and names the new place.
_THING: Final = _one_of(
    rf"the [\w{OBJECT} -]{{1,60}}? (?:has|have|was|were)(?: been| now)? {_PLACED} {_TO}"
    rf"[^.]*{_LINK}.*",
    rf"(?:la|le|les|l['’]) ?[\w{OBJECT} -]{{1,60}}? {_FR_HAS} {_FR_PLACED} {_FR_TO}[^.]*{_LINK}.*",
)
# One word: a value like any other (*D: deleted*), unless it is said of something with a name.
_BARE: Final = _one_of(
    rf"{_PLACED}|{_GONE}|retired|archived|discontinued|no longer (?:exists|used|in use|maintained)",
    rf"{_FR_PLACED}|{_FR_GONE}|{_one_of('retir', 'abandonn', 'archiv')}{_ENDING}|n['’]existe plus",
)
# These say where to go on; alone they say nothing is gone.
_POINTER: Final = _one_of(
    _is_elsewhere("(?:it|they)", "(?:it|they)", "(?:elles?|ils?)"),
    _is_left_behind("(?:it|they)", "(?:elles?|ils?)"),
    r"(?:please |instead,? )?(?:see|use|read|refer to|go to|visit|consult|look (?:at|in)|check"
    rf"|follow|find (?:it|them)|update your)(?: also)?{_REST}",
    rf"(?:for|to) [^,]{{1,120}}, (?:please )?(?:see|use|read|refer to|go to|visit){_REST}",
    rf"(?:you|it|they) (?:can|will)(?: now)? (?:be found|be redirected|find){_REST}",
    rf"(?:its|the|their) (?:new|current) \w+ (?:is|are|lives){_REST}",
    r"(?:merci de |veuillez )?(?:voir|utilise[rz]|lire|lisez|consulte[rz]|suive[rz]|suivre"
    rf"|reporte[rz](?:-vous)?|rende[rz]-vous|mett(?:re|ez) à jour){_REST}",
    rf"pour [^,]{{1,120}}, (?:voir|utilise[rz]|consulte[rz]|lire|lisez){_REST}",
    rf"vous (?:la |le |les )?trouverez{_REST}",
    rf"[^\w{OPEN}{OBJECT}]*(?:{_LINK}|{OBJECT})[^\w{OPEN}{OBJECT}]*",
)

# What is said of a page in the midst of it, of an item, of something named, and of a whole page or
# section, where even a bare *Deprecated.* leaves nothing to read.
_IN_PASSING: Final = _ELSEWHERE
_OF_ITEM: Final = _one_of(_ELSEWHERE, _FRAGMENT)
_OF_NAMED: Final = _one_of(_ELSEWHERE, _FRAGMENT, _BARE)
_OF_WHOLE: Final = _one_of(_ELSEWHERE, _LEFT_BEHIND, _FRAGMENT, _THING, _BARE, _LEFT, _FR_LEFT)
_LABEL: Final = re.compile(
    r"(?:note|important|warning|attention|caution|tip|info|notice|nb|update|redirect|remarque"
    r"|avertissement|mise à jour|redirection)\s*[:!.—–-]\s*",
    re.IGNORECASE,
)
_SENTENCE: Final = re.compile(r"(?<=[.!?…])\s+")
_MARKUP: Final = re.compile(r"\*+|(?<!\w)_+|_+(?!\w)|\[![A-Z]+\]|(?m:^[ \t]*>+)")
_RUN: Final = re.compile(rf"([{OBJECT}{OPEN}{CLOSE}])\1+")
_JOINT: Final = re.compile(r"\s*[:;,]\s|\s+(?:[—–-]|→|->|⇒)\s+|\s*\(")
_BULLET: Final = re.compile(rf"^[^\w{OPEN}{OBJECT}]+")
_NOTHING: Final = r"(?!)"
_AROUND: Final = " .!?…:;,—–-()[]"


def plain(text: str) -> str:
    """Return what is read of a stretch of prose: no emphasis, no quote marks, single spaces."""
    return re.sub(r"\s+", " ", _RUN.sub(r"\1", _MARKUP.sub(" ", text))).strip()


def only_says_gone(text: str, *, whole: bool = False) -> bool:
    """Return whether a stretch of prose is a tombstone; `whole`: of the page it fills."""
    return _says_only(text, _OF_WHOLE if whole else _OF_ITEM)


def says_page_is_gone(text: str) -> bool:
    """Return whether a paragraph with others around it only says that they have gone elsewhere."""
    return _says_only(text, _IN_PASSING)


def names_what_is_gone(text: str, *, whole: bool = False) -> bool:
    """Return whether a text is a name with its tombstone: *A: moved to X*, *Old job (removed)*."""
    if not may_say_gone(text):
        return False
    read = plain(text)
    for joint in islice(_JOINT.finditer(read), MOST_JOINTS):
        name, rest = read[: joint.start()], read[joint.end() :]
        if re.search(r"[.!?;,]\s", name) or len(name.split()) > MOST_WORDS:
            return False
        if gone_of_name(name, rest, whole=whole):
            return True
    return False


def gone_of_name(name: str, said: str, *, whole: bool = False) -> bool:
    """Return whether what is said of a name is a tombstone."""
    if whole:
        return _says_only(said, _OF_WHOLE)
    telling = OPEN in name or len(re.findall(r"\w{2,}", name)) > 1
    return _says_only(said, _OF_NAMED if telling else _OF_ITEM)


def points_on(text: str) -> bool:
    """Return whether a stretch of prose does nothing but send its reader on."""
    return all(_verdict(part, _NOTHING) is False for part in _sentences(text))


def may_say_gone(text: str) -> bool:
    """Return whether the grammar need be asked at all."""
    return any(map(text.lower().__contains__, _STEMS))


def _says_only(text: str, grammar: str) -> bool:
    if not may_say_gone(text) or plain(text).endswith(":"):  # what follows is said too
        return False
    verdicts = [_verdict(part, grammar) for part in _sentences(text)]
    return bool(verdicts) and None not in verdicts and True in verdicts


def _sentences(text: str) -> list[str]:
    return [part for part in _SENTENCE.split(plain(text)) if re.search(rf"[\w{OBJECT}]", part)]


def _verdict(sentence: str, grammar: str) -> bool | None:
    """Return True for a tombstone, False for a pointer, None for anything else."""
    bare = _BULLET.sub("", sentence.strip(_AROUND))
    bare = _LABEL.sub("", bare, count=1).strip()
    if len(bare) > LONGEST:
        return None
    if _is(bare, grammar):
        return True
    if _is(bare, _POINTER):
        return False
    for joint in islice(_JOINT.finditer(bare), MOST_JOINTS):
        first, second = bare[: joint.start()], bare[joint.end() :].strip(_AROUND)
        if _is(first, _with_pointer(grammar)) and (_is(second, grammar) or _is(second, _POINTER)):
            return True
    return None


def _with_pointer(grammar: str) -> str:
    """Return the grammar of what comes before a pointer: *Removed, see X* needs no name."""
    return _OF_NAMED if grammar is _OF_ITEM else grammar


def _is(text: str, grammar: str) -> bool:
    return _compiled(grammar).fullmatch(text) is not None


@cache
def _compiled(grammar: str) -> re.Pattern[str]:
    # Seldom needed, and a twentieth of a second each: the stems stand before it.
    return re.compile(grammar, re.IGNORECASE)
