from __future__ import annotations

import torch

from mfsearch.proxies.minibatch import minibatch


def test_draws_pairs_without_replacement() -> None:
    images, labels = torch.arange(100.0).reshape(100, 1, 1, 1), torch.arange(100)
    x, y = minibatch(images, labels, seed=3, size=40)
    assert torch.equal(x.flatten().long(), y)
    assert len(set(y.tolist())) == 40
    assert torch.equal(y, minibatch(images, labels, seed=3, size=40)[1])
    assert not torch.equal(y, minibatch(images, labels, seed=4, size=40)[1])
    assert len(minibatch(images, labels, seed=3)[0]) == 64


def test_takes_all_where_there_are_few() -> None:
    assert sorted(minibatch(torch.zeros(5, 1, 1, 1), torch.arange(5), seed=0)[1].tolist()) == [0, 1, 2, 3, 4]


def test_leaves_the_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    minibatch(torch.zeros(5, 1, 1, 1), torch.arange(5), seed=0)
    assert torch.equal(before, torch.random.get_rng_state())
