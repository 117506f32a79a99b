"""The one minibatch that proxies see."""

from __future__ import annotations

import torch
from torch import Tensor

SIZE = 64


def minibatch(images: Tensor, labels: Tensor, seed: int, size: int = SIZE) -> tuple[Tensor, Tensor]:
    """Draw images without replacement, the same ones for the same seed; all of them where there are fewer than `size`."""
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(images), generator=generator)[:size].to(images.device)
    return images[chosen], labels[chosen]
