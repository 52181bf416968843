"""The only reader and writer of the tree: files → knowledge base, edits → disk."""

import contextlib
import errno
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from kbtool.config import FILE, Config, config_table, parse_config
from kbtool.errors import KbError, UsageError
from kbtool.forked import divided
from kbtool.graph.base import KnowledgeBase
from kbtool.graph.conventions import UNREAD_FOLDERS
from kbtool.graph.detect import configured, detect
from kbtool.graph.facts import Facts
from kbtool.graph.resolve import Tree
from kbtool.graph.site import Site
from kbtool.markdown.page import Page
from kbtool.markdown.parse import parse_page
from kbtool.markdown.sketch import sketch
from kbtool.markdown.survey import survey
from kbtool.source import MAX_PAGE_BYTES, Source, read
from kbtool.stamp import Stamp, stamp

_PAGES_A_PROCESS: Final = 200  # a process costs as much as a look at that many
_SKETCHES_A_PROCESS: Final = 50


class WriteError(KbError):
    """A file could not be written; nothing was changed."""


class ReadError(KbError):
    """A file that was there cannot be read any more."""


class Root(NamedTuple):
    """Where the project lies and what it has configured."""

    path: Path
    config: Config
    base: str  # folder of the base, "" for all Markdown under the root
    preset: str


def find_root(paths: Sequence[str]) -> Root:
    """Return the root of the project the paths (or the current folder) belong to.

    The nearest ancestor with kbtool.toml, [tool.kbtool] or .git; else the parent of a folder
    named as the base; else the folder itself.

    Raises:
        UsageError: a path does not exist, or lies under another root.
        ConfigError: the configuration has faults.
    """
    places = [_existing(path) for path in paths] or [Path.cwd()]
    folder, table = _nearest(_start(places))
    config = parse_config(*table) if table else Config()
    for place in places[1:]:
        if not place.is_relative_to(folder):
            raise UsageError(f"{place} is not under {folder}", "lint one project at a time")
    has_base = (folder / config.base).is_dir()
    preset = config.preset or ("lab" if has_base or table else "plain")
    return Root(folder, config, config.base if preset == "lab" else "", preset)


def searched(paths: Sequence[str]) -> tuple[Path, ...]:
    """Return the folders in which the root of these paths is looked for, the nearest first."""
    start = _start([_existing(path) for path in paths] or [Path.cwd()])
    return (start, *start.parents)


def _start(places: Sequence[Path]) -> Path:
    return places[0] if places[0].is_dir() else places[0].parent


def _existing(path: str) -> Path:
    try:
        # The last part is not resolved: a symlink is reported as itself.
        whole = Path(os.path.abspath(path))
        whole.lstat()
        return whole.parent.resolve() / whole.name
    except (OSError, ValueError, RuntimeError) as error:
        raise UsageError(
            f"{path} does not exist", "give files or folders of the project"
        ) from error


def _nearest(start: Path) -> tuple[Path, tuple[Mapping[str, object], str] | None]:
    for folder in (start, *start.parents):
        table = config_table(folder)
        if table is not None or (folder / ".git").exists():
            return folder, table
    for folder in (start, *start.parents):
        if folder.name == Config().base:
            return folder.parent, None
    return start, None


class Workspace:
    """One project's tree."""

    def __init__(self, root: Root) -> None:
        self.root = root
        self.sources: dict[str, Source] = {}
        self.files: frozenset[str] = frozenset()  # of the repository, when they were read
        self.pages: list[str] = []  # those of them that are pages, in order
        self.surveys: dict[str, bytes] = {}  # of pages looked at, packed
        self.stamps: dict[str, Stamp] = {}  # of pages, before they were looked at
        self.links: dict[str, str] = {}  # symbolic links met, and where they lead
        self._conventions = root.config.conventions(root.base)
        self.folders: list[str] = []  # looked into
        self.passed: list[str] = []  # folders met and not looked into
        self._unread: Mapping[str, str] = {}  # pages, and why
        self._parsed: dict[str, Page] = {}  # by an earlier load

    # ------------------------------------------------------------------ reading
    def stamped(self) -> dict[str, Stamp]:
        """Return the stamps of all files of the repository."""
        found = {path: stamp(f"{self.root.path}/{path}") for path in self._walk()[0]}
        return {path: seen for path, seen in found.items() if seen}

    def load(self) -> KnowledgeBase:
        """Read and parse every page; what cannot be read is in `unreadable` with its reason."""
        unreadable = self._look()
        pages: dict[str, Page] = {}
        for path in self.pages:
            reason = self._read(path, pages)
            if reason:
                unreadable[path] = reason
        return self._base(pages, unreadable)

    def survey(self, known: Callable[[KnowledgeBase], Mapping[str, Stamp]]) -> KnowledgeBase:
        """Look at every page whose stamp is not a known one; return a base without pages.

        What was seen is in `surveys`.
        """
        unreadable = self._look()
        kb = self._base({}, unreadable)
        kb.unreadable = unreadable
        stamps = known(kb)
        top = f"{self.root.path}/"
        fresh = []
        for path in self.pages:
            seen = None if top + path in self.links else stamp(top + path)
            if seen is not None:
                self.stamps[path] = seen
            if seen is None or stamps.get(path) != seen:
                fresh.append(path)
        self.surveys = self._surveyed(fresh, kb.tree, unreadable)
        for path in unreadable:
            self.stamps.pop(path, None)
        return kb

    def text_again(self, path: str) -> str:
        """Return the text of a page that was looked at before.

        Raises:
            ReadError: it cannot be read any more.
        """
        source = self._readable(path)
        if isinstance(source, str):
            raise _changed(path, source)
        return source.text

    def sketches(self, paths: Sequence[str], tree: Tree) -> dict[str, bytes]:
        """Return the packed sketches of pages that were looked at before.

        Raises:
            ReadError: one cannot be read any more.
        """

        def sketched(part: Sequence[str]) -> dict[str, bytes | str]:
            return {path: self._sketched(path, tree) for path in part}

        made = divided(paths, sketched, _SKETCHES_A_PROCESS)
        for path, each in made.items():
            if isinstance(each, str):
                raise _changed(path, each)
        return made

    def _sketched(self, path: str, tree: Tree) -> bytes | str:
        """Return a page's sketch, packed, or why there is none."""
        source = self._readable(path)
        if isinstance(source, str):
            return source
        made = sketch(source.text, _kind(tree, path), shared=tree.is_shared(path))
        return made.packed()

    def _look(self) -> dict[str, str]:
        """Look which files there are; return those that cannot be read, and why."""
        files, broken = self._walk()
        self.files = frozenset(files)
        self.pages = [path for path in sorted(files) if self.is_page(path)]
        self._conventions = self.root.config.conventions(self.root.base, self.sites(self.files))
        self._unread = broken
        return broken

    def _base(self, pages: Mapping[str, Page], unreadable: Mapping[str, str]) -> KnowledgeBase:
        facts = Facts(today=_today(), digest=self.digest, text=self.text)
        return KnowledgeBase(pages, self.files, self._conventions, facts, unreadable)

    def sites(self, files: Collection[str] | None = None) -> tuple[Site, ...]:
        """Return the sites that publish pages of the project: configured ones, else detected."""
        files = self._walk()[0] if files is None else files
        if self.root.config.sites is not None:
            return configured(self.root.config.sites, files, self.text)
        found = detect(files, self.text)
        pages = [path for path in files if self.is_page(path)] if found else []
        return tuple(site for site in found if any(map(site.owns, pages)))

    def is_page(self, path: str) -> bool:
        """Return whether a file at `path` is a page: Markdown of the base, or at the root."""
        base = self.root.base
        linted = not base or "/" not in path or path.startswith(f"{base}/")
        return linted and path.endswith(".md")

    def _walk(self) -> tuple[set[str], dict[str, str]]:
        """Return the files of the repository, and the broken links and loops among the pages."""
        files: set[str] = set()
        broken: dict[str, str] = {}
        top = str(self.root.path)
        waiting = [top]
        while waiting:
            folder = waiting.pop()
            self.folders.append(folder)
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        self._visit(entry, entry.path[len(top) + 1 :], files, broken, waiting)
            except OSError as error:
                broken[folder[len(top) + 1 :] or "."] = f"cannot be read: {error.strerror}"
        return files, broken

    def _visit(
        self,
        entry: "os.DirEntry[str]",
        path: str,
        files: set[str],
        broken: dict[str, str],
        waiting: list[str],
    ) -> None:
        path = path.replace(os.sep, "/")
        if not _encodable(path):
            broken[path.encode("utf-8", "replace").decode()] = "its name is not UTF-8"
        elif entry.is_symlink():
            self._visit_link(path, files, broken)
        elif entry.is_dir(follow_symlinks=False):
            if (entry.name[0] != "." and entry.name not in UNREAD_FOLDERS) or entry.name in (
                ".gitea",
                ".github",
                ".ci",
            ):
                waiting.append(entry.path)
            else:
                self.passed.append(entry.path)
        else:
            files.add(path)

    def _visit_link(self, path: str, files: set[str], broken: dict[str, str]) -> None:
        """Treat a link to a file of the repository as that file; follow none to a folder."""
        whole = os.path.join(self.root.path, path)
        self.links[whole] = os.path.realpath(whole)
        try:
            real = os.path.realpath(whole, strict=True)
        except OSError as error:
            if self.is_page(path):
                loop = error.errno == errno.ELOOP
                broken[path] = "a symbolic link in a loop" if loop else "a broken symbolic link"
            return
        if not Path(real).is_relative_to(self.root.path.resolve()):
            if self.is_page(path):
                broken[path] = "a symbolic link that leaves the repository"
        elif os.path.isfile(real):
            files.add(path)

    def _surveyed(
        self, paths: Sequence[str], tree: Tree, unreadable: dict[str, str]
    ) -> dict[str, bytes]:
        def looked_at(part: Sequence[str]) -> dict[str, bytes | str]:
            return {path: self._looked_at(path, tree) for path in part}

        made = divided(paths, looked_at, _PAGES_A_PROCESS)
        unreadable.update({path: why for path, why in made.items() if isinstance(why, str)})
        return {path: made[path] for path in paths if path not in unreadable}

    def _looked_at(self, path: str, tree: Tree) -> bytes | str:
        """Return a page's survey, packed, or why there is none."""
        source = self._readable(path)
        if isinstance(source, str):
            return source
        return survey(source.text, _kind(tree, path)).packed()

    def _readable(self, path: str) -> "Source | str":
        """Return a page as it is on disk, or why it cannot be had."""
        try:
            return read(f"{self.root.path}/{path}")
        except UnicodeDecodeError as error:
            return f"not UTF-8: byte {error.object[error.start]:#04x} at offset {error.start}"
        except OSError as error:
            return f"cannot be read: {error.strerror}"
        except ValueError as error:
            return str(error)

    def _read(self, path: str, pages: dict[str, Page]) -> str | None:
        """Parse one page into `pages`; return why it could not be, or None."""
        source = self._readable(path)
        if isinstance(source, str):
            return source
        self.sources[path] = source
        known = self._parsed.get(path)
        marks = self._conventions.marks(path)
        if known is None or (known.text, known.marks) != (source.text, marks):
            known = self._parsed[path] = parse_page(path, source.text, marks)
        pages[path] = known
        return None

    def text(self, path: str) -> str | None:
        """Return a repository file's text, or None where it cannot be had."""
        raw = self.raw(path)
        try:
            return raw.decode("utf-8") if raw is not None else None
        except UnicodeDecodeError:
            return None

    def raw(self, path: str) -> bytes | None:
        """Return the bytes of a regular file beneath the root, or None; links are not followed."""
        whole = self.root.path / path
        try:
            self.links[str(whole)] = os.path.realpath(whole)
            real = whole.resolve(strict=True)
            if not real.is_relative_to(self.root.path.resolve()) or not real.is_file():
                return None
            return real.read_bytes() if real.stat().st_size <= MAX_PAGE_BYTES else None
        except (OSError, ValueError, RuntimeError):
            return None

    def digest(self, path: str) -> str | None:
        """Return the sha256 of a repository file's bytes, or None where there is none."""
        from hashlib import sha256

        raw = self.raw(path)
        return sha256(raw).hexdigest() if raw is not None else None

    @property
    def settled(self) -> bool:
        """Whether all was read: a file that could not be may be readable the next time."""
        return not any(why.startswith("cannot be read") for why in self._unread.values())

    def paths(self, given: Sequence[str]) -> Iterator[str]:
        """Yield all that was looked at here, for the paths that were `given`: absolute paths."""
        top = f"{self.root.path}/"
        yield from self.folders
        yield from (top + path for path in self.files)
        if self.root.base:
            yield top + self.root.base
        for folder in searched(given):
            yield from (f"{folder}/{name}" for name in (FILE, "pyproject.toml", ".git"))

    def relative(self, path: str) -> str:
        """Return a given path as POSIX path from the root ("" for the root itself).

        Raises:
            UsageError: it does not exist, or lies outside of the root.
        """
        whole = _existing(path)
        if not whole.is_relative_to(self.root.path):
            raise UsageError(f"{path} is not under {self.root.path}", "lint one project at a time")
        found = whole.relative_to(self.root.path).as_posix()
        return "" if found == "." else found

    def place(self, path: str) -> str:
        """Return where a file stands or will stand, as POSIX path from the root.

        Raises:
            UsageError: its folder does not exist, or lies outside of the root.
        """
        folder, name = os.path.split(os.path.abspath(path))
        inside = self.relative(folder)
        return f"{inside}/{name}" if inside else name

    # ------------------------------------------------------------------ writing
    def write(self, texts: Mapping[str, str], new: Collection[str] = ()) -> None:
        """Write pages in their own newline style: all of them, or none; `new` ones over no file.

        All are written beside their targets first; only then are they moved into place, and back
        if one of them cannot be. A symbolic link stays one: its file is written.

        Raises:
            WriteError: one could not be written; none was changed.
        """
        change = _Change()
        try:
            for path, text in texts.items():
                change.stage(
                    path, self._target(path), self.on_disk(path, text).encode(), new=path in new
                )
            change.move()
        except OSError as error:
            change.undo()
            raise WriteError(
                f"{change.path} cannot be written: {error.strerror}", "nothing was changed"
            ) from error
        except BaseException:
            change.undo()
            raise
        change.finish()

    def _target(self, path: str) -> str:
        target = os.path.realpath(os.path.join(self.root.path, path))
        if not Path(target).is_relative_to(self.root.path.resolve()):
            raise WriteError(f"{path} lies outside of the repository", "nothing was changed")
        return target

    def on_disk(self, path: str, text: str) -> str:
        """Return a page's text in the manner its file is written in."""
        source = self.sources.get(path)
        if source is None:
            return text
        text = text.replace("\n", source.newline) if source.newline != "\n" else text
        return ("\ufeff" if source.bom else "") + text


class _Staged(NamedTuple):
    """A file's new bytes, and a copy of its old ones, beside it."""

    path: str  # as its user calls it
    data: bytes
    new: str
    old: str | None  # None: the file is new


class _Change:
    """Changes of several files that happen together or not at all."""

    def __init__(self) -> None:
        self.path = ""  # the one in work
        self._staged: dict[str, _Staged] = {}  # by the file they are for
        self._folders: list[str] = []  # made for new files
        self._temporaries: list[str] = []
        self._new_ones: set[str] = set()

    def stage(self, path: str, target: str, data: bytes, *, new: bool = False) -> None:
        """Write `data` beside `target`; a `new` target is not there now, nor when it is moved."""
        self.path = path
        if new:
            self._new_ones.add(target)
            _not_there(target)
        known = self._staged.get(target)
        if known is None:
            self._staged[target] = self._new(path, target, data)
        elif known.data != data:
            raise WriteError(
                f"{known.path} and {path} are one file that was to be changed in two ways",
                "nothing was changed",
            )

    def _new(self, path: str, target: str, data: bytes) -> _Staged:
        if os.path.isdir(target):
            raise IsADirectoryError(errno.EISDIR, "it is a folder", target)
        exists = os.path.exists(target)
        if exists and not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, "permission denied", target)
        self._make_folder(os.path.dirname(target))
        new = self._beside(target)
        with open(new, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if not exists:
            os.chmod(new, 0o644)
            return _Staged(path, data, new, None)
        import shutil

        shutil.copymode(target, new)
        return _Staged(path, data, new, shutil.copy2(target, self._beside(target)))

    def _make_folder(self, folder: str) -> None:
        if not os.path.lexists(folder):
            self._make_folder(os.path.dirname(folder))
            os.mkdir(folder)
            self._folders.append(folder)

    def _beside(self, target: str) -> str:
        import tempfile

        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".kbtool-")
        os.close(handle)
        self._temporaries.append(temporary)
        return temporary

    def move(self) -> None:
        """Put every new file into its place."""
        for target, staged in self._staged.items():
            self.path = staged.path
            if target in self._new_ones:
                _not_there(target)
            os.replace(staged.new, target)

    def undo(self) -> None:
        """Leave everything as it was before."""
        for target, staged in self._staged.items():
            if os.path.exists(staged.new):
                continue  # not moved
            if staged.old:
                os.replace(staged.old, target)
            else:
                os.unlink(target)
        self.finish()
        for folder in reversed(self._folders):
            os.rmdir(folder)

    def finish(self) -> None:
        """Leave nothing beside the files."""
        for temporary in self._temporaries:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)


def _changed(path: str, why: str) -> ReadError:
    return ReadError(f"{path}: {why}", "it changed while it was read: try again")


def _kind(tree: Tree, path: str) -> str:
    site = tree.site(path)
    return str(site.kind) if site else ""


def _not_there(target: str) -> None:
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, "it is there already", target)


def _encodable(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _today() -> date:
    """Today at UTC+14, where the day begins first: no honest date is ever in the future."""
    return (datetime.now(UTC) + timedelta(hours=14)).date()


def open_workspace(paths: Sequence[str] = ()) -> Workspace:
    """Return the workspace the paths (or the current folder) belong to."""
    return Workspace(find_root(paths))


__all__ = ["FILE", "Root", "Workspace", "WriteError", "find_root", "open_workspace", "searched"]
