"""Every failure a user can cause or meet, each with its exit code and a hint.

Anything that is not a `KbError` is a bug and is reported as one.
"""

from typing import Final

CLEAN: Final = 0
FINDINGS: Final = 1
USAGE: Final = 2
BOUNDARY: Final = 3
WAITING: Final = 4
INTERRUPTED: Final = 130


class KbError(Exception):
    """An expected failure: one message, and a hint that says what to do next."""

    exit_code: int = USAGE

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(KbError):
    """The command line cannot be carried out as given."""


class ConfigError(KbError):
    """The configuration has a fault; the message names the key."""


class MissingExtra(KbError):
    """A library of an optional extra is not installed."""


class PlanError(KbError):
    """The runbook is malformed, or asks for what the profile cannot do."""


class RequirementError(KbError):
    """The machine lacks something a profile needs."""


class RunFailed(KbError):
    """A run or drill ended without being green."""

    exit_code = FINDINGS


class SandboxError(KbError):
    """The sandbox could not be started, reached or kept alive."""

    exit_code = BOUNDARY


class CannotStart(SandboxError):
    """The machine lacks what a profile needs; all of it is named."""


class ServerDied(SandboxError):
    """A server of the sandbox ended although nobody told it to."""


class BoundaryError(SandboxError):
    """Identity or confinement could not be proven, so nothing was executed."""


class WaitingForPerson(KbError):
    """A person must act or answer before the run goes on."""

    exit_code = WAITING
