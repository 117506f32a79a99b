from __future__ import annotations

import itertools

import pytest

from mfsearch.networks.nasbench201 import OPERATIONS
from mfsearch.spaces.nasbench201 import cell_string
from mfsearch.tables.cells import CELLS, is_cell


def test_all_cells_are_cells():
    every = [cell_string(cell) for cell in itertools.product(OPERATIONS, repeat=6)]
    assert len(set(filter(is_cell, every))) == CELLS == 15_625


@pytest.mark.parametrize("text", ["", "|none~0|", "|none~1|+|none~0|none~1|+|none~0|none~1|none~2|", "x" * 90])
def test_other_text_is_none(text: str):
    assert not is_cell(text)
    assert not is_cell("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|\n")
