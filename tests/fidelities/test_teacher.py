import math
from pathlib import Path

import pytest

from mfsearch.errors import LimitReachedError
from mfsearch.fidelities.base import Context
from mfsearch.fidelities.live import LiveTask
from mfsearch.fidelities.teacher import TeacherResource
from mfsearch.records import Task
from mfsearch.spaces.nasbench201 import NASBench201Space

TASK = Task(
    "digits",
    (1, 16, 16),
    10,
    {"epochs": 1, "train": 64, "val": 50, "test": 40},
    {"channels": 4, "cells": 1, "reduction": "light"},
    {"channels": 4, "training": {"epochs": 1}, "feature_epochs": 1},
)


@pytest.fixture
def resource(tmp_path: Path):
    return TeacherResource(LiveTask(NASBench201Space(), TASK, tmp_path), 12.0)


def context(path: Path, limit: float = math.inf):
    return Context(0, limit, path)


def test_is_paid_for_once(resource, tmp_path: Path):
    assert resource.expected_cost() == 12.0
    first = resource.prepare(context(tmp_path))
    assert first.seconds > 0
    assert first.original_seconds == pytest.approx(first.seconds, rel=0.2, abs=0.1)
    assert resource.expected_cost() == 0.0
    second = resource.prepare(context(tmp_path))
    assert (second.seconds, second.original_seconds) == (0.0, first.original_seconds)
    assert "validation accuracy, from the cache" in second.details
    assert resource.live.teacher.seconds == first.original_seconds


def test_damaged_one_is_made_again(resource, tmp_path: Path):
    resource.prepare(context(tmp_path))
    resource.live.teacher_files.tensors.write_bytes(b"")
    assert resource.prepare(context(tmp_path)).seconds > 0


def test_limit_holds(resource, tmp_path: Path):
    with pytest.raises(LimitReachedError):
        resource.prepare(context(tmp_path, limit=0.0))
    assert resource.expected_cost() == 12.0


def test_key_is_the_files(resource):
    assert resource.key in resource.live.teacher_files.tensors.name
