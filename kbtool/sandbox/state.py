"""Where the tool keeps what outlives a command: sandboxes and runs."""

import os
from pathlib import Path


def state_folder() -> Path:
    """Return $KBTOOL_STATE, else $XDG_STATE_HOME/kbtool, else ~/.local/state/kbtool."""
    own = os.environ.get("KBTOOL_STATE")
    if own:
        return Path(own).absolute()
    xdg = os.environ.get("XDG_STATE_HOME")
    home = Path(xdg) if xdg else Path.home() / ".local" / "state"
    return home / "kbtool"


def private(folder: Path) -> Path:
    """Return the folder, made if needed, closed to everybody else."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
