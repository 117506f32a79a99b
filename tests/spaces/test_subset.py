from __future__ import annotations

import numpy as np
import pytest

from mfsearch.errors import SpaceError
from mfsearch.records import Task
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.spaces.subset import NEIGHBOURS, SubsetSpace

WHOLE = NASBench201Space()
EVERY = WHOLE.enumerate()
FEW = [EVERY[int(row)].key for row in np.random.default_rng(0).permutation(len(EVERY))[:200]]
TASK = Task("cifar10", (3, 32, 32), 10)


def test_members_alone_are_drawn_listed_and_read():
    part = SubsetSpace(WHOLE, FEW)
    assert [a.key for a in part.enumerate()] == FEW
    drawn = {a.key for a in part.sample(2000, np.random.default_rng(0))}
    assert drawn == set(FEW)
    # Any member of a class means its representative, as in the whole.
    twin = next(member for a in part.enumerate() for member in WHOLE.members(a)[1:])
    assert part.parse(twin.key) == WHOLE.canonical(twin)
    foreign = next(a for a in EVERY if a.key not in set(FEW))
    with pytest.raises(SpaceError, match="one of the 200 that were measured; got"):
        part.parse(foreign.key)


def test_neighbours_are_those_of_the_whole_and_then_the_nearest():
    part = SubsetSpace(WHOLE, FEW)
    members = set(FEW)
    for architecture in part.enumerate()[:20]:
        found = part.neighbours(architecture)
        near = [n for n in WHOLE.neighbours(architecture) if n.key in members]
        assert found[: len(near)] == near and architecture not in found
        assert len(found) == max(NEIGHBOURS, len(near)) == len({n.key for n in found})
        rest = [a for a in part.enumerate() if a not in found and a != architecture]
        own = WHOLE.encode([architecture])
        far = [float(np.linalg.norm(WHOLE.encode([a]) - own)) for a in rest]
        filled = [float(np.linalg.norm(WHOLE.encode([a]) - own)) for a in found[len(near) :]]
        assert not filled or max(filled) <= min(far) + 1e-9


def test_encodings_and_networks_are_those_of_the_whole():
    part = SubsetSpace(WHOLE, FEW)
    some = part.enumerate()[:3]
    np.testing.assert_array_equal(part.encode(some), WHOLE.encode(some))
    assert part.layout == WHOLE.layout and part.counts(some[0], TASK) == WHOLE.counts(some[0], TASK)
    assert type(part.build(some[0], TASK)) is type(WHOLE.build(some[0], TASK))


@pytest.mark.parametrize(
    ("keys", "message"),
    [([], "must hold one architecture at least"), ([FEW[0], FEW[1], FEW[0]], "must come once; got"), (["x"], "in .x.")],
)
def test_what_is_no_part_is_refused(keys: list[str], message: str):
    with pytest.raises(SpaceError, match=message):
        SubsetSpace(WHOLE, keys)


def test_the_nearest_member_stands_for_what_is_none():
    part = SubsetSpace(WHOLE, FEW)
    rng = np.random.default_rng(1)
    for foreign in [EVERY[int(row)] for row in rng.integers(len(EVERY), size=30)]:
        near = part.nearest(foreign)
        distances = [float(np.linalg.norm(WHOLE.encode([a]) - WHOLE.encode([foreign]))) for a in part.enumerate()]
        assert near == part.enumerate()[int(np.argmin(distances))]
    twin = next(member for a in part.enumerate() for member in WHOLE.members(a)[1:])
    assert part.nearest(twin) == WHOLE.canonical(twin)
