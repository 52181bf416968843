"""Copies of the project's own pages, to be spoiled."""

import shutil

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


def pages(folder):
    """A copy of the base, with a runbook that has no evidence yet; findings: none."""
    shutil.copytree(ROOT / "vibe", folder / "vibe")
    for name in ("AGENTS.md", "README.md", "CHANGELOG.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "sandbox", folder / "sandbox")
    for name in ("kbtool", "tests"):
        (folder / name).mkdir()
        (folder / name / "a.txt").touch()
    (folder / "kbtool.toml").write_text('[production]\naddresses = ["192.0.2.7"]\n')
    (folder / "vibe/runbooks/trial.md").write_text(TRIAL)
    edit(
        folder,
        "vibe/runbooks/README.md",
        "\n\n## Writing one",
        "\n| [Trial](trial.md) | trying |\n\n## Writing one",
    )
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
