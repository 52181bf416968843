"""Page → `Runbook`. Never raises: what is malformed becomes a `Defect` with its place."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from kbtool import pattern
from kbtool.markdown.page import Block, Fence, Heading, Page
from kbtool.runbook.expectation import GrammarError, duration, operators, parse_expectation
from kbtool.runbook.fields import item_fields
from kbtool.runbook.model import (
    Capture,
    Condition,
    Defect,
    Expectation,
    Guards,
    Input,
    Invariant,
    Runbook,
    Scenario,
    Shell,
    StandIn,
    Step,
    Tag,
    WrittenField,
)
from kbtool.runbook.names import obeyed, unset_names
from kbtool.text import Span

DEFAULT_TIMEOUT: Final = 600.0
STEP_FIELDS: Final = (
    "On",
    "Timeout",
    "Needs",
    "When",
    "Who",
    "Uses",
    "Capture",
    "Secret",
    "Expect",
    "Undo",
    "Repeat",
    "Evidence",
    "Stand-in",
)
GUARD_FIELDS: Final = ("Requires", "Inputs", "Break", "Before", "Always", "Accept")
_HEADING = re.compile(r"(?P<id>S\d+[a-z]?) \[(?P<tag>AGENT|HUMAN)\] (?P<title>\S.*)")
_ID = re.compile(r"S\d+[a-z]?(?=\s|$|:)")
_NAME = re.compile(r"[A-Z][A-Z0-9_]*")
_CAPTURE = re.compile(
    r"(?P<secret>secret\s+)?`?(?P<name>[A-Za-z_][A-Za-z0-9_]*)`?\s+from\s+"
    r"(?:`/(?P<coded>[^`]+)/`|/(?P<plain>(?:[^/\\]|\\.)+)/)"
)
_INPUT = re.compile(r"`?(?P<name>[A-Za-z_][A-Za-z0-9_]*)`?\s*(?:\((?P<text>[^()]*)\))?")
_EXAMPLE = re.compile(r"e\.g\.\s*`([^`]+)`")
_BOUNDS = re.compile(
    r"\s*(?:\bfrom\s+(?P<start>S\d+[a-z]?))?\s*(?:\buntil\s+(?P<until>S\d+[a-z]?))?$"
)

Digest = Callable[[str], str | None]


def read_runbook(page: Page, digest: Digest) -> Runbook:
    """Return what the author wrote; `digest` gives the sha256 of a repository file, or None."""
    return _Reader(page, digest).runbook()


def is_runbook(page: Page) -> bool:
    """Return whether the page has a `## Steps` section."""
    return any(heading.level == 2 and heading.text == "Steps" for heading in page.headings)


class _Reader:
    """Reads one page, collecting defects as it goes."""

    def __init__(self, page: Page, digest: Digest) -> None:
        self.page = page
        self.digest = digest
        self.defects: list[Defect] = []
        self.uses: dict[str, str] = {}
        self.ids: list[str] = []
        self.lost: set[str] = set()  # what steps whose heading is malformed would have captured
        self.fences: Mapping[int, Fence] = {fence.span.start: fence for fence in page.fences}
        self.levels: Mapping[int, Heading] = {h.span.start: h for h in page.headings}

    def runbook(self) -> Runbook:
        guards = self._guards(self._section("Guards"))
        steps = tuple(self._steps(self._section("Steps")))
        if not guards.accept:
            self._defect("KB503", self._place("Guards"), "no Accept: nothing says what healthy is")
        self._bounds(guards.always)
        self.defects += unset_names(guards, steps, self.lost)
        title = self.page.head.title.text if self.page.head.title else self.page.path
        return Runbook(self.page.path, title, guards, steps, tuple(self.defects), self.uses)

    # ------------------------------------------------------------------ sections
    def _heading(self, block: Block) -> Heading | None:
        return self.levels.get(block.span.start) if block.kind == "heading" else None

    def _section(self, title: str) -> list[Block]:
        """Return the blocks below the H2 of that title."""
        inside, found = False, []
        for block in self.page.blocks:
            heading = self._heading(block)
            if heading and heading.level <= 2:
                inside = heading.level == 2 and heading.text == title
            elif inside:
                found.append(block)
        return found

    def _place(self, title: str) -> Span:
        for heading in self.page.headings:
            if heading.level == 2 and heading.text == title:
                return heading.span
        return self.page.head.title.span if self.page.head.title else Span(0, 0)

    def _defect(self, rule: str, span: Span, message: str, hint: str = "") -> None:
        self.defects.append(Defect(rule, span, message, hint))

    def _fields(self, blocks: Sequence[Block], known: Sequence[str]) -> Iterator[WrittenField]:
        for block in blocks:
            for item in block.items if block.kind == "bullets" else ():
                for field in item_fields(self.page.text, item):
                    if field.name in known:
                        yield field
                    else:
                        self._unknown(field, known)

    def _unknown(self, field: WrittenField, known: Sequence[str]) -> None:
        from difflib import get_close_matches

        near = get_close_matches(field.name, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"the fields are {', '.join(known)}"
        self._defect("KB502", field.name_span, f"unknown field {field.name!r}", hint)

    # ------------------------------------------------------------------ guards
    def _guards(self, blocks: Sequence[Block]) -> Guards:
        fields = tuple(self._fields(blocks, GUARD_FIELDS))
        named = _by_name(fields)
        return Guards(
            fields=fields,
            requires=tuple(name for f in named("Requires") for name in _names(f.value)),
            inputs=tuple(found for f in named("Inputs") for found in self._inputs(f)),
            scenarios=self._scenarios(named("Break")),
            before=self._expectations(named("Before")),
            always=tuple(found for f in named("Always") if (found := self._invariant(f))),
            accept=self._expectations(named("Accept")),
        )

    def _inputs(self, field: WrittenField) -> Iterator[Input]:
        for piece in _split_commas(field.value):
            match = _INPUT.fullmatch(piece)
            if match is None:
                self._defect(
                    "KB502", field.span, f"malformed Inputs: {piece!r}", "`NAME` (what it is)"
                )
            elif self._good_name(match["name"], field.span):
                text = match["text"] or ""
                example = _EXAMPLE.search(text)
                yield Input(match["name"], text, example[1] if example else None, field.span)

    def _scenarios(self, fields: Sequence[WrittenField]) -> tuple[Scenario, ...]:
        found: list[Scenario] = []
        for field in fields:
            faults = _names(field.value)
            if not field.label or not faults:
                hint = "**Break** `scenario`: fault, fault"
                self._defect("KB502", field.span, "malformed Break", hint)
            elif any(field.label == scenario.name for scenario in found):
                self._defect("KB502", field.span, f"a second scenario {field.label!r}")
            else:
                found.append(Scenario(field.label, faults, field.span))
        return tuple(found)

    def _invariant(self, field: WrittenField) -> Invariant | None:
        code = field.value.rfind("`")
        bounds = _BOUNDS.search(field.value, code + 1)
        start, until = (bounds["start"], bounds["until"]) if bounds else (None, None)
        checked = field.value[: bounds.start()] if bounds and (start or until) else field.value
        expectation = self._expectation(checked, field.span)
        return Invariant(expectation, start, until) if expectation else None

    def _bounds(self, invariants: Sequence[Invariant]) -> None:
        """Report an Always whose bounds are no steps, or in the wrong order: it would not watch."""
        for always in invariants:
            bounds = [name for name in (always.start, always.until) if name]
            unknown = [name for name in bounds if name not in self.ids]
            if unknown:
                message = f"Always names {unknown[0]}, which is no step"
                self._defect("KB508", always.expectation.span, message)
            elif bounds != sorted(set(bounds), key=self.ids.index):
                message = f"Always from {bounds[0]} until {bounds[1]} covers no step"
                self._defect("KB508", always.expectation.span, message)

    def _expectations(self, fields: Sequence[WrittenField]) -> tuple[Expectation, ...]:
        found = (self._expectation(field.value, field.span) for field in fields)
        return tuple(expectation for expectation in found if expectation)

    def _expectation(self, value: str, span: Span) -> Expectation | None:
        try:
            return parse_expectation(value, span)
        except GrammarError as fault:
            self._defect("KB507", span, str(fault))
            return None

    # ------------------------------------------------------------------ steps
    def _steps(self, blocks: Sequence[Block]) -> Iterator[Step]:
        starts = [i for i, b in enumerate(blocks) if (h := self._heading(b)) and h.level == 3]
        for start, end in pairwise([*starts, len(blocks)]):
            heading = self._heading(blocks[start])
            if heading is not None:
                yield from self._step(heading, blocks[start + 1 : end])

    def _step(self, heading: Heading, blocks: Sequence[Block]) -> Iterator[Step]:
        match = _HEADING.fullmatch(heading.text)
        if match is None:
            if malformed := _ID.match(heading.text):
                self.ids.append(malformed[0])
            self.lost |= {name for block in blocks for name in self._captured_in(block)}
            hint = "### S1 [AGENT] Title, or [HUMAN]"
            self._defect("KB501", heading.span, f"malformed step heading {heading.text!r}", hint)
            return
        if match["id"] in self.ids:
            self._defect("KB501", heading.span, f"a second step {match['id']}")
            return
        self.ids.append(match["id"])
        tag: Tag = "AGENT" if match["tag"] == "AGENT" else "HUMAN"
        yield self._whole_step(match["id"], tag, match["title"], heading, blocks)

    def _captured_in(self, block: Block) -> Iterator[str]:
        """Yield what a step that could not be read would capture: one defect is enough."""
        for item in block.items if block.kind == "bullets" else ():
            for field in item_fields(self.page.text, item):
                if field.name == "Capture":
                    yield from (match["name"] for match in _CAPTURE.finditer(field.value))

    def _whole_step(
        self, id_: str, tag: Tag, title: str, heading: Heading, blocks: Sequence[Block]
    ) -> Step:
        own, apart = self._stand_in_apart(blocks)
        fields = tuple(self._fields(own, STEP_FIELDS))
        named = _by_name(fields)
        fence = self._block(tag, heading, own)
        shell: Shell = "bash" if fence and fence.language == "bash" else "sh"
        step = Step(
            id=id_,
            tag=tag,
            title=title,
            span=heading.span,
            fields=fields,
            shell=shell,
            block=fence.text if fence else None,
            block_span=fence.body if fence else None,
            prose=self._prose(own, fields, fence),
            on=_plain(self._one(named("On")), "operator"),
            timeout=self._timeout(self._one(named("Timeout"))),
            needs=self._needs(named("Needs")),
            when=self._when(self._one(named("When"))),
            who=_plain(self._one(named("Who")), "") or None,
            uses=tuple(path for f in named("Uses") for path in self._use(f)),
            captures=tuple(found for f in named("Capture") for found in self._captures(f)),
            secrets=tuple(name for f in named("Secret") for name in self._secret_names(f)),
            expects=self._expectations(named("Expect")),
            undo=tuple(_uncoded(f.value) for f in named("Undo")),
            repeat_safe=self._repeat(self._one(named("Repeat"))),
            evidence=tuple(name for f in named("Evidence") for name in _names(f.value)),
            stand_in=self._stand_in(self._one(named("Stand-in")), apart, shell),
        )
        self._complete(step)
        return step

    def _complete(self, step: Step) -> None:
        """Report what a whole step lacks."""
        if step.tag == "HUMAN" and not step.who:
            self._defect("KB503", step.span, f"{step.id} has no Who", "- **Who**: key holder")
        if step.tag == "HUMAN" and step.block is not None and step.stand_in is None:
            hint = "- **Stand-in**: types `SECRET`, or a fence under #### Stand-in"
            self._defect(
                "KB506", step.span, f"{step.id} has no Stand-in: no drill can run it", hint
            )
        if not any(field.name in ("Expect", "Capture") for field in step.fields):
            message = f"{step.id} checks nothing but its exit code"
            self._defect("KB504", step.span, message, "add an Expect or a Capture")

    def _stand_in_apart(self, blocks: Sequence[Block]) -> tuple[list[Block], list[Block]]:
        """Tell the blocks below `#### Stand-in` from the others."""
        own: list[Block] = []
        apart: list[Block] = []
        into = own
        for block in blocks:
            heading = self._heading(block)
            if heading:
                into = apart if heading.text.casefold() == "stand-in" else own
            else:
                into.append(block)
        return own, apart

    def _shells(self, blocks: Sequence[Block]) -> list[Fence]:
        found = (self.fences.get(b.span.start) for b in blocks if b.kind == "fence")
        return [fence for fence in found if fence and fence.language in ("sh", "bash")]

    def _block(self, tag: Tag, heading: Heading, blocks: Sequence[Block]) -> Fence | None:
        shells = self._shells(blocks)
        if tag == "AGENT" and not shells:
            self._defect("KB505", heading.span, "an [AGENT] step has exactly one sh or bash fence")
        for extra in shells[1:]:
            self._defect("KB505", extra.span, "a second sh or bash fence in one step")
        return shells[0] if shells else None

    def _prose(
        self, blocks: Sequence[Block], fields: Sequence[WrittenField], fence: Fence | None
    ) -> str:
        held = {fence.span.start} if fence else set()
        lists = [
            b for b in blocks if any(b.span.start <= f.span.start < b.span.end for f in fields)
        ]
        held |= {block.span.start for block in lists}
        texts = [
            self.page.text[b.span.start : b.span.end] for b in blocks if b.span.start not in held
        ]
        return " ".join(" ".join(texts).split())

    # ------------------------------------------------------------------ values
    def _one(self, fields: Sequence[WrittenField]) -> WrittenField | None:
        for extra in fields[1:]:
            self._defect("KB502", extra.name_span, f"a second {extra.name}")
        return fields[0] if fields else None

    def _timeout(self, field: WrittenField | None) -> float:
        if field is None:
            return DEFAULT_TIMEOUT
        try:
            seconds = duration(field.value)
        except GrammarError as fault:
            self._defect("KB502", field.span, f"malformed Timeout: {fault}")
            return DEFAULT_TIMEOUT
        if seconds == 0:
            self._defect("KB502", field.span, "malformed Timeout: no step ends in no time")
        return seconds or DEFAULT_TIMEOUT

    def _needs(self, fields: Sequence[WrittenField]) -> tuple[str, ...]:
        if not fields:
            return tuple(self.ids[-2:-1])
        found: list[str] = []
        for field in fields:
            for name in _names(field.value):
                if name in self.ids[:-1]:
                    found.append(name)
                else:
                    message = f"needs {name}, which is no earlier step"
                    self._defect("KB508", field.span, message)
        return tuple(found)

    def _when(self, field: WrittenField | None) -> Condition | None:
        if field is None:
            return None
        match = re.fullmatch(r"\$([A-Za-z_][A-Za-z0-9_]*)\s+(.+)", _uncoded(field.value))
        if match is None:
            self._defect("KB502", field.span, "malformed When", "write `$NAME op value`")
            return None
        try:
            op, value = operators(match[2])
        except GrammarError as fault:
            self._defect("KB502", field.span, f"malformed When: {fault}")
            return None
        return Condition(match[1], op, value, field.span)

    def _use(self, field: WrittenField) -> Iterator[str]:
        for path in _names(field.value):
            found = self.digest(path)
            if found is None:
                self._defect("KB502", field.span, f"Uses {path!r}: no such file in the repository")
            self.uses[path] = found or ""
            yield path

    def _captures(self, field: WrittenField) -> Iterator[Capture]:
        at = 0
        for match in _CAPTURE.finditer(field.value):
            if field.value[at : match.start()].strip(" ,"):
                break
            at = match.end()
            regex = match["coded"] or match["plain"]
            fault = pattern.check(regex)
            if fault:
                self._defect("KB502", field.span, f"malformed Capture: {fault}")
            elif self._good_name(match["name"], field.span):
                yield Capture(match["name"], regex, bool(match["secret"]), field.span)
        if field.value[at:].strip(" ,") or at == 0:
            hint = "`NAME` from `/re/`, or secret `NAME` from `/re/`"
            self._defect("KB502", field.span, "malformed Capture", hint)

    def _secret_names(self, field: WrittenField) -> Iterator[str]:
        for name in _names(field.value):
            if _NAME.fullmatch(name):
                yield name
            else:
                self._defect("KB502", field.span, f"malformed Secret: {name!r} is no name")

    def _good_name(self, name: str, span: Span) -> bool:
        if not _NAME.fullmatch(name):
            self._defect("KB502", span, f"{name!r} is no name: capitals, digits and _ only")
        elif obeyed(name):
            self._defect("KB502", span, f"{name!r} would steer the programs of the step")
        else:
            return True
        return False

    def _repeat(self, field: WrittenField | None) -> bool:
        if field and _uncoded(field.value) != "safe":
            self._defect("KB502", field.span, "malformed Repeat: the one word is `safe`")
        return field is not None and _uncoded(field.value) == "safe"

    def _stand_in(
        self, field: WrittenField | None, apart: Sequence[Block], shell: Shell
    ) -> StandIn | None:
        shells = self._shells(apart)
        if shells:
            other: Shell = "bash" if shells[0].language == "bash" else "sh"
            return StandIn((), shells[0].text, other, shells[0].body)
        if field is None:
            return None
        words = re.fullmatch(r"types\s+(.+)", field.value)
        names = _names(words[1]) if words else ()
        if not names or not all(_NAME.fullmatch(name) for name in names):
            hint = "types `SECRET`, or a fence under #### Stand-in"
            self._defect("KB502", field.span, "malformed Stand-in", hint)
            return None
        return StandIn(names, None, shell, field.span)


def _by_name(fields: Sequence[WrittenField]) -> Callable[[str], list[WrittenField]]:
    return lambda name: [field for field in fields if field.name == name]


def _plain(field: WrittenField | None, default: str) -> str:
    return _uncoded(field.value) if field else default


def _uncoded(value: str) -> str:
    """Return the content of a value that is one code span, else the value."""
    match = re.fullmatch(r"(`+)(.+?)\1", value.strip())
    return match[2].strip() if match else value.strip()


def _split_commas(value: str) -> list[str]:
    """Split at commas outside of parentheses."""
    return [piece.strip() for piece in re.split(r",\s*(?![^()]*\))", value) if piece.strip()]


def _names(value: str) -> tuple[str, ...]:
    return tuple(name.strip("`") for name in re.split(r"[,\s]+", value.strip()) if name.strip("`"))
