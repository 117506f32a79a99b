"""Students that begin with their teacher's weights."""

import numpy as np
import pytest
import torch
from torch import nn

from mfsearch.networks.nasbench201 import OPERATIONS, NASBench201Network
from mfsearch.networks.remapping import remap
from mfsearch.networks.resnet import ResNet

TEACHER = ("nor_conv_3x3", "nor_conv_3x3", "nor_conv_3x3", "skip_connect", "nor_conv_3x3", "nor_conv_3x3")
CELLS = [TEACHER, *(tuple(OPERATIONS[i] for i in row) for row in np.random.default_rng(1).integers(5, size=(6, 6)))]


def worked_in(network):
    """Weights and statistics that are nobody's initial ones."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight, module.bias, module.running_mean):
                assert tensor is not None
                nn.init.normal_(tensor)
            assert module.running_var is not None
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    return network.double().eval()


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: "-".join(operation[-3:] for operation in cell))
def test_a_cell_equal_to_its_teacher_computes_the_same(cell):
    teacher, student = (worked_in(NASBench201Network(cell, 3, 5, 6, cells=2, reduction="residual")) for _ in range(2))
    images = torch.randn(4, 3, 8, 8, dtype=torch.float64)
    assert cell == ("none",) * 6 or not torch.allclose(student(images), teacher(images))
    remap(student, teacher)
    torch.testing.assert_close(student(images), teacher(images), rtol=0, atol=1e-12)


def test_a_residual_network_equal_to_its_teacher_computes_the_same():
    teacher, student = (worked_in(ResNet([[4, 3], [8], [12, 16], [20]], 3, 5, stem=4)) for _ in range(2))
    images = torch.randn(4, 3, 8, 8, dtype=torch.float64)
    assert not torch.allclose(student(images), teacher(images))
    remap(student, teacher)
    torch.testing.assert_close(student(images), teacher(images), rtol=0, atol=1e-12)


def test_a_smaller_residual_network_takes_the_first_of_everything():
    teacher, student = ResNet([[8, 8], [16, 16], [32], [64]], 3, 5, stem=8), ResNet([[4], [12, 10], [32], [33]], 3, 5, stem=8)
    remap(student, teacher)
    own, given = student.state_dict(), teacher.state_dict()
    assert torch.equal(own["stages.1.1.conv1.weight"], given["stages.1.1.conv1.weight"][:10, :12])
    assert torch.equal(own["stages.3.0.norm2.running_var"], given["stages.3.0.norm2.running_var"][:33])
    assert torch.equal(student.classifier.weight, teacher.classifier.weight[:, :33])
    assert torch.equal(student.classifier.bias, teacher.classifier.bias)


def test_edges_meet_whatever_else_the_cells_hold():
    """An edge's weights lie in different places of the merged convolutions of two cells."""
    wanted = ("nor_conv_3x3", "none", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3", "nor_conv_3x3")
    teacher = worked_in(NASBench201Network(TEACHER, 1, 3, 8, cells=1, reduction="light"))
    student = worked_in(NASBench201Network(wanted, 1, 3, 4, cells=1, reduction="light"))
    drawn = {name: piece.clone() for name, piece in student.pieces().items()}
    remap(student, teacher)
    own, given = student.pieces(), teacher.pieces()
    edge = "blocks.0.1<-0"
    assert torch.equal(own[f"{edge}.0.weight"], given[f"{edge}.0.weight"][:4, :4])
    assert torch.equal(own[f"{edge}.1.running_var"], given[f"{edge}.1.running_var"][:4])
    assert torch.equal(own["blocks.0.2<-1.0.weight"], given["blocks.0.2<-1.0.weight"][:4, :4, 1:2, 1:2])  # 1x1 from the middle
    # The teacher has a skip connection there.
    assert torch.equal(own["blocks.0.3<-0.0.weight"], drawn["blocks.0.3<-0.0.weight"])
    assert torch.equal(student.state_dict()["blocks.0.convolutions.node0_3x3.0.weight"][:4], own[f"{edge}.0.weight"])  # views


def test_a_larger_kernel_holds_the_teachers_in_its_middle():
    small = NASBench201Network(("nor_conv_1x1",) * 6, 1, 3, 4, cells=1, reduction="light")
    large = NASBench201Network(("nor_conv_3x3",) * 6, 1, 3, 4, cells=1, reduction="light")
    remap(large, small)
    images = torch.randn(2, 1, 8, 8)
    torch.testing.assert_close(large.eval()(images), small.eval()(images))
