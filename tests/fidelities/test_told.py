"""What the predictor is told, against the networks and scores themselves."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mfsearch.errors import ConfigError, DataError, LimitReachedError
from mfsearch.fidelities.base import Context
from mfsearch.fidelities.live import LiveTask
from mfsearch.fidelities.teacher import TeacherResource
from mfsearch.fidelities.told import MISSING, Told, as_architecture
from mfsearch.fidelities.zero_cost import ZeroCost
from mfsearch.problems.digits import digits
from mfsearch.records import Json
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.spaces.resnet import ResNetSpace
from mfsearch.spaces.subset import SubsetSpace

SPACE = NASBench201Space()
CUT_OFF = SPACE.canonical(SPACE.parse("|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|none~0|none~1|none~2|"))


def context(folder: Path, limit: float = math.inf) -> Context:
    return Context(0, limit, folder)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> LiveTask:
    """Students with all of the teacher's channels."""
    home = tmp_path_factory.mktemp("home")
    rung = digits(home, train=64, epochs=3, val=100, test=100).ladder["proxies"]
    assert isinstance(rung, ZeroCost)
    teacher: dict[str, Json] = {"channels": 8, "training": {"epochs": 1}}
    found = replace(rung.live, task=replace(rung.live.task, teacher=teacher, network={**rung.live.task.network, "channels": 8}))
    TeacherResource(found, 1.0).prepare(context(home))
    return found


def test_the_teachers_own_cell_is_told_as_the_teacher(live: LiveTask, tmp_path: Path) -> None:
    told = Told(live, 40, ["params", "synflow"])
    own = as_architecture(live.teacher_recipe)
    students, support = told.students([own], context(tmp_path)), told.support
    torch.testing.assert_close(students.signatures, support.itself.signatures)
    assert torch.equal(students.encodings, support.itself.encodings)
    torch.testing.assert_close(students.scores, support.itself.scores, rtol=0, atol=1e-5)
    assert float(support.accuracy) == pytest.approx(live.teacher.val_accuracy / 100)
    assert students.signatures.shape == (1, 40, 4, 4) and not students.signatures[:, 32:].any()


def test_scores_are_logarithms_of_ratios(live: LiveTask, tmp_path: Path) -> None:
    (some,) = SPACE.sample(1, np.random.default_rng(3))
    students = Told(live, 32, ["params", "nwot"]).students([some, CUT_OFF], context(tmp_path))
    own, (teacher,) = (
        ZeroCost("scores", ["params", "nwot"], live).score(cells, context(tmp_path)).values
        for cells in ([some, CUT_OFF], [SPACE.canonical(as_architecture(live.teacher_recipe))])
    )
    assert own[0][0] is not None and own[0][1] is not None and teacher[0] is not None and teacher[1] is not None
    ratios = [math.log1p(own[0][0]) - math.log1p(teacher[0]), math.log1p(own[0][1]) - math.log1p(teacher[1])]
    torch.testing.assert_close(students.scores[0], torch.tensor(ratios), rtol=0, atol=1e-4)
    assert own[1][1] is None and students.scores[1, 1] == MISSING


def test_signatures_do_not_show_that_the_network_was_scored(live: LiveTask, tmp_path: Path) -> None:
    """A forward pass in train mode moves the statistics that batch norms would use for the noise, where the teacher has none."""
    assert live.teacher_recipe.operations[3] == "skip_connect"  # the edge 3<-0
    some = [SPACE.parse("|none~0|+|none~0|none~1|+|nor_conv_3x3~0|nor_conv_3x3~1|none~2|")]
    plain, scored = (Told(live, 32, scores).students(some, context(tmp_path)) for scores in ((), ("jacov", "synflow")))
    assert plain.signatures.any()
    torch.testing.assert_close(plain.signatures, scored.signatures)


def test_neither_order_nor_part_of_the_space_matters(live: LiveTask, tmp_path: Path) -> None:
    some = list({a.key: a for a in SPACE.sample(4, np.random.default_rng(0))}.values())
    part = replace(live, space=SubsetSpace(SPACE, [a.key for a in some]))
    first = Told(live, 32).students(some, context(tmp_path))
    again = Told(part, 32).students(some[::-1], context(tmp_path))
    assert torch.equal(first.encodings.flip(0), again.encodings) and torch.equal(first.signatures.flip(0), again.signatures)
    assert first.scores.shape == (len(some), 0)


def test_residual_networks_and_their_teachers(live: LiveTask, tmp_path: Path) -> None:
    teacher: dict[str, Json] = {"channels": 4, "depths": [2, 1, 1, 1], "training": {"epochs": 1}}
    other = replace(live, space=ResNetSpace(), task=replace(live.task, network={"channels": 4}, teacher=teacher))
    TeacherResource(other, 1.0).prepare(context(tmp_path))
    own = as_architecture(other.teacher_recipe)
    assert own.key == "16,16|16|16|16"
    told = Told(other, 32)
    torch.testing.assert_close(told.students([own], context(tmp_path)).signatures, told.support.itself.signatures)
    mixed = replace(live, space=ResNetSpace(), task=replace(live.task, network={"channels": 4}))
    with pytest.raises(ConfigError, match="the teacher must be of the students' space 'resnet'"):
        Told(mixed, 32)


def test_what_cannot_be_told(live: LiveTask, tmp_path: Path) -> None:
    some = SPACE.sample(3, np.random.default_rng(0))
    with pytest.raises(LimitReachedError):
        Told(live, 32).students(some, context(tmp_path, limit=0.0))
    with pytest.raises(DataError, match="at most 16 channels"):
        Told(live, 16).students(some, context(tmp_path))
    with pytest.raises(ConfigError, match="proxies must be some of"):
        Told(live, 32, ["beauty"])
