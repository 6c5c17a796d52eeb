"""The entry point of `roomsim`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a terminal may lack signs that a ladder has
    try:
        from scenarios.runner.commands import run_app
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(run_app())


if __name__ == "__main__":
    main()
