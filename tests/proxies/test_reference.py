from __future__ import annotations

from typing import Any

import torch

from mfsearch.proxies.reference import SEEDS, Reference, looks


def test_the_teacher_is_looked_at_once(case: Any) -> None:
    reference = Reference(case.network(), case.images, case.labels, seed=3)
    assert reference.looks is reference.looks
    own = looks(case.network(), case.images, case.labels, 3)
    assert len(own) == SEEDS
    for one, other in zip(reference.looks, own, strict=True):
        assert torch.equal(one.classifier, other.classifier) and torch.equal(one.relations, other.relations)


def test_trained_weights_do_not_matter_and_draws_differ(case: Any) -> None:
    trained = case.network()
    with torch.no_grad():
        for weight in trained.parameters():
            weight.mul_(3.0)
    first, second, *_ = looks(trained, case.images, case.labels, 0)
    (same, *_) = looks(case.network(), case.images, case.labels, 0)
    assert torch.equal(first.classifier, same.classifier) and not torch.equal(first.classifier, second.classifier)


def test_similarities_have_rows_of_unit_length(case: Any) -> None:
    for look in looks(case.network(), case.images, case.labels, 0):
        torch.testing.assert_close(look.relations.norm(dim=1), torch.ones(len(case.images), dtype=torch.float64))
        assert look.classifier.shape[0] == case.classes
