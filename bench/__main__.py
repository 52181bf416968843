"""`python -m bench [SUITE…] [--runs N]`: print figures beside their targets."""

import argparse
import platform
import sys

from bench import lint, sandbox, site, start

SUITES = {"start": start.rows, "lint": lint.rows, "sandbox": sandbox.rows, "site": site.rows}


def main() -> None:
    """Measure the suites asked for, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("suites", nargs="*", choices=[*SUITES, []], help="default: all")
    parser.add_argument("--runs", type=int, default=7, help="medians of so many (default: 7)")
    parser.add_argument("--write", action="store_true", help="lint: put the table into speed.md")
    arguments = parser.parse_args()
    if arguments.write:
        lint.write(arguments.runs)
        return
    print(f"Python {platform.python_version()}, {platform.machine()}, medians of {arguments.runs}")
    for name in arguments.suites or SUITES:
        for what, measured, beside in SUITES[name](arguments.runs):
            print(f"{what:42} {measured:>10}   {beside}")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
