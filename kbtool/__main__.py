"""`python -m kbtool` and the `kbtool` command.

`--version`, and a lint of what has not changed, are answered before click is imported.
"""

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    if sys.argv[1:] == ["--version"]:
        from kbtool import __version__

        print(f"kbtool {__version__}")
        return
    try:
        sys.exit(_lint() if sys.argv[1:2] == ["lint"] else _answer())
    except KeyboardInterrupt:  # `answer` has its own boundary, once it is there
        sys.exit(130)


def _answer() -> int:
    from kbtool.cli import answer

    return answer()


def _lint() -> int:
    from kbtool.adapters.replay import tape

    found = tape(sys.argv[2:])
    if found is None:
        return _answer()
    code = found.replay()
    if code is not None:
        return code
    import gc

    gc.disable()  # one run leaves nothing worth looking for, and looking takes a tenth of it
    from kbtool.cli import answer

    with found:
        code = answer(tape=found)
    found.keep(code)
    return code


if __name__ == "__main__":
    main()
