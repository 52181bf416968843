"""The kinds of page that can be made: where each goes, and how it is called."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind. `name` and `label` are patterns over slug, title, number and date."""

    folder: str  # of the base
    name: str
    label: str = "{title}"  # the H1
    digits: int = 0  # of its number; 0 for kinds without one
    prefix: str = ""  # before the number
    sections: tuple[str, ...] = ()  # it cannot do without


KINDS: Final[Mapping[str, Shape]] = {
    "adr": Shape(
        "ADR",
        "{number}-{slug}.md",
        "ADR-{number}: {title}",
        digits=4,
        sections=("Context", "Decision", "Consequences"),
    ),
    "prd": Shape("PRD", "{slug}/README.md"),
    "inv": Shape(
        "investigations",
        "INV-{number}-{slug}.md",
        "INV-{number}: {title}",
        digits=3,
        prefix="INV-",
    ),
    "guidebook": Shape("guidebooks", "{slug}/README.md"),
    "runbook": Shape("runbooks", "{slug}.md", sections=("Guards", "Steps")),
    "shareout": Shape("shareouts", "{date}-{slug}.md"),
}
