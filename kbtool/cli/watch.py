"""`kbtool lint --watch`."""

import sys
from collections.abc import Callable, Sequence

import click

from kbtool.app.watch import Watch
from kbtool.cli.console import complain, note
from kbtool.errors import CLEAN, KbError

_SHOWN = 5


def keep_running(paths: Sequence[str], look: Callable[[], int]) -> int:
    """Look, wait for a change, look again; Ctrl-C is how a watch ends, so it ends clean.

    A mistake made meanwhile, such as a configuration half written, is told and waited out.
    """
    try:
        watch = Watch(paths)  # before the first look: what changes during it is not missed
        changed: Sequence[str] = ()
        while True:
            click.clear() if sys.stdout.isatty() else None
            if changed:
                more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
                note(f"changed: {', '.join(changed[:_SHOWN])}{more}")
            _told(look)
            changed = watch.wait()
    except KeyboardInterrupt:
        return CLEAN


def _told(look: Callable[[], int]) -> None:
    try:
        look()
    except KbError as error:
        complain(error.message, error.hint)
    sys.stdout.flush()
