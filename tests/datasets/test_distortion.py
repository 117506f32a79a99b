from __future__ import annotations

import numpy as np
import pytest
import torch

from mfsearch.datasets.distortion import Distortion

IMAGES = torch.arange(1.0, 6 * 2 * 5 * 4 + 1).view(6, 2, 5, 4)


def test_every_picture_is_a_window_of_itself_or_its_mirror_with_a_border():
    border = torch.tensor([-1.0, -2.0]).view(2, 1, 1)
    moved = Distortion(2, True, border)(IMAGES, np.random.default_rng(0))
    draw = np.random.default_rng(0)
    mirrored = draw.random(6) < 0.5
    top, left = draw.integers(0, 5, 6), draw.integers(0, 5, 6)
    assert 0 < mirrored.sum() < 6
    for i in range(6):
        source = IMAGES[i].numpy()[:, :, ::-1] if mirrored[i] else IMAGES[i].numpy()
        padded = np.stack([np.pad(plane, 2, constant_values=value) for plane, value in zip(source, (-1.0, -2.0), strict=True)])
        window = padded[:, top[i] : top[i] + 5, left[i] : left[i] + 4]
        np.testing.assert_allclose(moved[i].numpy(), window)


@pytest.mark.parametrize("flip", [True, False])
def test_without_crop_pictures_stay_where_they_are(flip: bool):
    moved = Distortion(0, flip, torch.zeros(2, 1, 1))(IMAGES, np.random.default_rng(1))
    same = [torch.equal(moved[i], IMAGES[i]) for i in range(6)]
    mirrored = [torch.equal(moved[i], IMAGES[i].flip(2)) for i in range(6)]
    assert all(a or b for a, b in zip(same, mirrored, strict=True)) and all(same) is not flip
    assert moved.data_ptr() != IMAGES.data_ptr(), "a copy, whoever changes it"
