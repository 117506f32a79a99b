"""NATS-Bench's topology benchmark from its official folder, `simple` format: one compressed pickle an architecture.

A pickle can name any function of any library and have it called, so these are read by an unpickler that knows three names, those
that the files use, and refuses every other.

Source: Dong, Liu, Musial and Gabrys, "NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and Size", 2021.
"""

from __future__ import annotations

import bz2
import io
import pickle
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from mfsearch.errors import DataError
from mfsearch.tables.runs import architecture_piece
from mfsearch.tables.table import Piece

_FILE: Final = re.compile(r"([0-9]{6})\.pickle\.pbz2")
_META: Final = "meta.pickle.pbz2"
_MAX_BYTES: Final = 1 << 26
_DTYPE: Final = re.compile(r"[<>=|]?[fiu][1248]")


def read_nats_bench(folder: Path) -> Iterator[Piece]:
    """One piece an architecture, in the order of their numbers.

    Raises:
        DataError: If the folder has none of the benchmark's files, or one names what it must not.
    """
    files = {int(found[1]): path for path in sorted(folder.iterdir()) if (found := _FILE.fullmatch(path.name))}
    if not files:
        raise DataError(
            f"{folder} must hold files like 000000.pickle.pbz2, NATS-Bench's topology benchmark in its 'simple' format; "
            "it has none. Name the folder that has."
        )
    cells, missing = _cells(folder / _META)
    yield Piece(
        missing=(*missing, *(("no file", f"{index:06d}.pickle.pbz2") for index in range(len(cells)) if index not in files))
    )
    for index, path in files.items():
        try:
            held = load(path)
        except _Damaged as error:
            yield Piece(missing=(("damaged files", f"{path.name}: {error}"),))
            continue
        states = list(held.values()) if isinstance(held, Mapping) else [held]
        yield architecture_piece(states, path.name, index, cells[index] if index < len(cells) else None)


class _Damaged(Exception):
    """A file that cannot be read to its end."""


def load(path: Path) -> Any:
    """What one file holds.

    Raises:
        DataError: If it names a function or class that NATS-Bench's files do not use.
        _Damaged: If it cannot be read.
    """
    try:
        with bz2.BZ2File(path) as file:
            raw = file.read(_MAX_BYTES + 1)
        if len(raw) > _MAX_BYTES:
            raise _Damaged(f"holds more than {_MAX_BYTES >> 20} MiB")
        return _Unpickler(io.BytesIO(raw), path.name).load()
    except (DataError, _Damaged):
        raise
    except Exception as error:  # a damaged pickle can end in any exception
        raise _Damaged(f"{type(error).__name__}: {' '.join(str(error).split())[:80]}") from error


def _cells(meta: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """The benchmark's list of all cells; empty, and said so, where it is missing or damaged."""
    try:
        held = load(meta)
    except _Damaged as error:
        return [], [("no list of the architectures", f"{_META}: {error}")]
    cells = held.get("meta_archs") if isinstance(held, Mapping) else None
    if not isinstance(cells, list) or not all(isinstance(cell, str) for cell in cells):
        return [], [("no list of the architectures", f"{_META}: no 'meta_archs'")]
    return cells, []


def _dtype(name: str, *_: object) -> np.dtype[Any]:
    if not isinstance(name, str) or not _DTYPE.fullmatch(name):
        raise ValueError(f"numbers must be integers or floats, not {name!r}")
    return np.dtype(name, copy=True)


def _scalar(dtype: np.dtype[Any], data: bytes) -> Any:
    if not isinstance(dtype, np.dtype) or not _DTYPE.fullmatch(dtype.str):
        raise ValueError("numbers must be integers or floats")
    return np.frombuffer(data, dtype, 1)[0]


_NAMES: Final[Mapping[tuple[str, str], Callable[..., Any]]] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("numpy", "dtype"): _dtype,
    ("numpy.core.multiarray", "scalar"): _scalar,
}
"""All names that the benchmark's files use, and what stands for them here."""


class _Unpickler(pickle.Unpickler):
    """Knows the names of `_NAMES` and nothing else."""

    def __init__(self, file: io.BytesIO, name: str) -> None:
        super().__init__(file)
        self._name = name

    def find_class(self, module: str, name: str) -> Any:
        """What stands for a name.

        Raises:
            DataError: If the benchmark's files do not use it.
        """
        try:
            return _NAMES[module, name]
        except KeyError:
            known = ", ".join(".".join(pair) for pair in _NAMES)
            raise DataError(
                f"{self._name} must name nothing but {known}; it names {module}.{name}, which is refused. "
                "Take the folder in 'simple' format from NATS-Bench's own source."
            ) from None
