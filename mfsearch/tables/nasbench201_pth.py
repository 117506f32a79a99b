"""NAS-Bench-201 from its official file, `NAS-Bench-201-v1_*.pth`: one PyTorch file with the records of all architectures.

It is read with `weights_only`, so that nothing in it is called but what is listed here. All of it is held in memory at once,
several times the size of the file.

Source: Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search", ICLR 2020.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy._core import multiarray

from mfsearch.errors import DataError
from mfsearch.tables.runs import architecture_piece
from mfsearch.tables.table import Piece

# What a NumPy number is made of when it is read. Old files know the first by the name that it had before NumPy 2.
_ALLOWED: Final[list[Any]] = [
    (multiarray.scalar, "numpy.core.multiarray.scalar"),
    multiarray.scalar,
    np.dtype,
    *(type(np.dtype(name)) for name in ("float64", "float32", "int64", "int32")),
]
_KEYS: Final = ("meta_archs", "arch2infos")
_SCHEDULES: Final = ("less", "full")


def read_nasbench201_pth(path: Path) -> Iterator[Piece]:
    """One piece an architecture, in the order of their numbers.

    Raises:
        DataError: If the file cannot be read, names what is not allowed, or is laid out in another way.
    """
    held = _load(path)
    if not isinstance(held, Mapping) or not all(key in held for key in _KEYS):
        raise DataError(
            f"{path.name} must hold a dictionary with {' and '.join(_KEYS)}; it does not. Name NAS-Bench-201's own file."
        )
    cells, infos = held["meta_archs"], held["arch2infos"]
    if not isinstance(cells, list) or not isinstance(infos, Mapping):
        raise DataError(
            f"{path.name} must hold a list of cells and a dictionary of records; it does not. Name NAS-Bench-201's own file."
        )
    yield Piece(missing=tuple(("no records", f"architecture {index}") for index in range(len(cells)) if index not in infos))
    for index in sorted(index for index in infos if isinstance(index, int)):
        where, info = f"architecture {index}", infos[index]
        if not isinstance(info, Mapping) or not 0 <= index < len(cells):
            yield Piece(missing=(("damaged records", where),))
            continue
        lacking = tuple((f"no records of the schedule {name!r}", where) for name in _SCHEDULES if name not in info)
        piece = architecture_piece([info[name] for name in _SCHEDULES if name in info], where, index, cells[index])
        yield Piece(piece.results, piece.scores, (*lacking, *piece.missing))


def _load(path: Path) -> Any:
    try:
        with torch.serialization.safe_globals(_ALLOWED):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can end in any exception
        raise DataError(
            f"{path.name} must be a PyTorch file with nothing but the records of NAS-Bench-201; reading it failed: "
            f"{_first_line(error)} Name NAS-Bench-201's own file."
        ) from error


def _first_line(error: Exception) -> str:
    """What is wrong, without PyTorch's advice to trust the file."""
    text = str(error)
    for line in text.splitlines():
        if "GLOBAL" in line or "nsupported" in line:
            return line.strip()[:200].rstrip(".") + "."
    return f"{type(error).__name__}: {text.splitlines()[0][:120] if text else 'no reason given'}".rstrip(".") + "."
