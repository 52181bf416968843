"""Copies of the project's own pages, to be spoiled."""

import shutil

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


_MADE = shutil.ignore_patterns("__pycache__", "*.md")


def _touch(_source, target):
    with open(target, "w"):
        pass


def pages(folder):
    """A copy of the base, with a runbook that has no evidence yet; findings: none."""
    shutil.copytree(ROOT / "vibe", folder / "vibe")
    for name in ("AGENTS.md", "README.md", "CHANGELOG.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "sandbox", folder / "sandbox")
    for name in (
        "kbtool",
        "tests",
        "bench",
        "tools",
        ".ci",
    ):  # only names: AGENTS.md speaks of them
        shutil.copytree(ROOT / name, folder / name, ignore=_MADE, copy_function=_touch)
    (folder / "Makefile").touch()
    (folder / "kbtool.toml").write_text('[production]\naddresses = ["192.0.2.7"]\n')
    (folder / "vibe/runbooks/trial.md").write_text(TRIAL)
    edit(
        folder,
        "vibe/runbooks/README.md",
        "\n\n## Writing one",
        "\n| [Trial](trial.md) | trying |\n\n## Writing one",
    )
    return folder


def edit(folder, path, old, new):
    """Replace the one place that reads `old`."""
    text = (folder / path).read_text()
    assert text.count(old) == 1, (path, old, text.count(old))
    (folder / path).write_text(text.replace(old, new))
