"""Random windows and mirrors, many pictures at once, wherever the pictures are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True, eq=False)
class Distortion:
    """What is done to training pictures, anew in every epoch.

    Attributes:
        crop: Pixels of border from which a window of the picture's size is cut; 0 for none.
        flip: Whether every second picture is mirrored.
        border: The border's value a channel, channels x 1 x 1.
    """

    crop: int
    flip: bool
    border: Tensor

    def __call__(self, images: Tensor, rng: np.random.Generator) -> Tensor:
        """Distort images n x channels x height x width, on their own device; what is drawn does not depend on it."""
        n, _, height, width = images.shape
        if self.flip:
            mirrored = torch.from_numpy(rng.random(n) < 0.5).to(images.device)
            images = torch.where(mirrored.view(-1, 1, 1, 1), images.flip(3), images)
        if not self.crop:
            return images.clone()
        border = self.border.to(images.device)
        padded = F.pad(images - border, (self.crop,) * 4) + border
        top, left = (torch.from_numpy(rng.integers(0, 2 * self.crop + 1, n)).to(images.device) for _ in range(2))
        rows = top[:, None] + torch.arange(height, device=images.device)
        columns = left[:, None] + torch.arange(width, device=images.device)
        every = torch.arange(n, device=images.device)[:, None, None]
        window = padded[every, :, rows[:, :, None], columns[:, None, :]]
        return window.permute(0, 3, 1, 2).contiguous()
