"""`$NAME` in checks and conditions: which names are set where, and filling them in as data."""

import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from kbtool.runbook.model import (
    Comparison,
    Defect,
    Expectation,
    Guards,
    HttpCheck,
    K8sCheck,
    RunCheck,
    SqlCheck,
    StdoutCheck,
    Step,
)
from kbtool.text import Span

# Names a shell, a loader or a client would obey: a captured value must never reach them.
OBEYED: Final = frozenset(
    {"PATH", "HOME", "IFS", "ENV", "SHELL", "TMPDIR", "PWD", "OLDPWD", "CDPATH", "TERM", "LANG"}
    | {"USER", "LOGNAME", "EDITOR", "PAGER", "KUBECONFIG", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}
    | {"NO_PROXY", "PS4", "PROMPT_COMMAND", "GLOBIGNORE", "SHELLOPTS", "BASHOPTS"}
)
_OBEYED_PREFIXES: Final = (
    *("LD_", "BASH_", "PYTHON", "PG", "VAULT_", "BAO_", "KB_", "GIT_", "SSH_"),
    *("LC_", "PERL", "RUBY", "NODE_", "GO", "CURL_", "SSL_"),
)
_REFERENCE: Final = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")


def obeyed(name: str) -> bool:
    """Return whether some program takes orders from an environment variable of that name."""
    return name in OBEYED or name.startswith(_OBEYED_PREFIXES)


def references(text: str) -> tuple[str, ...]:
    """Return the names of `$NAME` and `${NAME}` in a text."""
    return tuple(match[1] or match[2] for match in _REFERENCE.finditer(text))


def substitute(text: str, values: Mapping[str, str]) -> str:
    """Return `text` with `$NAME` filled in, as data: what is filled in is not read again.

    Raises:
        KeyError: a name has no value.
    """
    return _REFERENCE.sub(lambda match: values[match[1] or match[2]], text)


def names_of(expectation: Expectation) -> tuple[str, ...]:
    """Return the names a check refers to. In `run` they are the command's environment."""
    check = expectation.check
    if isinstance(check, K8sCheck):
        texts = [check.resource, check.namespace or "", *_compared(check.comparison)]
    elif isinstance(check, HttpCheck):
        texts = [check.target, *_compared(check.comparison)]
    elif isinstance(check, SqlCheck):
        texts = [check.query, *_compared(check.comparison)]
    elif isinstance(check, StdoutCheck) and check.comparison:
        texts = _compared(check.comparison)
    elif isinstance(check, RunCheck):
        return tuple(name for name in references(check.command) if _settable(name))
    else:
        texts = []
    return tuple(name for text in texts for name in references(text))


def _settable(name: str) -> bool:
    """Return whether an author can set it; the others are the shell's own, as `$KB_SECRETS`."""
    return name.isupper() and not obeyed(name)


def _compared(comparison: Comparison) -> list[str]:
    # A pattern's `$` is the end of a line, not a name.
    return [comparison.right or ""] if comparison.op != "=~" else []


def unset_names(guards: Guards, steps: Sequence[Step], lost: AbstractSet[str]) -> Iterator[Defect]:
    """Yield a defect (KB512) for every name that nothing sets before it is used.

    `lost` are names that a step with a defect of its own would have set.
    """
    known = {given.name for given in guards.inputs} | lost
    yield from _unset((*guards.before, *guards.accept), known, "an Input")
    yield from _unset(tuple(always.expectation for always in guards.always), known, "an Input")
    for step in steps:
        if step.when and step.when.name not in known:
            yield _defect(step.when.name, step.when.span)
        known |= {capture.name for capture in step.captures if not capture.secret}
        yield from _unset(step.expects, known, "an Input or an earlier Capture")


def _unset(checks: Sequence[Expectation], known: set[str], by: str) -> Iterator[Defect]:
    for check in checks:
        for name in names_of(check):
            if name not in known:
                yield _defect(name, check.span, by)


def _defect(name: str, span: Span, by: str = "an Input or an earlier Capture") -> Defect:
    return Defect("KB512", span, f"${name} is set by nothing", f"{by} must set it")
