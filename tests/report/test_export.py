from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from mfsearch.errors import ConfigError
from mfsearch.records import Architecture, EvaluationQuery, Observation, Recommendation, Status, Task
from mfsearch.report.export import describe, export, weights_of, write_description, write_network
from mfsearch.spaces.base import AbstractSearchSpace
from mfsearch.spaces.box import BoxSpace
from mfsearch.spaces.constrained import ConstrainedSpace
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.spaces.resnet import ResNetSpace

TASK = Task("digits", (1, 16, 16), 10, network={"channels": 4, "cells": 1, "reduction": "light"})
SPACE = NASBench201Space()
CELL = SPACE.parse("|nor_conv_3x3~0|+|nor_conv_1x1~0|none~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_3x3~2|")

# Loads the exported model where every import of mfsearch fails, and writes its answers.
ELSEWHERE = """
import importlib.abc, sys
class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in ("mfsearch", "safetensors"):
            raise ImportError(name + " is not here")
sys.meta_path.insert(0, Blocked())
sys.path.insert(0, sys.argv[1])
import torch
from model import load
torch.set_num_threads(1)
network = load()
assert not network.training
images, = torch.load(sys.argv[2])
with torch.inference_mode():
    torch.save(network(images), sys.argv[3])
assert not any(name.split(".")[0] == "mfsearch" for name in sys.modules)
"""


def recommended(tmp_path: Path, space: AbstractSearchSpace, architecture: Architecture, task: Task) -> Recommendation:
    network = space.build(architecture, task)
    network(torch.randn(8, 1, 16, 16))  # moves the batch norms' statistics
    weights = tmp_path / "kept.safetensors"
    save_file(network.state_dict(), weights)
    query = EvaluationQuery(architecture, "kd", id=3)
    done = Observation(query, Status.OK, 5.0, 78.0, None, {"val_accuracy": 78.0}, artifacts={"weights": str(weights)})
    return Recommendation(architecture, 77.5, (76.0, 79.0), True, done)


@pytest.fixture
def trained(tmp_path: Path) -> Recommendation:
    return recommended(tmp_path, SPACE, CELL, TASK)


@pytest.mark.parametrize(
    ("space", "text", "task"),
    [(SPACE, CELL.key, TASK), (ResNetSpace(), "16,9|8|12,12|10", replace(TASK, network={"channels": 4}))],
    ids=["nasbench201", "resnet"],
)
def test_the_exported_model_answers_alike_without_mfsearch(tmp_path, space, text, task):
    folder = tmp_path / "out"
    folder.mkdir()
    architecture = space.parse(text)
    path = write_network(folder, "toy-1", recommended(tmp_path, space, architecture, task), space, task)
    assert path == folder / "weights.safetensors"
    images = torch.randn(6, 1, 16, 16)
    torch.save([images], tmp_path / "images.pt")
    arguments = [str(folder), str(tmp_path / "images.pt"), str(tmp_path / "logits.pt")]
    subprocess.run([sys.executable, "-I", "-c", ELSEWHERE, *arguments], check=True)
    network = space.build(architecture, task)
    network.load_state_dict(load_file(path))
    network = network.to(memory_format=torch.channels_last).eval()
    with torch.inference_mode():
        assert torch.equal(torch.load(tmp_path / "logits.pt"), network(images))


def test_the_description_says_how_the_network_is_built(tmp_path, trained):
    found = json.loads(write_description(tmp_path, describe("toy-1", trained, SPACE, TASK)).read_text())
    assert (found["architecture"], found["genotype"], found["rung"]) == (CELL.key, list(CELL.genotype), "kd")
    assert found["network"] == {
        "class": "NASBench201Network",
        "arguments": {
            "operations": list(CELL.genotype),
            "in_channels": 1,
            "classes": 10,
            "channels": 4,
            "cells": 1,
            "reduction": "light",
        },
    }


def test_a_constrained_space_exports_like_its_whole(tmp_path, trained):
    assert describe("toy-1", trained, ConstrainedSpace(SPACE, [], {}), TASK) == describe("toy-1", trained, SPACE, TASK)


def test_what_has_no_network_is_described_alone(tmp_path):
    space = BoxSpace("box", {"x": (0.0, 1.0)})
    found = Recommendation(space.architecture([0.5]), 1.0, (0.5, 1.5), False)
    assert export(tmp_path, "toy-1", found, space, None) is None
    assert [path.name for path in tmp_path.iterdir()] == ["architecture.json"]
    with pytest.raises(
        ConfigError, match=r"study 'toy-1' must have trained a network .*; networks of the space 'box' cannot be written out"
    ):
        write_network(tmp_path, "toy-1", found, space, None)


def test_weights_that_are_gone_are_none(tmp_path, trained):
    assert trained.observation is not None
    gone = replace(trained, observation=replace(trained.observation, artifacts={"weights": str(tmp_path / "gone")}))
    assert weights_of(gone) is None
    assert weights_of(replace(trained, observation=None)) is None
    with pytest.raises(ConfigError, match="its evaluations kept no weights"):
        write_network(tmp_path, "toy-1", gone, SPACE, TASK)
