"""A base in the spellings lab pages use: no rule raises a false alarm, and --fix keeps what is said.

Three header spellings and the older ones, qualifiers, alerts, `~~~` fences, wrapped list items,
French text.
"""

import json
import os

import pytest
from click.testing import CliRunner

from kbtool.cli.lint import command
from kbtool.markdown.parse import parse_page

PAGES = {
    "vibe/README.md": """\
**vibe**

# The base of a small platform

> **Status**: 🟢 Active
> **Last Updated**: 2026-01-15

- [Decisions](ADR/README.md)
- [Guidebooks](guidebooks/README.md): how things are,
  and why they are so
- [Requirements](PRD/README.md)
- [Investigations](investigations/README.md)
- [Shareouts](shareouts/README.md)
""",
    "vibe/ADR/README.md": """\
[vibe](../README.md) > **Decisions**

# Decisions

> [!NOTE]
> **Status**: ✅ Active · **Last Updated**: 2026-01-15

| Number | Decision | Status |
|:--|:--|:-:|
| [0001](0001-two-tiers-of-storage.md) | Two tiers of storage | Superseded by [0002](0002-three-tiers-of-storage.md) |
| [0002](0002-three-tiers-of-storage.md) | Three tiers of storage | ✅ Accepted |
""",
    "vibe/ADR/0001-two-tiers-of-storage.md": """\
[vibe](../README.md) > [Decisions](README.md) > **0001**

# ADR-0001: Two tiers of storage

* Status: Superseded by [ADR-0002](0002-three-tiers-of-storage.md)
* Date: 2026-01-05
* Deciders: the operator
* **Implemented by**: [Volumes](../guidebooks/volumes.md)

## Context

The database has to come up before the cluster does.

## Decision

Volumes of applications live in the cluster, the database on one machine's own disk.

## Consequences

- One machine more to look after, \\
  and one circle less.
""",
    "vibe/ADR/0002-three-tiers-of-storage.md": """\
[vibe](../README.md) > [Decisions](README.md) > **0002**

# ADR-0002: Three tiers of storage

**Status:** ✅ Accepted
**Date:** 2026-01-15
**Deciders:** the operator · the night shift
**Supersedes:** [ADR-0001](0001-two-tiers-of-storage.md)

## Context

Backups shared a volume with what they protect.

## Alternatives

| option | why not |
| --- | --- |
| a second cluster | `cost \\| care` |

## Decision

Backups get a tier of their own.

## Consequences

A restore no longer needs the cluster.
""",
    "vibe/guidebooks/README.md": """\
[vibe](../README.md) > **Guidebooks**

# Guidebooks

> **Status:** 🟡 Beta
> **Last Updated:** 2026-01-15

| page | about |
| --- | --- |
| [Volumes](volumes.md) | where data lives |
| [Keys & seals](keys-and-seals.md) | who can open what |
| [Start-up](start-up.md) | what waits for what |
""",
    "vibe/guidebooks/volumes.md": """\
[vibe](../README.md) > [Guidebooks](README.md) > **Volumes**

# Volumes

> **Status**: 🟢 Active
> **Last Updated**: 2026-01-15
> **Related**: [Keys & seals](keys-and-seals.md) · [Test plan](../PRD/rehearsal/qa-strategy.md)
> **Decision**: [ADR-0001: two tiers](../ADR/0001-two-tiers-of-storage.md)
> **Upstream** (incident record): [The night of the long power cut](../../doc/adr/power-cut.md)
> **Deeper dive**: [Start-up](start-up.md#order)

## TL;DR

Every volume has three copies. A copy's folder is called `<volume>-<engine>`, and the engine
changes whenever its resource is created anew.

> [!CAUTION]
> Never rename such a folder to the new engine: an empty copy may win.

## The way back

~~~mermaid
%%{init: {'theme':'base', 'themeVariables': {'fontSize': '14px'}}}%%
flowchart LR
    C["Fresh volume"]:::store --> M["Maintenance"]:::proc
    M --> R["Copied data"]:::src
    classDef store fill:#7c3aed,color:#fff
    classDef proc fill:#059669,color:#fff
    classDef src fill:#2563eb,color:#fff
~~~

1. Create a **fresh volume** of the same size,
   and wait until it is there.
2. Attach it in **maintenance** mode.
3. Write the **copied data** into the device that appears.

~~~sh
rsync --archive merged/ /mnt/device/   # `[not](a-link.md)`
~~~

## See also

- [Keys & seals](keys-and-seals.md) — why nothing starts
  before somebody typed a key.
- [The power cut](../../doc/adr/power-cut.md): five ways were tried,
  one of them works.
- CLUSTER_RECOVERY.md (kept beside the repositories).
""",
    "vibe/guidebooks/keys-and-seals.md": """\
[vibe](../README.md) > [Guidebooks](README.md) > **Keys & seals**

# Keys & seals

> [!NOTE]
> **Status**: In design · **Last Updated**: 2026-01-15 · **Related**: [Volumes](volumes.md) · [Start-up](start-up.md)

The store of secrets is closed after each restart.

> [!IMPORTANT]
> One person, one key.

## See also

* [Volumes](volumes.md)
""",
    "vibe/guidebooks/start-up.md": """\
[vibe](../README.md) > [Guidebooks](README.md) > **Start-up**

# Start-up

- **Status:** Draft
- **Last Updated:** 2026-01-15
- **Related** (what it waits for): [Keys & seals](keys-and-seals.md)

## Order

1) volumes
2) the key
3) fresh credentials,
   one for each application
4) the books, last
""",
    "vibe/PRD/README.md": """\
[vibe](../README.md) > **Requirements**

# Requirements

> **Status**: 🟢 Active
> **Last Updated**: 2026-01-15

| requirement | status |
| --- | --- |
| [A place to rehearse](rehearsal/README.md) | in design |
""",
    "vibe/PRD/rehearsal/README.md": """\
[vibe](../../README.md) > [Requirements](../README.md) > **Rehearsal**

# A place to rehearse

> **Status:** In design
> **Last Updated:** 2026-01-15
> **Size:** big

See the [status](STATUS.md) and the [test plan](qa-strategy.md).
""",
    "vibe/PRD/rehearsal/STATUS.md": """\
[vibe](../../README.md) > [Requirements](../README.md) > [Rehearsal](README.md) > **Status**

# Status

> **Status**: 🟡 In design
> **Last Updated**: 2026-01-15

| Milestone | State |
|---|---|
| a cluster that can be lost | ✅ |
| a key that can be forgotten | open |
""",
    "vibe/PRD/rehearsal/qa-strategy.md": """\
[vibe](../../README.md) > [Requirements](../README.md) > [Rehearsal](README.md) > **Test plan**

# Test plan

> **Status**: 🟡 Beta
> **Last Updated**: 2026-01-15
> **Related**: [Volumes](../../guidebooks/volumes.md)

Every drill ends with the books open.
""",
    "vibe/investigations/README.md": """\
[vibe](../README.md) > **Investigations**

# Investigations

> **Status**: 🟢 Active
> **Last Updated**: 2026-01-15

- [INV-001](INV-001-what-a-rehearsal-could-hit.md)
""",
    "vibe/investigations/INV-001-what-a-rehearsal-could-hit.md": """\
[vibe](../README.md) > [Investigations](README.md) > **INV-001**

# INV-001: what a rehearsal could hit

> **Status**: ✅ Complete
> **Date**: 2026-01-10

What it measured is in [the notes](INV-001-what-a-rehearsal-could-hit/notes.md).
""",
    "vibe/investigations/INV-001-what-a-rehearsal-could-hit/notes.md": """\
[vibe](../../README.md) > [Investigations](../README.md) > [INV-001](../INV-001-what-a-rehearsal-could-hit.md) > **Notes**

# Notes

> **Status**: Complete
> **Date**: 2026-01-10

Seven couplings, four of them by name only.
""",
    "vibe/shareouts/README.md": """\
[vibe](../README.md) > **Partages**

# Partages

> **Status**: 🟢 Active
> **Last Updated**: 2026-01-15

Une page par présentation, datée, en français.

- [Répéter sans rien casser](2026-01-14-repeter-sans-casser.md)
""",
    "vibe/shareouts/2026-01-14-repeter-sans-casser.md": """\
[vibe](../README.md) > [Partages](README.md) > **Répéter sans rien casser**

# Répéter sans rien casser

> **Date**: 2026-01-14
> **Support**: [diaporama](2026-01-14-repeter-sans-casser.pdf), vidéo à venir

Une panne n'est pas le bon moment pour découvrir qu'une procédure est incomplète. Nous l'essayons
donc d'avance, dans un environnement qui ressemble à la production sans pouvoir la toucher.

- « Débrancher » les trois machines,
  puis attendre que tout soit éteint ;
- rouvrir le coffre à la main ;
- vérifier que la comptabilité répond à nouveau.

## Voir aussi

- [Les volumes](../guidebooks/volumes.md) : où sont les données
""",
}  # fmt: skip
OTHERS = {
    "vibe/shareouts/2026-01-14-repeter-sans-casser.pdf": "",
    "doc/adr/power-cut.md": "# Then\n",
}
ODD = {
    "vibe/ADR/README.md",
    "vibe/ADR/0001-two-tiers-of-storage.md",
    "vibe/ADR/0002-three-tiers-of-storage.md",
    "vibe/guidebooks/README.md",
    "vibe/guidebooks/keys-and-seals.md",
    "vibe/guidebooks/start-up.md",
    "vibe/PRD/rehearsal/README.md",
}


@pytest.fixture
def base(tmp_path):
    home = os.getcwd()
    for path, text in {**PAGES, **OTHERS}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(home)


def lint(*arguments):
    done = CliRunner().invoke(command, ["--format", "json", *arguments], standalone_mode=False)
    assert done.exception is None, done.exception
    answer = json.loads(done.stdout)
    return [(f["rule"], f["path"], f["message"]) for f in answer["findings"]]


def said(path, text):
    """What the header says, in whatever spelling, and all that stands outside of it."""
    page = parse_page(path, text)
    fields = [
        (field.name, field.qualifier, field.value, [link.target for link in field.links])
        for field in page.head.fields
    ]
    start, end = page.head.header_span
    return fields, page.head.breadcrumb, text[:start], text[end:]


def test_only_a_spelling_that_is_not_the_houses_is_found(base):
    assert {(rule, path) for rule, path, _ in lint()} == {("KB204", path) for path in ODD}


def test_fix_makes_it_one_spelling_and_keeps_what_is_said(base):
    assert lint("--fix") == []
    for path, text in PAGES.items():
        now = (base / path).read_text()
        assert (now == text) is (path not in ODD), path
        assert said(path, now) == said(path, text)
        assert all(field.canonical for field in parse_page(path, now).head.fields)
    assert lint() == []


def test_the_other_house_style_keeps_it_too(base):
    (base / "kbtool.toml").write_text('header = "list"\n')
    assert {rule for rule, *_ in lint()} == {"KB204"}
    left = {("KB204", path) for path in ("vibe/README.md", "vibe/investigations/README.md")}
    assert {(rule, path) for rule, path, _ in lint("--fix")} == left  # a list follows at once
    for path, text in PAGES.items():
        assert said(path, (base / path).read_text()) == said(path, text)
