"""Which sites publish the pages: configuration files of generators → `Site`s. Pure.

Sources: mkdocs.org "Configuration" and mkdocs 1.6 `config/defaults.py`; gohugo.io "Configure
languages", "Configure markup", "Configure permalinks"; Docusaurus "docusaurus.config.js",
"Docs plugin", "Versioning", "i18n"; docfx "docfx.json". A configuration that is a program
(Docusaurus) is searched for the few keys that matter, never run.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from posixpath import basename, dirname, join, normpath
from typing import Any, Final
from urllib.parse import urlsplit

from kbtool.graph.site import Mount, Publisher, Site, SiteKind, Slugs
from kbtool.markdown.bodies import MARKS
from kbtool.markdown.frontmatter import read_settings
from kbtool.markdown.shortcodes import MARK

Files = Collection[str]
Text = Callable[[str], str | None]
Settings = Mapping[str, Any]
MARKERS: Final[Mapping[str, SiteKind]] = {
    "mkdocs.yml": SiteKind.MKDOCS,
    "mkdocs.yaml": SiteKind.MKDOCS,
    "hugo.toml": SiteKind.HUGO,
    "hugo.yaml": SiteKind.HUGO,
    "hugo.yml": SiteKind.HUGO,
    "hugo.json": SiteKind.HUGO,
    "config.toml": SiteKind.HUGO,  # only beside a folder `content`
    "config.yaml": SiteKind.HUGO,
    "docusaurus.config.js": SiteKind.DOCUSAURUS,
    "docusaurus.config.ts": SiteKind.DOCUSAURUS,
    "docusaurus.config.mjs": SiteKind.DOCUSAURUS,
    "docusaurus.config.cjs": SiteKind.DOCUSAURUS,
    "docfx.json": SiteKind.DOCFX,
}
_OWN_PLUGIN: Final = "kbtool"  # it publishes a base that is written for the forge
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z]{2,4})?")
_WRITERS: Final = ("gen-files", "api-autonav", "mkdoxy", "monorepo", "multirepo", "i18n")
_ATTRIBUTES: Final = (
    "attr_list",
    "extra",
    "markdown.extensions.attr_list",
    "markdown.extensions.extra",
)
_BODIES: Final[Mapping[str, str]] = {  # extension → the marks it reads
    "admonition": "!",
    "pymdownx.details": "?",
    "pymdownx.tabbed": "=",
}
_DEPTH: Final = 4  # of INHERIT


def detect(files: Files, text: Text) -> tuple[Site, ...]:
    """Return the sites whose configuration stands among the files; `text` reads one."""
    names = tuple(MARKERS)
    found = [
        site
        for path in sorted(path for path in files if path.endswith(names))
        if (kind := MARKERS.get(basename(path)))
        if (site := _described(kind, path, files, text))
    ]
    return tuple(_with_translations(found, files))


def configured(publishers: Iterable[Publisher], files: Files, text: Text) -> tuple[Site, ...]:
    """Return the sites a project says it has, in its order."""
    return tuple(_configured(each, files, text) for each in publishers)


def _configured(publisher: Publisher, files: Files, text: Text) -> Site:
    for name, kind in MARKERS.items():
        path = join(publisher.folder, name)
        if kind is publisher.kind and path in files:
            site = _described(kind, path, files, text)
            if site:
                return site
    return _bare(publisher)


def _bare(publisher: Publisher) -> Site:
    """Return a site whose pages are a folder, and nothing else is known of it."""
    kind, folder = publisher.kind, publisher.folder
    slugs = {
        SiteKind.MKDOCS: Slugs.TOC,
        SiteKind.HUGO: Slugs.HUGO,
        SiteKind.DOCFX: Slugs.MARKDIG,
    }.get(kind, Slugs.FORGE)
    marked = kind in (SiteKind.MKDOCS, SiteKind.HUGO, SiteKind.DOCUSAURUS)
    return Site(
        kind,
        join(folder, ""),
        (Mount(folder),),
        slugs=slugs,
        attributes=marked,
        marks={SiteKind.MKDOCS: MARKS, SiteKind.HUGO: MARK}.get(kind, ""),
    )


def _described(kind: SiteKind, path: str, files: Files, text: Text) -> Site | None:
    """Return the site the configuration file at `path` describes, None where it has no pages."""
    site = _READERS[kind](path, files, text)
    if site is None or not any(_filled(mount, files) for mount in site.contents()):
        return None
    return site


def _filled(mount: Mount, files: Files) -> bool:
    return any(mount.holds(path) and path.endswith((".md", ".mdx")) for path in files)


def _inside(folder: str, name: str) -> str:
    found = normpath(join(folder, name))
    return "" if found == "." else found


def _path_of(address: Any) -> str:
    return urlsplit(str(address)).path.strip("/") if isinstance(address, str) else ""


# ---------------------------------------------------------------------- mkdocs
def _mkdocs(path: str, _files: Files, text: Text) -> Site | None:
    settings = _inherited(path, text, _DEPTH)
    folder = dirname(path)
    if _OWN_PLUGIN in _names(settings.get("plugins")):
        return None
    custom = _table(settings, "theme").get("custom_dir")
    mounts = [Mount(_inside(folder, str(settings.get("docs_dir", "docs"))))]
    if isinstance(custom, str):
        mounts.append(Mount(_inside(folder, custom), pages=False))
    extensions = settings.get("markdown_extensions")
    checked = _table(settings, "validation")
    absolute = checked.get("absolute_links", _table(checked, "links").get("absolute_links"))
    return Site(
        SiteKind.MKDOCS,
        path,
        tuple(mounts),
        prefix=_path_of(settings.get("site_url")),
        slugs=_toc_slugs(_options(extensions, "toc", "markdown.extensions.toc")),
        # Of a configuration that says nothing, or cannot be read, the kinder reading.
        attributes=extensions is None or bool(_names(extensions).intersection(_ATTRIBUTES)),
        marks=MARKS if extensions is None else _marks(_names(extensions)),
        pretty=settings.get("use_directory_urls") is not False,
        root_links=absolute == "relative_to_docs",
        generates=bool(_names(settings.get("plugins")).intersection(_WRITERS)),
        redirected=frozenset(_moved(settings.get("plugins"))),
        unknown=("assets", "search", "sitemap.xml", "404.html"),
    )


def _marks(extensions: set[str]) -> str:
    names = {name.removeprefix("markdown.extensions.") for name in extensions}
    return "".join(mark for name, mark in _BODIES.items() if name in names)


def _moved(plugins: Any) -> Iterator[str]:
    """Yield the addresses the plugin redirects sends elsewhere."""
    for page in _table(_options(plugins, "redirects"), "redirect_maps"):
        name = str(page).removesuffix(".md").removesuffix("index").removesuffix("README")
        yield name.strip("/")


def _inherited(path: str, text: Text, depth: int) -> Settings:
    settings = read_settings(text(path) or "")
    parent = settings.get("INHERIT")
    if not isinstance(parent, str) or not depth:
        return settings
    return {**_inherited(_inside(dirname(path), parent), text, depth - 1), **settings}


def _table(settings: Settings, key: str) -> Settings:
    value = settings.get(key)
    return value if isinstance(value, dict) else {}


def _names(value: Any) -> set[str]:
    """Return the names in a list of names and of one-key mappings, or of a mapping."""
    if isinstance(value, dict):
        return set(value)
    items = value if isinstance(value, list) else []
    return {name for item in items for name in (item if isinstance(item, dict) else [str(item)])}


def _options(value: Any, *names: str) -> Settings:
    tables = value if isinstance(value, list) else [value]
    for each in tables:
        for name in names:
            if isinstance(each, dict) and isinstance(each.get(name), dict):
                return dict(each[name])
    return {}


def _toc_slugs(options: Settings) -> Slugs:
    if options.get("separator", "-") != "-":
        return Slugs.UNKNOWN
    written = options.get("slugify")
    if written is None:
        return Slugs.TOC
    name = str(written.get("", "") if isinstance(written, dict) else written)
    if name.endswith("toc.slugify_unicode"):
        return Slugs.TOC_UNICODE
    if name.endswith("pymdownx.slugs.slugify"):
        words = written.get("kwds") if isinstance(written, dict) else None
        case = words.get("case", "none") if isinstance(words, dict) else "none"
        return {"lower": Slugs.PYMDOWNX, "none": Slugs.PYMDOWNX_CASE}.get(case, Slugs.UNKNOWN)
    return Slugs.PYMDOWNX if name.endswith("pymdownx.slugs.uslugify") else Slugs.UNKNOWN


def _with_translations(found: Iterable[Site], files: Files) -> Iterator[Site]:
    """Yield the sites; sites beside each other whose folders are languages are one.

    The one with most pages is the original: a translation has its pages where it has none, and
    its address is its language.
    """
    groups: dict[tuple[str, str], list[Site]] = {}
    for site in found:
        if site.kind is SiteKind.MKDOCS and _LANGUAGE.fullmatch(basename(site.folder)):
            inner = site.mounts[0].folder.removeprefix(site.folder)
            groups.setdefault((dirname(site.folder), inner), []).append(site)
        else:
            yield site
    for (above, inner), sites in groups.items():
        original = max(sites, key=lambda site: _pages(site.mounts[0].folder, files))
        folders = sorted(_languages(above, inner, files))
        others = [folder for folder in folders if folder != original.mounts[0].folder]
        yield original._replace(mounts=(*original.mounts, *_translated(original, above, others)))


def _translated(original: Site, above: str, folders: Iterable[str]) -> Iterator[Mount]:
    for folder in folders:
        language = folder.removeprefix(f"{above}/" if above else "").partition("/")[0]
        yield Mount(folder, language, original=original.mounts[0].folder)


def _pages(folder: str, files: Files) -> int:
    return sum(path.startswith(f"{folder}/") and path.endswith(".md") for path in files)


def _languages(above: str, inner: str, files: Files) -> set[str]:
    """Return the folders `above/LANGUAGE/inner` that hold pages."""
    start = f"{above}/" if above else ""
    found = set()
    for path in files:
        if path.startswith(start) and path.endswith(".md"):
            name = path[len(start) :].partition("/")[0]
            folder = f"{start}{name}{inner}"
            if _LANGUAGE.fullmatch(name) and path.startswith(f"{folder}/"):
                found.add(folder)
    return found


# ---------------------------------------------------------------------- hugo
def _hugo(path: str, files: Files, text: Text) -> Site | None:
    folder = dirname(path)
    settings = _settings_of(path, text(path) or "")
    content = _inside(folder, str(settings.get("contentDir", "content")))
    parser = _table(_table(_table(settings, "markup"), "goldmark"), "parser")
    slugs = {"github": Slugs.HUGO, "github-ascii": Slugs.HUGO_ASCII}
    listed = _table(settings, "taxonomies").values() or ("tags", "categories")
    sections = _sections(_table(settings, "permalinks"))
    return Site(
        SiteKind.HUGO,
        path,
        (*_languages_of(settings, folder), Mount(content), *_statics(settings, folder, files)),
        prefix=_path_of(settings.get("baseURL")),
        slugs=slugs.get(parser.get("autoHeadingIDType", "github"), Slugs.UNKNOWN),
        attributes=True,
        marks=MARK,
        generates=bool(settings.get("module") or settings.get("theme")),
        unknown=(*map(str, listed), "index.xml", "sitemap.xml", *sections),
    )


def _languages_of(settings: Settings, folder: str) -> Iterator[Mount]:
    """Yield the folders of languages that have one of their own."""
    default = str(settings.get("defaultContentLanguage", "en"))
    below = settings.get("defaultContentLanguageInSubdir") is True
    for code in _table(settings, "languages"):
        place = _table(_table(settings, "languages"), code).get("contentDir")
        if isinstance(place, str):
            yield Mount(_inside(folder, place), code if below or code != default else "")


def _statics(settings: Settings, folder: str, files: Files) -> Iterator[Mount]:
    """Yield the folders whose files are served as they are, those of vendored themes too."""
    static = settings.get("staticDir", "static")
    for name in (*(static if isinstance(static, list) else [static]), "assets"):
        yield Mount(_inside(folder, str(name)), pages=False)
    themes = f"{_inside(folder, 'themes')}/"
    for name in sorted({p[len(themes) :].partition("/")[0] for p in files if p.startswith(themes)}):
        yield Mount(f"{themes}{name}/static", pages=False)


def _sections(permalinks: Settings) -> Iterator[str]:
    """Yield the sections whose pages have addresses by a pattern of the project's own."""
    for key, value in permalinks.items():
        if isinstance(value, dict):
            yield from map(str, value)
        yield str(key)


def _settings_of(path: str, written: str) -> Settings:
    if path.endswith((".yaml", ".yml")):
        return read_settings(written)
    if path.endswith(".json"):
        return _json(written)
    import tomllib  # few bases have such a site

    return _loaded(tomllib.loads, written) or {}


# ---------------------------------------------------------------------- docusaurus
def _docusaurus(path: str, files: Files, text: Text) -> Site | None:
    folder = dirname(path)
    program = _without_comments(text(path) or "")
    static = [Mount(_inside(folder, "static"), pages=False)]
    docs = [mount for place in _docs(program) for mount in _versions(folder, *place, files, text)]
    blog = _value(_block(program, "blog"), "routeBasePath") or "blog"
    others = [Mount(_inside(folder, "blog"), blog), Mount(_inside(folder, "src/pages"))]
    routes = tuple(dict.fromkeys(mount.address for mount in docs if mount.address))
    unknown = [blog, "search"]
    unknown += [f"{route}/{name}" for route in routes for name in ("category", "tags")]
    if any(mount.holds(name) and name.endswith(".mdx") for mount in docs for name in files):
        unknown += routes  # front matter of .mdx is not read: its slug may be anything
    return Site(
        SiteKind.DOCUSAURUS,
        path,
        (*docs, *others, *static),
        prefix=_path_of(_value(program, "baseUrl")),
        attributes=True,
        decides=routes or ("\0",),
        unknown=tuple(unknown),
    )


def _docs(program: str) -> Iterator[tuple[str, str]]:
    """Yield (folder, route) of each instance of the docs plugin."""
    blocks = [_block(program, "docs"), *_blocks(program, r"plugin-content-docs['\"]\s*,\s*")]
    for number, block in enumerate(blocks):
        place = _value(block, "path") or ("docs" if not number else "")
        route = _value(block, "routeBasePath")
        if place:
            yield place.removeprefix("./"), (place if route is None else route).strip("/")


def _versions(folder: str, place: str, route: str, files: Files, text: Text) -> Iterator[Mount]:
    current = Mount(_inside(folder, place), route)
    if place != "docs":  # only the first instance keeps its versions and translations there
        yield current
        return
    names = _version_names(text(_inside(folder, "versions.json")) or "[]")
    for number, name in enumerate(names):
        address = join(route, name) if number else route
        yield Mount(_inside(folder, f"versioned_docs/version-{name}"), address)
    yield current._replace(address=join(route, "next")) if names else current
    for language in sorted(_translations(folder, files)):
        below = _inside(folder, f"i18n/{language}/docusaurus-plugin-content-docs/current")
        yield Mount(below, join(language, route), original=current.folder)


def _version_names(written: str) -> list[str]:
    found = _loaded(_loads, written)
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def _translations(folder: str, files: Files) -> set[str]:
    start = f"{_inside(folder, 'i18n')}/"
    return {path[len(start) :].partition("/")[0] for path in files if path.startswith(start)}


def _without_comments(program: str) -> str:
    return re.sub(r"/\*.*?\*/|(?<![:'\"])//[^\n]*", "", program, flags=re.DOTALL)


def _value(program: str, key: str) -> str | None:
    found = re.search(rf"\b{key}\s*:\s*(['\"`])(?P<value>[^'\"`\n$]*)\1", program)
    return found["value"] if found else None


def _block(program: str, key: str) -> str:
    return next(_blocks(program, rf"\b{key}\s*:\s*"), "")


def _blocks(program: str, before: str) -> Iterator[str]:
    """Yield each `{ … }` that follows."""
    for found in re.finditer(before + r"(?=\{)", program):
        depth = 0
        for at in range(found.end(), len(program)):
            depth += (program[at] == "{") - (program[at] == "}")
            if not depth:
                yield program[found.end() : at + 1]
                break


# ---------------------------------------------------------------------- docfx
def _docfx(path: str, files: Files, text: Text) -> Site | None:
    moved = frozenset(_redirections(files, text))
    return Site(
        SiteKind.DOCFX, path, (Mount(dirname(path)),), slugs=Slugs.MARKDIG, redirected=moved
    )


def _redirections(files: Files, text: Text) -> Iterator[str]:
    """Yield the files that are no more, and whose addresses lead elsewhere.

    Source: "Redirections" of the Microsoft Learn contributor guide.
    """
    for path in files:
        if basename(path).startswith(".openpublishing.redirection") and path.endswith(".json"):
            entries = _json(text(path) or "{}").get("redirections")
            for entry in entries if isinstance(entries, list) else ():
                yield from _source_of(entry, dirname(path))


def _source_of(entry: Any, folder: str) -> Iterator[str]:
    if isinstance(entry, dict):
        if isinstance(entry.get("source_path"), str):
            yield _inside(folder, entry["source_path"])
        if isinstance(entry.get("source_path_from_root"), str):
            yield _inside("", entry["source_path_from_root"].lstrip("/"))


def _json(written: str) -> Settings:
    found = _loaded(_loads, written)
    return found if isinstance(found, dict) else {}


def _loads(written: str) -> Any:
    import json  # few bases have such a site

    return json.loads(written)


def _loaded(load: Callable[[str], Any], written: str) -> Any:
    """Return what a text says, None where it cannot be read: that is its generator's to tell."""
    try:
        return load(written)
    except (ValueError, RecursionError):
        return None


_READERS: Final[Mapping[SiteKind, Callable[[str, Files, Text], Site | None]]] = {
    SiteKind.MKDOCS: _mkdocs,
    SiteKind.HUGO: _hugo,
    SiteKind.DOCUSAURUS: _docusaurus,
    SiteKind.DOCFX: _docfx,
}
