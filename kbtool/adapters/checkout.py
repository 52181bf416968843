"""The repository a project lies in: which files its commits hold, and their texts."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple

from kbtool.adapters.blobs import Blobs
from kbtool.adapters.git import NothingThere, Settled, answer

_FILES: Final = ("100644", "100755", "100664")  # the modes of regular files


class Entry(NamedTuple):
    """A file of a commit: its mode and the name of its content."""

    mode: str
    blob: str

    @property
    def regular(self) -> bool:
        """Whether it is a file, not a link and not another repository."""
        return self.mode in _FILES


class Checkout:
    """A project's folder in a work tree. Paths are the project's; git's begin with `prefix`."""

    def __init__(self, root: Path) -> None:
        """Look whether the folder is part of a repository.

        Raises:
            GitError: it is not, or git cannot be asked.
        """
        self.root = root
        asked = ("--is-inside-work-tree", "--is-shallow-repository", "--show-prefix")
        inside, shallow, prefix = answer(root, "rev-parse", *asked).split(b"\n", 2)
        if inside != b"true":
            raise Settled("not a git repository")
        self.shallow = shallow == b"true"
        self.prefix = decoded(prefix.removesuffix(b"\n"))
        self.blobs = Blobs(root)
        self._files: dict[str, Mapping[str, Entry]] = {}

    @cached_property
    def head(self) -> str | None:
        """The commit checked out, None before the first one.

        Raises:
            GitError: git cannot tell.
        """
        return self.commit("HEAD")

    def commit(self, revision: str) -> str | None:
        """Return the commit that HEAD or a reference (`refs/…`) names, None where it names none.

        Raises:
            GitError: git cannot tell.
        """
        try:
            named = answer(self.root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
            return decoded(named).strip()
        except NothingThere:
            return None

    def files(self, commit: str) -> Mapping[str, Entry]:
        """Return the files of a commit below the project's root.

        Raises:
            GitError: they cannot be listed.
        """
        if commit not in self._files:
            self._files[commit] = dict(self._listed(commit))
        return self._files[commit]

    def _listed(self, commit: str) -> list[tuple[str, Entry]]:
        found = []
        for line in answer(self.root, "ls-tree", "-r", "-z", "--full-name", commit).split(b"\0"):
            entry, _, path = line.partition(b"\t")
            if path:
                mode, _, blob = entry.decode().split(" ")
                found.append((decoded(path).removeprefix(self.prefix), Entry(mode, blob)))
        return found

    @cached_property
    def present(self) -> frozenset[str]:
        """The files git would commit here: those it has, and those nobody told it to ignore.

        Raises:
            GitError: they cannot be listed.
        """
        asked = ("-z", "--cached", "--others", "--exclude-standard", "--", "*.md")
        return frozenset(map(decoded, answer(self.root, "ls-files", *asked).split(b"\0")))

    @cached_property
    def converted(self) -> frozenset[str]:
        """The pages of HEAD that git keeps in another form than they have on disk.

        Raises:
            GitError: git cannot tell.
        """
        pages = [path for path in self.files(self.head or "HEAD") if path.endswith(".md")]
        given = b"".join(path.encode("utf-8", "surrogateescape") + b"\0" for path in pages)
        asked = ("-z", "--stdin", "filter", "ident", "working-tree-encoding")
        told = answer(self.root, "check-attr", *asked, given=given).split(b"\0")
        values = zip(told[::3], told[2::3], strict=False)
        return frozenset(decoded(path) for path, value in values if value not in _PLAIN)

    def close(self) -> None:
        """End what runs."""
        self.blobs.close()


_PLAIN: Final = (b"unspecified", b"unset")


def decoded(raw: bytes) -> str:
    """Return what git printed as text; bytes that are not UTF-8 stay what they are."""
    return raw.decode("utf-8", "surrogateescape")
