"""How networks are seen through one noise picture."""

import pytest
import torch

from mfsearch.errors import DataError
from mfsearch.metaprediction.signature import noise, relative, remapped_signature, signature
from mfsearch.networks.nasbench201 import NASBench201Network

TEACHER = ("nor_conv_3x3", "nor_conv_3x3", "nor_conv_3x3", "skip_connect", "nor_conv_3x3", "nor_conv_3x3")


def network(channels=4, cell=TEACHER):
    return NASBench201Network(cell, 1, 3, channels, cells=1, reduction="light")


def test_the_picture_is_always_the_same():
    assert torch.equal(noise((1, 8, 8)), noise((1, 8, 8)))
    assert noise((3, 8, 16)).shape == (1, 3, 8, 16)


def test_a_signature_is_the_last_map_filled_up_with_zeros():
    some = network()
    found = signature(some.train(), noise((1, 8, 8)), 20)
    assert not some.training
    torch.testing.assert_close(found[:16], some.forward_features(noise((1, 8, 8)))[-3][0].detach())
    assert found.shape == (20, 2, 2) and not found[16:].any()


def test_a_network_with_more_channels_is_refused():
    with pytest.raises(DataError, match="at most 8 channels, as the predictor expects; got 16"):
        signature(network(), noise((1, 8, 8)), 8)


def test_a_student_equal_to_its_teacher_has_its_signature():
    teacher, picture = network(), noise((1, 8, 8))
    torch.testing.assert_close(remapped_signature(network(), teacher, picture, 16), signature(teacher, picture, 16))
    other = network(cell=("skip_connect",) * 6)
    assert not torch.allclose(remapped_signature(other, teacher, picture, 16), signature(teacher, picture, 16))


def test_relative_to_the_teacher():
    maps = torch.tensor([3.0, -3.0, 0.0, 3.0, 3.0, -3.0, -3.0, 3.0]).view(2, 2, 2)
    unit = torch.tensor(7.0).div(8).sqrt()  # root mean square of the teacher's is 3 times this
    torch.testing.assert_close(relative(torch.stack([maps, 2 * maps]), 5 * maps)[1], torch.asinh(2 * maps / (15 * unit)))
    assert torch.isfinite(relative(maps[None], torch.zeros(2, 2, 2))).all()
