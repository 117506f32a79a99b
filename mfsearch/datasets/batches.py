"""The pickled batches of CIFAR-10, CIFAR-100 and the down-sampled ImageNet, in their official form.

A pickle can name any function of any library and have it called, so these are read by an unpickler that knows the names of a numpy
array and refuses every other.

Sources: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009; Chrabaszcz, Loshchilov and Hutter, arXiv 1707.08819,
whose first 120 classes at 16 x 16 are NAS-Bench-201's ImageNet16-120.
"""

from __future__ import annotations

import io
import math
import pickle
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mfsearch.datasets.arrays import Arrays, Labels, Pixels, labels_of
from mfsearch.errors import DataError

CIFAR10: Final = tuple(f"data_batch_{number}" for number in range(1, 6))
IMAGENET: Final = tuple(f"train_data_batch_{number}" for number in range(1, 11))
IMAGENET_CLASSES: Final = 120
_MAX_BYTES: Final = 1 << 31


def read_cifar10(folder: Path) -> Arrays:
    """`data_batch_1` to `data_batch_5` and `test_batch` of `cifar-10-batches-py`.

    Raises:
        DataError: If a file is missing, damaged, or not of this form.
    """
    return _arrays(folder, CIFAR10, "test_batch", "labels")


def read_cifar100(folder: Path) -> Arrays:
    """`train` and `test` of `cifar-100-python`, the fine labels.

    Raises:
        DataError: If a file is missing, damaged, or not of this form.
    """
    return _arrays(folder, ("train",), "test", "fine_labels")


def read_imagenet16_120(folder: Path) -> Arrays:
    """`train_data_batch_1` to `train_data_batch_10` and `val_data`, the first 120 of the 1,000 classes.

    Raises:
        DataError: If a file is missing, damaged, or not of this form.
    """
    whole = _arrays(folder, IMAGENET, "val_data", "labels")
    train, test = (labels <= IMAGENET_CLASSES for labels in (whole.train_labels, whole.test_labels))
    # the files count classes from 1
    return Arrays(whole.train[train], whole.train_labels[train] - 1, whole.test[test], whole.test_labels[test] - 1, folder)


def _arrays(folder: Path, train: Sequence[str], test: str, key: str) -> Arrays:
    if missing := [name for name in (*train, test) if not (folder / name).is_file()]:
        raise DataError(
            f"{folder} must hold {', '.join((*train, test))}; {', '.join(missing)} is not there. Unpack the whole archive."
        )
    parts = [_read(folder / name, key) for name in train]
    test_images, test_labels = _read(folder / test, key)
    images, labels = (np.concatenate(each) for each in zip(*parts, strict=True))
    return Arrays(images, labels, test_images, test_labels, folder)


def _read(path: Path, key: str) -> tuple[Pixels, Labels]:
    """Pictures and labels of one batch; rows hold all of one colour, then the next."""
    if path.stat().st_size > _MAX_BYTES:
        raise DataError(f"{path} must be a batch of at most {_MAX_BYTES >> 30} GiB; it is larger. Take the official file.")
    try:
        held = _Unpickler(io.BytesIO(path.read_bytes()), path).load()
    except DataError:
        raise
    except Exception as error:  # whatever a damaged pickle may raise
        raise DataError(
            f"{path} must be a whole pickled batch; reading it ended with {type(error).__name__}. Fetch it anew."
        ) from None
    if not isinstance(held, Mapping):
        raise DataError(f"{path} must hold a dictionary with 'data' and {key!r}; it holds {type(held).__name__}.")
    found = {
        name.decode() if isinstance(name, bytes) else name: getattr(value, "array", None) if isinstance(value, _Held) else value
        for name, value in held.items()
    }
    data = found.get("data")
    if key not in found or not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim != 2:
        raise DataError(
            f"{path} must hold 'data', uint8 in rows, and {key!r}; it holds {', '.join(map(str, found)) or 'nothing'}."
        )
    side = math.isqrt(data.shape[1] // 3)
    if data.shape[1] != 3 * side * side:
        raise DataError(f"{path}: rows must hold three square colours; got {data.shape[1]} numbers a row.")
    return np.ascontiguousarray(data.reshape(-1, 3, side, side).transpose(0, 2, 3, 1)), labels_of(found[key], path)


class _Kind:
    """Stands for a dtype: its name, and nothing of what a pickle wants to make of it."""

    def __init__(self, name: object, *_: object) -> None:
        text = name.decode() if isinstance(name, bytes) else str(name)
        self.dtype = np.dtype({"u1": "u1", "i8": "<i8", "i4": "<i4"}[text])

    def __setstate__(self, state: object) -> None:
        """What a dtype's pickle adds is byte order and layout, which are checked by the size of the data."""


class _Held:
    """Stands for an array: numbers in rows, put together here and not by the pickle."""

    array: NDArray[Any]

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, fortran, raw = state
        array = np.frombuffer(raw.encode("latin1") if isinstance(raw, str) else raw, kind.dtype)
        self.array = array.reshape(shape, order="F" if fortran else "C")


def _reconstruct(*_: object) -> _Held:
    return _Held()


def _encode(text: str | bytes, encoding: str | bytes = "latin1") -> bytes:
    if encoding not in ("latin1", b"latin1"):
        raise ValueError(f"bytes must be written as latin1, not {encoding!r}")
    return text if isinstance(text, bytes) else text.encode("latin1")


_NAMES: Final[Mapping[tuple[str, str], Callable[..., Any] | type]] = {
    ("numpy", "dtype"): _Kind,
    ("numpy", "ndarray"): _Held,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("_codecs", "encode"): _encode,
}
"""All names that such batches use, written by any Python, and what stands for them here."""


class _Unpickler(pickle.Unpickler):
    """Knows the names of `_NAMES` and nothing else."""

    def __init__(self, file: io.BytesIO, path: Path) -> None:
        super().__init__(file, encoding="bytes")
        self._path = path

    def find_class(self, module: str, name: str) -> Any:
        """What stands for a name.

        Raises:
            DataError: If such batches do not use it.
        """
        try:
            return _NAMES[module, name]
        except KeyError:
            raise DataError(
                f"{self._path} must name nothing but a numpy array's parts; it names {module}.{name}, which is refused. "
                "Take the file from the data set's own page."
            ) from None
