from __future__ import annotations

import torch
from torch import nn

from mfsearch.proxies.gaussian import last_map, redrawn


def network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 5))


def test_weights_are_standard_normal_and_the_original_stays() -> None:
    given = network()
    before = {name: value.clone() for name, value in given.state_dict().items()}
    found = redrawn(given, torch.Generator().manual_seed(1))
    again = redrawn(given, torch.Generator().manual_seed(1))
    expected = torch.randn(3, 2, 3, 3, generator=torch.Generator().manual_seed(1))
    assert torch.equal(found.state_dict()["0.weight"], expected)
    assert not found.state_dict()["0.bias"].any() and found.training
    assert all(torch.equal(a, b) for a, b in zip(found.parameters(), again.parameters(), strict=True))
    assert all(torch.equal(value, before[name]) for name, value in given.state_dict().items())


def test_the_last_map_is_the_one_before_pooling() -> None:
    model, images = network().eval(), torch.randn(4, 2, 6, 6)
    features, logits = last_map(model, images)
    torch.testing.assert_close(features, model[:3](images))
    torch.testing.assert_close(logits, model(images))
    assert not any(module._forward_hooks for module in model.modules())
