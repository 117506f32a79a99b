"""Some classes, smaller pictures, greys, edges, quarter turns: against what other libraries make of them."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from mfsearch.datasets.arrays import Arrays
from mfsearch.datasets.views import VIEWS, greyed, of_classes, resized, viewed
from mfsearch.errors import DataError

DRAW = np.random.default_rng(0)
IMAGES = DRAW.integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
SOME = Arrays(IMAGES[:30], np.arange(30) % 5, IMAGES[30:], np.arange(10) % 5, Path("somewhere"))


def test_classes_are_numbered_anew_in_their_order():
    found = of_classes(SOME, [3, 1])
    assert found.classes == 2
    np.testing.assert_array_equal(found.train, SOME.train[np.isin(SOME.train_labels, [1, 3])])
    np.testing.assert_array_equal(found.train_labels, [1, 0] * 6)
    np.testing.assert_array_equal(found.test_labels, [1, 0] * 2)


@pytest.mark.parametrize("classes", [[], [1], [1, 1], [0, 5], [-1, 2]])
def test_wrong_classes_are_refused(classes):
    with pytest.raises(DataError, match="two or more numbers from 0 to 4, each once"):
        of_classes(SOME, classes)


def test_classes_without_pictures_are_refused():
    gap = Arrays(IMAGES[:4], np.array([0, 0, 9, 9]), IMAGES[4:8], np.array([0, 0, 9, 9]), Path("somewhere"))
    with pytest.raises(DataError, match="somewhere must have pictures of the classes"):
        of_classes(gap, [4, 5])


def test_smaller_pictures_are_means_of_what_they_cover():
    found = resized(SOME, 4)
    means = SOME.train.reshape(30, 4, 2, 4, 2, 3).astype(float).mean((2, 4))
    assert found.train.shape == (30, 4, 4, 3) and np.abs(found.train - means).max() <= 0.5
    np.testing.assert_array_equal(resized(SOME, 8).train, SOME.train)
    for size in (3, 9):
        with pytest.raises(DataError, match="size must be 4 to 8"):
            resized(SOME, size)


def test_greys_are_those_of_a_picture_library():
    image = pytest.importorskip("PIL.Image")
    found = greyed(SOME)
    theirs = np.stack([np.asarray(image.fromarray(picture).convert("L")) for picture in SOME.train])
    assert found.train.shape == (30, 8, 8, 1) and np.abs(found.train[..., 0].astype(int) - theirs).max() <= 1
    assert greyed(found) is found
    two = Arrays(IMAGES[:4, ..., :2], np.arange(4), IMAGES[4:8, ..., :2], np.arange(4), Path("somewhere"))
    with pytest.raises(DataError, match="somewhere has 2"):
        greyed(two)


def test_edges_are_what_scipy_finds():
    found = viewed(SOME, "edges")
    for picture, theirs in ((SOME.train[3], found.train[3]), (SOME.test[2], found.test[2])):
        for channel in range(3):
            plain = picture[..., channel].astype(float)
            length = np.hypot(*(ndimage.sobel(plain, axis, mode="nearest") for axis in (0, 1))) / 4
            assert np.abs(theirs[..., channel] - np.minimum(length, 255)).max() <= 0.5
    np.testing.assert_array_equal(found.train_labels, SOME.train_labels)


def test_a_quarter_turn_is_the_class():
    found = viewed(SOME, "turns")
    assert found.classes == 4 and set(found.train_labels) == {0, 1, 2, 3}
    for picture, turned, quarters in zip(SOME.train, found.train, found.train_labels, strict=True):
        np.testing.assert_array_equal(np.rot90(turned, -quarters), picture)
    np.testing.assert_array_equal(viewed(SOME, "turns").test_labels, found.test_labels)
    assert list(found.test_labels) != list(found.train_labels[:10])


def test_which_piece_was_pasted_is_the_class():
    found = viewed(SOME, "pieces")
    assert found.classes == SOME.classes and found.train.shape == SOME.train.shape
    first = [next(picture for picture, label in zip(SOME.train, SOME.train_labels, strict=True) if label == n) for n in range(5)]
    for before, after, label in zip(SOME.train, found.train, found.train_labels, strict=True):
        rows, columns = np.nonzero((before != after).any(-1))
        assert np.ptp(rows) <= 1 and np.ptp(columns) <= 1, "two pixels of eight either way"
        piece = after[rows.min() : rows.min() + 2, columns.min() : columns.min() + 2]
        np.testing.assert_array_equal(piece, first[label][3:5, 3:5])
    assert set(found.train_labels) == set(range(5)) and list(found.test_labels) != list(found.train_labels[:10])


def test_a_wrong_view_is_refused():
    with pytest.raises(DataError, match=f"view must be one of {', '.join(VIEWS)}; got 'upside'"):
        viewed(SOME, "upside")
    wide = Arrays(IMAGES[:4, :, :4], np.arange(4), IMAGES[4:8, :, :4], np.arange(4), Path("somewhere"))
    with pytest.raises(DataError, match="must be square to be turned; somewhere has"):
        viewed(wide, "turns")
