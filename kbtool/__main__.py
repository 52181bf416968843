"""`python -m kbtool` and the `kbtool` command. `--version` is answered before click is imported."""

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    if sys.argv[1:] == ["--version"]:
        from kbtool import __version__

        print(f"kbtool {__version__}")
        return
    try:
        from kbtool.cli import answer
    except KeyboardInterrupt:  # `answer` has its own boundary, once it is there
        sys.exit(130)
    sys.exit(answer())


if __name__ == "__main__":
    main()
