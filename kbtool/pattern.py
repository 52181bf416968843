"""Author-written patterns, on RE2: matching takes linear time whatever the pattern says.

The only door to re2. Syntax: https://github.com/google/re2/wiki/Syntax
"""

import re2

from kbtool.errors import KbError


class PatternError(KbError):
    """The pattern is not RE2 syntax."""


_LINES = "(?m)"  # `^` and `$` match at line ends


def _compiled(pattern: str) -> "re2._Regexp":
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 8 << 20
    try:
        return re2.compile(_LINES + pattern, options=options)
    except re2.error as error:
        reason = error.args[0]
        text = reason.decode() if isinstance(reason, bytes) else str(reason)
        text = text.replace(_LINES + pattern, pattern)
        raise PatternError(f"/{pattern}/ is not a pattern: {text}", "patterns are RE2") from error


def _searched(pattern: str, text: str) -> "re2._Match | None":
    # JSON may hold half a surrogate pair, which re2 cannot encode.
    whole = text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
    return _compiled(pattern).search(whole)


def check(pattern: str) -> str | None:
    """Return what is wrong with the pattern, or None."""
    try:
        _compiled(pattern)
    except PatternError as error:
        return error.message
    return None


def found(pattern: str, text: str) -> bool:
    """Return whether the pattern matches anywhere in the text (`^` and `$` match at line ends).

    Raises:
        PatternError: the pattern is not RE2 syntax.
    """
    return _searched(pattern, text) is not None


def captured(pattern: str, text: str) -> str | None:
    """Return group 1 of the first match (the whole match without groups), or None.

    Raises:
        PatternError: the pattern is not RE2 syntax.
    """
    match = _searched(pattern, text)
    if match is None:
        return None
    value: str | None = match.group(1) if match.re.groups else match.group(0)
    return value
