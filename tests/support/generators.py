"""What a real generator made of the trees in tests/data/sites: `python -m support.generators`.

mkdocs is built by the tests themselves. Hugo and Docusaurus are not among the tools of this
repository: their builds were recorded, and are recorded anew with

    python -m support.generators hugo BUILD… > data/sites/hugo.json

where each BUILD is a folder the generator wrote (Hugo: without and with its own link hook).
"""

import json
import re
import sys
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

SITES = Path(__file__).parent.parent / "data" / "sites"
_LINK = re.compile(r"<a\b(?P<a>[^>]*)>(?P<name>n\d+)</a>|<img\b(?P<img>[^>]*)>")
_ID = re.compile(r"\s(?:id|name)=(?:\"([^\"]*)\"|([^\s>\"]+))")


def _attribute(tag, name):
    found = re.search(rf"\b{name}=(?:\"([^\"]*)\"|([^\s>\"]+))", tag)
    return unescape(found[1] or found[2] or "") if found else None


class Build:
    """A folder a generator wrote, below the path `prefix` of its host."""

    def __init__(self, folder, prefix=""):
        self.folder, self.prefix = Path(folder), prefix
        self.pages = {
            path.relative_to(folder).as_posix().removesuffix("index.html"): path.read_text("utf-8")
            for path in sorted(self.folder.rglob("*.html"))
        }

    def ids(self, page):
        """Return the ids of what the page says, without the furniture around it."""
        html = self.pages[page]
        article = re.search(r"<article.*</article>", html, re.DOTALL)
        found = _ID.findall(article[0] if article else html)
        return sorted({unescape(a or b) for a, b in found})

    def links(self):
        """Return {name of the link: whether a reader who follows it arrives}."""
        found = {}
        for page, html in self.pages.items():
            for link in _LINK.finditer(html):
                if link["a"] is not None:
                    found[link["name"]] = self.arrives(page, _attribute(link["a"], "href"))
                else:
                    name = _attribute(link["img"], "alt")
                    found[name] = self.arrives(page, _attribute(link["img"], "src"))
        return found

    def arrives(self, page, href):
        if href is None:
            return False
        below = f"/{self.prefix}/" if self.prefix else "/"
        parts = urlsplit(urljoin(f"http://host{below}{page}", href))
        if parts.scheme == "data":
            return True
        path = unquote(parts.path)
        if not f"{path}/".startswith(below):
            return False
        file = self.file(path[len(below) :] if path.startswith(below) else "")
        anchor = unquote(parts.fragment)
        if file is None or not anchor or anchor == "top":
            return file is not None
        return anchor in self.ids(file) if file in self.pages else True

    def file(self, path):
        """Return what a server has at a path: a file, a folder's index, a page without `.html`."""
        plain = path.strip("/")
        if path and not path.endswith("/") and (self.folder / plain).is_file():
            return plain.removesuffix("index.html")
        folder = f"{plain}/" if plain else ""
        if folder in self.pages:
            return folder
        return f"{plain}.html" if f"{plain}.html" in self.pages else None


def main():
    kind, *folders = sys.argv[1:]
    prefix = "base" if kind == "docusaurus" else ""
    builds = [Build(folder, prefix) for folder in folders]
    arrives = [build.links() for build in builds]
    record = {
        "links": {
            name: any(each.get(name, False) for each in arrives)
            for name in sorted(arrives[0], key=lambda name: int(name[1:]))
        },
        "ids": {page: builds[0].ids(page) for page in builds[0].pages},
    }
    json.dump(record, sys.stdout, ensure_ascii=False, indent=1, sort_keys=True)
    print()


if __name__ == "__main__":
    main()
