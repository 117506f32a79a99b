"""Which strings are cells of NAS-Bench-201: what every importer checks before it believes a row."""

from __future__ import annotations

import re
from typing import Final

from mfsearch.networks.nasbench201 import OPERATIONS

_EDGE: Final = f"(?:{'|'.join(OPERATIONS)})"
CELL: Final = re.compile(
    r"\|{e}~0\|\+\|{e}~0\|{e}~1\|\+\|{e}~0\|{e}~1\|{e}~2\|".replace("{e}", _EDGE),
)
"""The benchmark's string of a cell of four nodes."""

CELLS: Final = len(OPERATIONS) ** 6
"""Number of cells in the whole benchmark."""


def is_cell(text: str) -> bool:
    """Whether a string is a cell of NAS-Bench-201."""
    return CELL.fullmatch(text) is not None
