"""Real repositories for tests; nothing of the operator's configuration is read."""

import os
import subprocess
from pathlib import Path

LONG_AGO = "2020-01-01T12:00:00+0000"


class Repo:
    """One work tree."""

    def __init__(self, folder, *, init=True):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        if init:
            self("init", "-q", "-b", "main")

    def __call__(self, *arguments, author=LONG_AGO, committer=None, given=None):
        """Run git and return what it prints."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "t",
            "GIT_AUTHOR_EMAIL": "t@example",
            "GIT_COMMITTER_NAME": "t",
            "GIT_COMMITTER_EMAIL": "t@example",
            "GIT_AUTHOR_DATE": _moment(author),
            "GIT_COMMITTER_DATE": _moment(committer or author),
        }
        done = subprocess.run(
            ["git", "-c", "protocol.file.allow=always", *arguments],
            cwd=self.folder,
            env=environment,
            input=given,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout.decode()

    def write(self, path, text):
        whole = self.folder / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        whole.write_bytes(text if isinstance(text, bytes) else text.encode())

    def commit(self, author=LONG_AGO, committer=None):
        """Commit everything there is; return the commit."""
        self("add", "-A")
        self("commit", "-q", "--allow-empty", "-m", "x", author=author, committer=committer)
        return self("rev-parse", "HEAD").strip()


def _moment(day):
    return day if "T" in day else f"{day}T12:00:00+0000"
