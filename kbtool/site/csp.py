"""A Content-Security-Policy for every page: nothing from elsewhere, no script but the theme's.

The theme writes a few scripts into its pages. Those, and only those, are allowed by their digest,
each text looked for in the theme's own templates: a script that a page brought is none of them.
"""

import re
from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_VARIABLE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_HEAD = re.compile(r"<meta charset=[^>]*>", re.IGNORECASE)
# Styles in the page: mermaid writes its theme into every drawing. A style can run nothing, and
# no address but this site's can be reached from one.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'{hashes}; style-src 'self' 'unsafe-inline'; img-src"
    " 'self' data:; font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self';"
    " base-uri 'none'; form-action 'self'"
)


def theme_scripts(templates: Iterable[str]) -> tuple[re.Pattern[str], ...]:
    """Return what the inline scripts of a theme's templates look like once they are filled in.

    A variable of such a script is the way to the site's root, and matches nothing else.
    """
    found = {script for text in templates for script in _SCRIPT.findall(text)}
    return tuple(
        re.compile(r"[./]*".join(re.escape(part) for part in _VARIABLE.split(script)))
        for script in sorted(found)
        if "{%" not in script
    )


def sealed(html: str, known: Iterable[re.Pattern[str]]) -> str:
    """Return the page with its policy as the first thing in its head."""
    patterns = tuple(known)
    scripts = dict.fromkeys(
        script for script in _SCRIPT.findall(html) if any(p.fullmatch(script) for p in patterns)
    )
    policy = _POLICY.format(hashes="".join(f" 'sha256-{_digest(s)}'" for s in scripts))
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    head = _HEAD.search(html)
    if head is None:
        return html
    return f"{html[: head.end()]}{meta}{html[head.end() :]}"


def _digest(script: str) -> str:
    return b64encode(sha256(script.encode()).digest()).decode()
