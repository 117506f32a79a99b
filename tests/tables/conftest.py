"""Small tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from mfsearch.tables.table import RESULTS

FIRST = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
SECOND = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"


@pytest.fixture
def rows() -> Callable[..., pa.Table]:
    """Rows of a results table: a valid one for each mapping, with its own figures."""

    def make(*changes: dict[str, Any]) -> pa.Table:
        plain = {
            "index": 0,
            "architecture": FIRST,
            "dataset": "cifar10",
            "schedule": 12,
            "epoch": 12,
            "split": "val",
            "accuracy": 60.0,
            "loss": None,
            "seconds": 80.0,
            "seeds": 1,
        }
        return pa.Table.from_pylist([plain | change for change in changes], RESULTS)

    return make
