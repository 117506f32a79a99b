"""What a network makes of noise: how the predictor sees a teacher, and a student that has just got its teacher's weights."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from mfsearch.errors import DataError
from mfsearch.networks.base import AbstractFeatureNetwork
from mfsearch.networks.remapping import remap

NOISE_SEED = 0


def noise(input_shape: tuple[int, int, int]) -> Tensor:
    """The one picture that every network of an input shape (channels, height, width) is shown, 1 x channels x height x width."""
    return torch.randn(1, *input_shape, generator=torch.Generator().manual_seed(NOISE_SEED))


@torch.inference_mode()
def signature(network: AbstractFeatureNetwork, picture: Tensor, channels: int) -> Tensor:
    """The last feature map of a picture, channels x h x w; channels that the network lacks are 0. The network goes into eval mode.

    Raises:
        DataError: If the network has more channels.
    """
    last = network.eval().forward_features(picture)[-3][0]
    if len(last) > channels:
        raise DataError(f"a network must end in at most {channels} channels, as the predictor expects; got {len(last)}.")
    return functional.pad(last, (0, 0, 0, 0, 0, channels - len(last)))


def remapped_signature(
    student: AbstractFeatureNetwork, teacher: AbstractFeatureNetwork, picture: Tensor, channels: int
) -> Tensor:
    """A student's signature once it has its teacher's weights; what the teacher lacks is the student's own."""
    remap(student, teacher)
    return signature(student, picture, channels)


def relative(signatures: Tensor, teacher: Tensor) -> Tensor:
    """Signatures (n x C x h x w) in units of the teacher's (C x h x w) root mean square, large ones on a logarithmic scale.

    Weights that fit a teacher may blow up in a student that lacks what balanced them.
    """
    return torch.asinh(signatures / teacher.square().mean().sqrt().clamp_min(1e-12))
