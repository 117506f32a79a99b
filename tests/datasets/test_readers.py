"""Every form in which data sets are passed around; real files of other people's where they are at hand."""

import io
import os
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mfsearch.datasets.readers import read_arrays
from mfsearch.errors import ConfigError, DataError

RNG = np.random.default_rng(0)
DATA = os.environ.get("MFSEARCH_DATA")


def png(pixels) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def pictures(n, side=5):
    return RNG.integers(0, 256, (n, side, side, 3), dtype=np.uint8)


def test_npz(tmp_path: Path):
    path = tmp_path / "set.npz"
    train, test = pictures(4), pictures(2)
    np.savez(path, x_train=train, y_train=np.array([[0], [1], [2], [0]]), x_test=test, y_test=np.array([1, 2]))
    found = read_arrays(path)
    np.testing.assert_array_equal(found.train, train)
    assert found.train_labels.tolist() == [0, 1, 2, 0]
    np.savez(path, x_train=train[..., 0], y_train=[0, 1, 2, 0], x_test=test[..., 0], y_test=[1, 2])
    assert read_arrays(path).train.shape == (4, 5, 5, 1)


@pytest.mark.parametrize("wrap", [lambda content: content, lambda content: {"bytes": content, "path": None}])
def test_parquet_in_parts(tmp_path: Path, wrap):
    """Plain bytes, or Hugging Face's records; PNG loses nothing, so that what comes out is what went in."""
    images = {"train-00000": pictures(3), "train-00001": pictures(2), "test-00000": pictures(2)}
    for name, pixels in images.items():
        table = pa.table({"image": [wrap(png(p)) for p in pixels], "label": list(range(len(pixels)))})
        pq.write_table(table, tmp_path / f"{name}.parquet")
    found = read_arrays(tmp_path)
    np.testing.assert_array_equal(found.train, np.concatenate([images["train-00000"], images["train-00001"]]))
    np.testing.assert_array_equal(found.test, images["test-00000"])
    assert found.train_labels.tolist() == [0, 1, 2, 0, 1]


def test_folders(tmp_path: Path):
    images = pictures(3)
    for split in ("train", "test"):
        for name, pixels in zip(("ant", "bee", "cow"), images, strict=True):
            folder = tmp_path / split / name
            folder.mkdir(parents=True)
            (folder / "1.PNG").write_bytes(png(pixels))
            (folder / "notes.txt").write_text("not a picture")
    found = read_arrays(tmp_path)
    np.testing.assert_array_equal(found.train, images)
    assert found.test_labels.tolist() == [0, 1, 2]
    (tmp_path / "test" / "cow").rename(tmp_path / "test" / "dog")
    with pytest.raises(DataError, match="same folders, one a class; got ant, bee, cow and ant, bee, dog"):
        read_arrays(tmp_path)


def test_what_is_wrong_is_said(tmp_path: Path):
    with pytest.raises(DataError, match=r"a data set must be a folder with CIFAR-10's.*nowhere is not there"):
        read_arrays(tmp_path / "nowhere")
    with pytest.raises(DataError, match="is none of these"):
        read_arrays(tmp_path)
    path = tmp_path / "set.npz"
    np.savez(path, x_train=pictures(2))
    with pytest.raises(DataError, match="it lacks y_train, x_test, y_test"):
        read_arrays(path)
    np.savez(path, x_train=np.array([object()]), y_train=[0], x_test=[0], y_test=[0])
    with pytest.raises(DataError, match=r"must be a whole \.npz of plain numbers"):
        read_arrays(path)
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"must be a whole \.npz of plain numbers"):
        read_arrays(path)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([b"no picture"], "picture 0 must be a whole PNG or JPEG; it cannot be decoded"),
        ([png(pictures(1)[0]), png(pictures(1)[0])[:60]], "picture 1 must be a whole PNG or JPEG"),
        ([png(pictures(1)[0]), png(pictures(1, 6)[0])], r"must have one size; the first has \(5, 5\), picture 1 \(6, 6\)"),
        ([None], "picture 0 must be a whole PNG or JPEG"),
    ],
)
def test_broken_pictures_are_named(tmp_path: Path, images, message):
    for split in ("train", "test"):
        pq.write_table(
            pa.table({"image": pa.array(images, pa.binary()), "label": [0] * len(images)}), tmp_path / f"{split}.parquet"
        )
    with pytest.raises(DataError, match=message):
        read_arrays(tmp_path)
    pq.write_table(pa.table({"picture": images}), tmp_path / "train.parquet")
    with pytest.raises(DataError, match="must be Parquet with the columns 'image' and 'label'"):
        read_arrays(tmp_path)


def test_without_pillow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for split in ("train", "test"):
        pq.write_table(pa.table({"image": [png(pictures(1)[0])], "label": [0]}), tmp_path / f"{split}.parquet")
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(ConfigError, match=r"pip install 'mfsearch\[images\]'"):
        read_arrays(tmp_path)


@pytest.mark.skipif(DATA is None, reason="needs MFSEARCH_DATA")
def test_real_pictures(tmp_path: Path):
    """CIFAR-10 (JPEG) as Parquet and, decoded by somebody else, as an .npz: the same pictures."""
    assert DATA is not None
    table = pq.read_table(Path(DATA) / "cifar10_jpeg_test.parquet")
    pq.write_table(table.slice(0, 300), tmp_path / "part-test.parquet")
    pq.write_table(table.slice(300, 200), tmp_path / "part-train.parquet")
    found, other = read_arrays(tmp_path), read_arrays(Path(DATA) / "cifar10_jpeg_5000_1000.npz")
    assert found.test.shape == (300, 32, 32, 3) and found.classes == 10
    assert other.train.shape == (5000, 32, 32, 3) and other.test.shape == (1000, 32, 32, 3)
    known = {picture.tobytes() for picture in np.concatenate([found.test, found.train])}
    hits = sum(picture.tobytes() in known for picture in other.test)
    assert hits > 20  # a twentieth of the test pictures is decoded here, 1,000 of 10,000 were drawn there
