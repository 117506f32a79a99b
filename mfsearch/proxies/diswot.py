"""How much an untrained student resembles an untrained teacher in what it makes of one minibatch."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional

from mfsearch.proxies.probe import Probe, Proxy
from mfsearch.proxies.reference import looks


def diswot(probe: Probe) -> float:
    """-(semantic + relation dissimilarity) of student and teacher, averaged over draws of both networks' weights.

    Semantic: mean over classes and channels of |E_S - E_T|^2, where E is the outer product of a class's classifier gradient g with
    itself, rows of unit length. Such rows are sign(g_i) g / |g|, so that the sum has a closed form and E is never formed.
    Relation: |A_S - A_T|^2 / n^2 of the images' similarities in the last feature map.

    Undefined without a teacher, where teacher and student end in different numbers of channels, and where nothing reaches the
    student's classifier.

    Source: Dong, Li and Wei, "DisWOT: Student Architecture Search for Distillation WithOut Training", CVPR 2023, sections 3.2, 3.3.
    """
    if probe.teacher is None:
        return math.nan
    pairs = list(zip(looks(probe.network, probe.images.detach(), probe.labels, probe.seed), probe.teacher.looks, strict=True))
    if any(s.classifier.shape != t.classifier.shape or not bool(s.classifier.any()) for s, t in pairs):
        return math.nan
    return -sum(semantic(s.classifier, t.classifier) + relation(s.relations, t.relations) for s, t in pairs) / len(pairs)


def semantic(student: Tensor, teacher: Tensor) -> float:
    """Mean over classes and channels of the squared distance of the normalised outer products, for gradients K x C."""
    own, other = student.double(), teacher.double()
    cosine = functional.cosine_similarity(own, other, dim=1, eps=0.0).nan_to_num(0.0).unsqueeze(1)
    rows = own.sign().abs() + other.sign().abs() - 2 * own.sign() * other.sign() * cosine
    return float(rows.mean())


def relation(student: Tensor, teacher: Tensor) -> float:
    """Mean squared difference of similarities n x n."""
    return float((student - teacher).square().mean())


DISWOT = Proxy("diswot", diswot, teacher=True)
