"""Data sets from a local file or folder, in the forms in which they are passed around. Nothing is downloaded."""

from __future__ import annotations

import importlib
import io
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mfsearch.datasets.arrays import Arrays, Labels, Pixels, labels_of
from mfsearch.datasets.batches import CIFAR10, IMAGENET, read_cifar10, read_cifar100, read_imagenet16_120
from mfsearch.errors import ConfigError, DataError

FORMS: Final = (
    "a folder with CIFAR-10's, CIFAR-100's or down-sampled ImageNet's batches, one with *train*.parquet and *test*.parquet "
    "(columns 'image' with file bytes and 'label'), one with train/CLASS/ and test/CLASS/, or an .npz with x_train, y_train, x_test and y_test"
)
_PICTURES: Final = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".ppm")


def read_arrays(path: Path) -> Arrays:
    """Read a data set; its form is told by what is there.

    Raises:
        DataError: If there is nothing of a known form, or it is damaged or incomplete.
        ConfigError: If pictures must be decoded, and Pillow is not installed.
    """
    if path.is_file() and path.suffix == ".npz":
        return _read_npz(path)
    if path.is_dir():
        for folder in (path, path / "cifar-10-batches-py", path / "cifar-100-python"):
            if (folder / CIFAR10[0]).is_file():
                return read_cifar10(folder)
            if (folder / IMAGENET[0]).is_file():
                return read_imagenet16_120(folder)
            if (folder / "train").is_file() and (folder / "test").is_file():
                return read_cifar100(folder)
        if any(path.glob("*train*.parquet")):
            return _read_parquet(path)
        if (path / "train").is_dir() and (path / "test").is_dir():
            return _read_folders(path)
    what = "is not there" if not path.exists() else "is none of these"
    raise DataError(f"a data set must be {FORMS}; {path} {what}.")


def _read_npz(path: Path) -> Arrays:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:  # np.load forgets what it could not read
            wanted = ("x_train", "y_train", "x_test", "y_test")
            if missing := [name for name in wanted if name not in held]:
                raise DataError(f"{path} must hold {', '.join(wanted)}; it lacks {', '.join(missing)}.")
            x_train, y_train, x_test, y_test = (held[name] for name in wanted)
    except (
        OSError,
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        KeyError,
        RuntimeError,
        TypeError,
    ) as error:
        raise DataError(f"{path} must be a whole .npz of plain numbers; {' '.join(str(error).split())[:120]}") from None
    train, test = (images[..., None] if images.ndim == 3 else images for images in (x_train, x_test))
    return Arrays(train, labels_of(y_train.reshape(-1), path), test, labels_of(y_test.reshape(-1), path), path)


def _read_parquet(folder: Path) -> Arrays:

    def read(split: str) -> tuple[Pixels, Labels]:
        files = sorted(folder.glob(f"*{split}*.parquet"))
        if not files:
            raise DataError(f"{folder} must hold *train*.parquet and *test*.parquet; there is none for {split}.")
        tables = [_table(path) for path in files]
        images = [picture for table in tables for picture in table.column("image").to_pylist()]
        labels = np.concatenate([labels_of(table.column("label").to_numpy(), folder) for table in tables])
        # Hugging Face's files hold a record with the bytes and a name.
        encoded = [picture.get("bytes") if isinstance(picture, dict) else picture for picture in images]
        return _decoded(encoded, f"{folder}, {split}"), labels

    return Arrays(*read("train"), *read("test"), folder)


def _table(path: Path) -> pa.Table:
    try:
        return pq.read_table(path, columns=["image", "label"])
    except (OSError, pa.ArrowException) as error:
        raise DataError(
            f"{path} must be Parquet with the columns 'image' and 'label'; {' '.join(str(error).split())[:120]}"
        ) from None


def _read_folders(folder: Path) -> Arrays:
    names = sorted(entry.name for entry in (folder / "train").iterdir() if entry.is_dir())
    others = sorted(entry.name for entry in (folder / "test").iterdir() if entry.is_dir())
    if not names or names != others:
        raise DataError(
            f"{folder}: train and test must have the same folders, one a class; got {', '.join(names[:9]) or 'none'} "
            f"and {', '.join(others[:9]) or 'none'}."
        )

    def read(split: str) -> tuple[Pixels, Labels]:
        files = [
            (path, label)
            for label, name in enumerate(names)
            for path in sorted((folder / split / name).iterdir())
            if path.suffix.lower() in _PICTURES
        ]
        decoded = _decoded((path.read_bytes() for path, _ in files), f"{folder / split}")
        return decoded, np.array([label for _, label in files], dtype=np.int64)

    return Arrays(*read("train"), *read("test"), folder)


def _decoded(encoded: Iterable[bytes | None], source: str) -> Pixels:
    """Pictures in colour, n x height x width x 3; all must have the size of the first."""
    try:
        pillow = importlib.import_module("PIL.Image")  # an extra: most data sets need no decoding
    except ImportError:
        raise ConfigError("decoding pictures needs Pillow; it is not installed. Run: pip install 'mfsearch[images]'") from None
    found: list[Pixels] = []
    for place, content in enumerate(encoded):
        try:
            with pillow.open(io.BytesIO(content or b"")) as picture:
                found.append(np.asarray(picture.convert("RGB")))
        except (OSError, ValueError, pillow.DecompressionBombError):
            raise DataError(f"{source}: picture {place} must be a whole PNG or JPEG; it cannot be decoded.") from None
        if found[-1].shape != found[0].shape:
            raise DataError(
                f"{source}: pictures must have one size; the first has {found[0].shape[:2]}, picture {place} {found[-1].shape[:2]}. Resize them."
            )
    if not found:
        raise DataError(f"{source} must hold pictures; there are none.")
    return np.stack(found)
