"""`python -m bench.differences FOLDER…`: what peers report that kbtool does not, and the other way.

Each difference falls into a class by what stands in the tree and in the text, without asking
kbtool's resolver; one that falls into none is printed and makes the exit code 1. A peer that is not
installed is left out: `--mdlinkcheck`, `--lychee`, `--rumdl` name their programs.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Final, NamedTuple
from urllib.parse import unquote


class Claim(NamedTuple):
    """A link is dead: the page it stands in, and what it leads to, from the root."""

    page: str
    target: str  # "/x" as it is written; else a path from the root
    anchor: str


def claim(page: str, written: str) -> Claim:
    """Return what a link says; `exact` takes the anchor off where the file is what is missing."""
    path, _, anchor = written.strip().partition("#")
    path = unquote(path.partition("?")[0])
    if not path.startswith("/"):
        path = normpath(join(dirname(page), path)) if path else page
    return Claim(page, path, unquote(anchor))


# ---------------------------------------------------------------------- the tools
def _json(command: list[str], root: Path) -> object:
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    return json.loads(done.stdout or "[]")


def kbtool(_program: str, root: Path) -> Iterator[Claim]:
    command = [sys.executable, "-m", "kbtool", "lint", "--format", "json", "--select"]
    found = _json([*command, "KB101,KB102,KB103,KB104,KB105"], root)
    assert isinstance(found, dict)
    for each in found["findings"]:
        if each["rule"] == "KB103":
            label = re.findall(r"'(.*)'", each["message"])[0]
            yield Claim(each["path"], f"[{label}]", "")
        else:
            lines = _text(root, each["path"]).split("\n")
            line = lines[each["line"] - 1]
            yield claim(each["path"], line[each["column"] - 1 : each["end_column"] - 1])


def mdlinkcheck(program: str, root: Path) -> Iterator[Claim]:
    found = _json([program, "--no-git", "-f", "json", "."], root)
    assert isinstance(found, list)
    for each in found:
        missing = each["rule"] == "undefined-reference"
        yield (
            Claim(each["path"], f"[{each['target']}]", "")
            if missing
            else claim(each["path"], each["target"])
        )


def lychee(program: str, root: Path) -> Iterator[Claim]:
    options = ["--offline", "--include-fragments=anchor-only", "--format", "json", "--no-progress"]
    found = _json([program, *options, "--root-dir", str(root), "**/*.md"], root)
    assert isinstance(found, dict)
    for page, errors in found["error_map"].items():
        for each in errors:
            url = each["url"].removeprefix("file://")
            if not url.startswith("/"):  # no address could be made of it
                yield claim(page, each["url"])
                continue
            path, _, anchor = url.partition("#")
            path = unquote(path.partition("?")[0])
            where = os.path.relpath(path, root)
            yield Claim(page, where, unquote(anchor))


def rumdl(program: str, root: Path) -> Iterator[Claim]:
    options = ["--enable", "MD051,MD052,MD057", "--output", "json", "--no-cache", "--isolated"]
    found = _json([program, "check", *options, "."], root)
    assert isinstance(found, list)
    for each in found:
        written = re.findall(r"'(.*?)'", each["message"])
        if each["rule"] == "MD052":
            yield Claim(each["file"], f"[{written[0]}]", "")
        elif each["rule"] == "MD051" and "not found in" in each["message"]:
            yield claim(each["file"], f"{written[1]}#{written[0].lstrip('#')}")
        elif each["rule"] == "MD051" and written:
            yield claim(each["file"], f"#{written[0].lstrip('#')}")
        elif written:
            yield claim(each["file"], written[0])


PEERS: Final[Mapping[str, Callable[[str, Path], Iterator[Claim]]]] = {
    "mdlinkcheck": mdlinkcheck,
    "lychee": lychee,
    "rumdl": rumdl,
}


def exact(claims: Iterator[Claim], root: Path) -> set[Claim]:
    """Return the claims; not all tools say which anchor of a missing file was meant."""
    known = _all(root)
    return {
        each
        if each.target in known or each.target.startswith("[") or _index(each, known)
        else each._replace(anchor="")
        for each in claims
    }


def _index(it: Claim, known: frozenset[str]) -> bool:
    return f"{it.target}/index.md" in known or f"{_original(it.target)}/index.md" in known


# ---------------------------------------------------------------------- the classes
@lru_cache(maxsize=20_000)
def _text(root: Path, path: str) -> str:
    try:
        return (root / path).read_text("utf-8", "replace")
    except OSError:
        return ""


@lru_cache(maxsize=64)
def _all(root: Path) -> frozenset[str]:
    return frozenset(
        f"{os.path.relpath(top, root)}/{name}".removeprefix("./")
        for top, _, names in os.walk(root)
        for name in names
    )


@lru_cache(maxsize=64)
def _folded(root: Path) -> Mapping[str, str]:
    return {path.casefold(): path for path in _all(root)}


def _published(root: Path, path: str) -> bool:
    """Return whether some folder that a site shows at its root has the file."""
    names = (path.strip("/"), f"{path.strip('/')}.md", f"{path.strip('/')}/index.md".lstrip("/"))
    return any(file.endswith(f"/docs/{name}") for name in names for file in _all(root))


def _docfx(root: Path) -> bool:
    return any(path.endswith("/docfx.json") for path in _all(root))


def _root(root: Path, it: Claim) -> str | None:
    """Links that begin with `/`, or that a peer counted from the root it was given."""
    path = re.sub(r"//+", "/", f"/{it.target}")
    written = unquote(_text(root, it.page).replace("\\", "").replace("&amp;", "&"))
    written = re.sub(r"(?<!:)//+", "/", written)  # as lychee tidies addresses
    if path not in written:
        return None
    if _docfx(root):
        return "`/` is the host, which other repositories fill (docfx)"
    return "`/` is the site's root (mkdocs)" if _published(root, path) else None


def _address(root: Path, it: Claim) -> str | None:
    """An address: a folder whose index page, or whose original's, has the heading."""
    folder = it.target.rstrip("/")
    pages = (f"{folder}/index.md", f"{_original(folder)}/index.md")
    if any(f"#{it.anchor} }}" in _text(root, page) for page in pages):
        return "the address of a page: `tutorial/#x` is `tutorial/index.md`"
    return None


def _original(path: str) -> str:
    return re.sub(r"^docs/[a-z-]+/docs", "docs/en/docs", path)


def _by_translation(root: Path, it: Claim) -> str | None:
    original = _original(it.target)
    if original in _all(root) and it.target not in _all(root):
        return "a translation lacks it: its original is shown"
    if it.anchor and f"{{ #{it.anchor} }}" in _text(root, original):
        return "a translation lacks it: its original is shown"
    return None


def _anchor(root: Path, it: Claim) -> str | None:
    text = _text(root, it.target)
    if it.anchor and re.search(rf"\{{\s*#{re.escape(it.anchor)}\s*\}}", text):
        return "an attribute list `{ #id }` gives the id"
    if it.anchor.startswith("section") and _docfx(root):
        return "a heading without letters is `section` (docfx)"
    words = it.anchor.replace("-", " ")
    escaped = re.findall(r"^#+ (.*\\[<>].*)$", text, re.MULTILINE)
    if it.anchor and any(re.sub(r"[^\w ]", "", each).lower() == words for each in escaped):
        return "an escaped `\\<` in a heading is text"
    written = _text(root, it.page)
    label = re.search(rf"^\[(.+?)\]:\s*\S*#{re.escape(it.anchor)}\s*$", written, re.MULTILINE)
    if not it.anchor or not label:
        return None
    uses = [line for line in written.split("\n") if f"[{label[1]}]" in line and label[0] != line]
    if all(line.startswith("<") for line in uses):
        return "a definition that no link uses" if not uses else "raw HTML: Markdown there is text"
    return None


def _not_read(_root: Path, it: Claim) -> str | None:
    parts = it.page.split("/")[:-1]
    hidden = any(part.startswith(".") and part not in (".github", ".gitea") for part in parts)
    return "a page in a hidden folder" if hidden else None


def _template(_root: Path, it: Claim) -> str | None:
    filled_in = "{{" in it.target or it.target.endswith("error:")
    if re.search(r"(^|/)[A-Z0-9_]+_(URL|LINK|HREF)$", it.target):
        return "a placeholder, filled in where the text is used"
    return "a template, filled in when the site is built" if filled_in else None


_JUDGES: Final = (_anchor, _by_translation, _address, _root, _not_read, _template)


def _peer_only(root: Path, it: Claim) -> str:
    return next((found for judge in _JUDGES if (found := judge(root, it))), "?")


def _ours_only(root: Path, it: Claim) -> str:
    if it.target.startswith("["):
        return "a reference that nothing defines"
    if it.target not in _all(root) and it.target.casefold() in _folded(root):
        return "the case of a file's name"
    written = _text(root, it.page)
    if it.anchor and re.search(rf"\{{\s*#{re.escape(it.anchor)}\s*\}}", written):
        return "`{ #id }` on a page that no site publishes"
    name = it.target.rpartition("/")[2]
    if re.search(rf'(?:href|src)="[^"]*{re.escape(name)}', written):
        return "raw HTML"
    if any(part.startswith(".") for part in it.page.split("/")):
        return "a page below .github"
    return "a name without an extension" if "." not in name and not it.anchor else "?"


def compared(ours: set[Claim], theirs: set[Claim], root: Path) -> tuple[Counter[str], Counter[str]]:
    """Return the classes of what only a peer reports, and of what only kbtool does."""
    more = Counter(_peer_only(root, each) for each in sorted(theirs - ours))
    return more, Counter(_ours_only(root, each) for each in sorted(ours - theirs))


def main() -> int:
    """Print a table for each folder and peer; 1 when a difference has no class."""
    parser = argparse.ArgumentParser(prog="python -m bench.differences", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--show", action="store_true", help="print what has no class")
    for name in PEERS:
        parser.add_argument(f"--{name}", default=shutil.which(name))
    options = parser.parse_args()
    unexplained = 0
    for folder in options.folders:
        root = folder.resolve()
        ours = exact(kbtool("", root), root)
        for name, run in PEERS.items():
            program = getattr(options, name)
            if not program:
                print(f"{folder.name}: {name} is not installed")
                continue
            theirs = exact(run(program, root), root)
            both = len(ours & theirs)
            print(f"{folder.name}: kbtool {len(ours)}, {name} {len(theirs)}, both {both}")
            more, less = compared(ours, theirs, root)
            for title, classes in ((f"only {name}", more), ("only kbtool", less)):
                for why, count in classes.most_common():
                    print(f"  {title:16} {count:6} {why}")
            if options.show:
                unknown = [each for each in theirs - ours if _peer_only(root, each) == "?"]
                unknown += [each for each in ours - theirs if _ours_only(root, each) == "?"]
                for each in sorted(unknown):
                    print("   ", each)
            unexplained += more["?"] + less["?"]
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
