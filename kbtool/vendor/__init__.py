"""Files of other projects that ship with kbtool, as their makers published them.

`vendor.toml` says which, from which package, and their digests; `make vendor` refreshes them. The
same files judge (lint) and render (site).
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent


@cache
def packages() -> Mapping[str, Mapping[str, Any]]:
    """Return what `vendor.toml` says: package → version, license, integrity, files."""
    return tomllib.loads((FOLDER / "vendor.toml").read_text(encoding="utf-8"))


def version(package: str) -> str:
    """Return the version of a package."""
    return str(packages()[package]["version"])


def vendored(package: str, file: str) -> Path:
    """Return where a file of a package stands.

    Raises:
        KeyError: the file is none of those listed.
    """
    packages()[package]["files"][file]
    return FOLDER / package / file
