"""Copies of the project's own pages, to be spoiled."""

import shutil

from kbtool.app.lint import lint_project
from support.git import Repo
from support.sandbox import ROOT

UNSEAL = "vibe/runbooks/unseal-vault-after-a-restart.md"
TRIAL = """\
[vibe](../README.md) > [Runbooks](README.md) > **Trial**

# Trial

> **Status**: Draft
> **Last Updated**: 2026-11-24

## Guards

- **Requires**: vault
- **Inputs**: `VOLUME` (the volume, e.g. `erp-data`)
- **Break** `vault-sealed`: vault-sealed
- **Accept**: `http vault/v1/sys/seal-status {.sealed} == false`

## Steps

### S1 [AGENT] Look

- **Capture**: `SEALED` from `/^Sealed\\s+(true|false)$/`

```sh
bao status || [ $? -eq 2 ]
```

### S2 [HUMAN] Unseal

- **Who**: key holder · **When**: `$SEALED == true`
- **Stand-in**: types `UNSEAL_KEY`

```sh
bao operator unseal
```

- **Expect**: `http vault/v1/sys/seal-status {.sealed} == false` within 30s

### S3 [AGENT] Log in

- **Needs**: S2 · **Secret**: `ERP_ROLE_ID`

```bash
bao write auth/approle/login role_id=@"$KB_SECRETS/ERP_ROLE_ID"
```

- **Expect**: `exit 0`
"""

# A page of each kind the base may not have yet.
KINDS = {
    "PRD/trial/README.md": """\
[vibe](../../README.md) > [PRD](../README.md) > **Trial**

# Trial

> **Status**: 🟡 In design
> **Last Updated**: 2026-11-24
> **Size**: small

How far it is: [status](STATUS.md).
""",
    "PRD/trial/STATUS.md": """\
[vibe](../../README.md) > [PRD](../README.md) > [Trial](README.md) > **Status**

# Status of the trial

> **Status**: 🟡 In design
> **Last Updated**: 2026-11-24

| milestone | state |
| --- | --- |
| the first one | done |
""",
    "investigations/INV-900-trial.md": """\
[vibe](../README.md) > [Investigations](README.md) > **Trial**

# INV-900: what a trial tells

> **Status**: Complete
> **Date**: 2026-11-24

It tells whether the rules hold.
""",
    "shareouts/2026-11-24-trial.md": """\
[vibe](../README.md) > [Shareouts](README.md) > **Essai**

# Un essai

> **Date**: 2026-11-24

Cette page montre à quoi ressemble une présentation datée.
""",
}
HUB = """\
[vibe](../README.md) > **{title}**

# {title}

> **Status**: 🟢 Active
> **Last Updated**: 2026-11-24
"""


def add_kinds(base):
    """Add the pages of KINDS, and their rows to the hubs: those that are there, or new ones."""
    for path, text in KINDS.items():
        page, hub = base / path, base / path.split("/")[0] / "README.md"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text)
        if not hub.exists():
            hub.write_text(HUB.format(title=hub.parent.name.capitalize()))
            with (base / "README.md").open("a") as root:
                root.write(f"\n- [{hub.parent.name}]({hub.parent.name}/README.md)\n")
        if page.name != "STATUS.md":
            with hub.open("a") as listing:
                row = f"| [trial]({page.relative_to(hub.parent)}) |"
                status = "In design" if "PRD" in path else ""
                listing.write(f"\n| page | status |\n| --- | --- |\n{row} {status} |\n")


# With an __init__.py, `python -m kbtool` in the copy would start the copy.
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "__init__.py", "*.md")


def _touch(_source, target):
    with open(target, "w"):
        pass


def pages(folder):
    """A copy of the base, with a page of each kind and a runbook without evidence; no findings."""
    shutil.copytree(ROOT / "vibe", folder / "vibe")
    add_kinds(folder / "vibe")
    for name in ("AGENTS.md", "README.md", "CHANGELOG.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "sandbox", folder / "sandbox")
    # Of these only the names: AGENTS.md speaks of them.
    for name in ("kbtool", "tests", "bench", "tools", ".ci"):
        shutil.copytree(ROOT / name, folder / name, ignore=_LEFT_OUT, copy_function=_touch)
    (folder / "Makefile").touch()
    (folder / "kbtool.toml").write_text('[production]\naddresses = ["192.0.2.7"]\n')
    (folder / "vibe/runbooks/trial.md").write_text(TRIAL)
    edit(
        folder,
        "vibe/runbooks/README.md",
        "\n\n## Writing one",
        "\n| [Trial](trial.md) | trying |\n\n## Writing one",
    )
    # The map of AGENTS.md has the folders that were added.
    lint_project([str(folder)], select=["KB601"], mend=True, cached=False)
    return folder


def committed(folder):
    """The copy as a repository of one commit, older than every page's date."""
    repo = Repo(folder)
    repo.commit()
    return repo


def edit(folder, path, old, new):
    """Replace the one place that reads `old`."""
    text = (folder / path).read_text()
    assert text.count(old) == 1, (path, old, text.count(old))
    (folder / path).write_text(text.replace(old, new))
