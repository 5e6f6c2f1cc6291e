"""`python -m gradlab` is the `gradlab` command."""

from __future__ import annotations

from gradlab.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
