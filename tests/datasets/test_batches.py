"""Batches in the official form, written here by pickle itself, as Python 2 and later ones have it."""

import collections
import os
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

from mfsearch.datasets.batches import read_cifar10, read_cifar100, read_imagenet16_120
from mfsearch.errors import DataError

RNG = np.random.default_rng(0)


def planes(images):
    """Rows of all red, all green, all blue."""
    return np.stack([np.concatenate([image[..., c].ravel() for c in range(3)]) for image in images])


def write(path: Path, images, labels, key="labels", protocol=2, as_bytes=True):
    name = str.encode if as_bytes else str
    path.write_bytes(pickle.dumps({name("data"): planes(images), name(key): labels, name("batch_label"): b"one"}, protocol))


def pictures(n, side=4):
    return RNG.integers(0, 256, (n, side, side, 3), dtype=np.uint8)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_cifar10(tmp_path: Path, protocol: int):
    train, test = [pictures(3) for _ in range(5)], pictures(2)
    for number, images in enumerate(train, start=1):
        write(tmp_path / f"data_batch_{number}", images, [0, number, 9], protocol=protocol, as_bytes=protocol != 4)
    write(tmp_path / "test_batch", test, [1, 2], protocol=protocol)
    found = read_cifar10(tmp_path)
    np.testing.assert_array_equal(found.train, np.concatenate(train))
    np.testing.assert_array_equal(found.test, test)
    assert found.train_labels[:6].tolist() == [0, 1, 9, 0, 2, 9] and found.test_labels.tolist() == [1, 2]
    assert found.classes == 10


def test_cifar100_has_fine_labels(tmp_path: Path):
    for name in ("train", "test"):
        write(tmp_path / name, pictures(3), [4, 99, 0], key="fine_labels")
    assert read_cifar100(tmp_path).train_labels.tolist() == [4, 99, 0]
    write(tmp_path / "test", pictures(3), [4, 99, 0], key="coarse_labels")
    with pytest.raises(DataError, match="must hold 'data', uint8 in rows, and 'fine_labels'; it holds data, coarse_labels"):
        read_cifar100(tmp_path)


def test_imagenet16_120_is_the_first_120_classes(tmp_path: Path):
    for number in range(1, 11):
        write(tmp_path / f"train_data_batch_{number}", pictures(3, 16), [1, 120, 121], protocol=4)
    write(tmp_path / "val_data", pictures(4, 16), np.array([1000, 7, 120, 500]), protocol=4)
    found = read_imagenet16_120(tmp_path)
    assert found.train.shape == (20, 16, 16, 3) and set(found.train_labels.tolist()) == {0, 119}
    assert found.test_labels.tolist() == [6, 119]


def test_missing_and_damaged_files_are_said(tmp_path: Path):
    write(tmp_path / "train", pictures(3), [0, 1, 2], key="fine_labels")
    with pytest.raises(DataError, match="must hold train, test; test is not there"):
        read_cifar100(tmp_path)
    (tmp_path / "test").write_bytes((tmp_path / "train").read_bytes()[:80])
    with pytest.raises(DataError, match="must be a whole pickled batch; reading it ended with"):
        read_cifar100(tmp_path)
    (tmp_path / "test").write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(DataError, match="must hold a dictionary with 'data' and 'fine_labels'; it holds list"):
        read_cifar100(tmp_path)
    write(tmp_path / "test", pictures(3), [0, 1, 2], key="fine_labels")
    (tmp_path / "test").write_bytes(pickle.dumps({"data": np.zeros((3, 47), np.uint8), "fine_labels": [0, 1, 2]}))
    with pytest.raises(DataError, match="rows must hold three square colours; got 47 numbers a row"):
        read_cifar100(tmp_path)


class Evil:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.mark.parametrize("evil", [Evil(os.system, "touch TOUCHED"), Evil(eval, "1"), collections.OrderedDict(a=1)])
def test_nothing_else_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, evil):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "train", pictures(3), [0, 1, 2], key="fine_labels")
    (tmp_path / "test").write_bytes(pickle.dumps({"data": evil, "fine_labels": [0]}, 2))
    with pytest.raises(DataError, match=r"must name nothing but a numpy array's parts; it names \S+, which is refused"):
        read_cifar100(tmp_path)
    assert not (tmp_path / "TOUCHED").exists()


def test_arrays_of_objects_are_refused(tmp_path: Path):
    write(tmp_path / "train", pictures(3), [0, 1, 2], key="fine_labels")
    hostile = np.empty((3, 48), dtype=object)
    hostile[:] = sys.maxsize
    (tmp_path / "test").write_bytes(pickle.dumps({"data": hostile, "fine_labels": [0, 1, 2]}, 2))
    with pytest.raises(DataError, match="must be a whole pickled batch; reading it ended with KeyError"):
        read_cifar100(tmp_path)
