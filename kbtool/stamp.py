"""What tells that a file is still the same, as git's index tells it.

Imported before everything else: so it needs nothing that takes a millisecond to import.
"""

import os

Stamp = tuple[int, int, int, int]  # inode, size, time of the content, time of the entry
_COARSE = 2_000_000_000  # ns: the clock of the coarsest file system
_FINE = 100_000_000  # ns: more than any tick of a fine one


def stamp(path: str) -> Stamp | None:
    """Return what changes when the file does, None where there is none."""
    try:
        now = os.lstat(path)
    except (OSError, ValueError):
        return None
    return now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns


def young(known: Stamp, began: int) -> bool:
    """Return whether what has this stamp could change after a time and have it still."""
    coarse = not any(when % 1_000_000_000 for when in known[2:])
    return max(known[2:]) >= began - (_COARSE if coarse else _FINE)
