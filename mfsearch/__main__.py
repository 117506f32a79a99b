"""`python -m mfsearch` is `mfsearch`."""

from __future__ import annotations

from mfsearch.cli import main

if __name__ == "__main__":
    main(prog_name="mfsearch")
