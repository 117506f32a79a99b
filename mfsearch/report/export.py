"""The recommended architecture as files: a description in JSON, its weights, and a module that needs nothing but PyTorch."""

from __future__ import annotations

import json
import pprint
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from mfsearch.errors import ConfigError
from mfsearch.networks.nasbench201 import NASBench201Network
from mfsearch.networks.resnet import ResNet
from mfsearch.records import Recommendation, Task
from mfsearch.report.source import standalone_source
from mfsearch.spaces.base import AbstractSearchSpace
from mfsearch.spaces.constrained import ConstrainedSpace
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.spaces.resnet import ResNetSpace, full_width, widths_of

WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class _Network:
    """A class that stands alone but for PyTorch, and the arguments that an architecture's network is made with."""

    made_by: type[nn.Module]
    arguments: dict[str, Any]

    @property
    def name(self) -> str:
        return self.made_by.__name__


_HEAD = '''"""{cls} of the mfsearch study {study}, with its trained weights.

Generated. It needs PyTorch alone:

    from model import load
    logits = load()(images)  # images: n x {channels} x {height} x {width}, float32, prepared as in the study

Its source is part of mfsearch, licensed under the Apache License, Version 2.0.
"""

'''

_LOAD = '''

# What follows loads the trained weights.
import json
from pathlib import Path

import torch

ARGUMENTS = {arguments}

_DTYPES = {{"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64, "I32": torch.int32}}


def read_weights(path):
    """Tensors of a safetensors file, by name: 8 bytes with the length of a JSON header, the header, the data."""
    content = Path(path).read_bytes()
    begin = 8 + int.from_bytes(content[:8], "little")
    tensors = {{}}
    for name, entry in json.loads(content[8:begin]).items():
        if name != "__metadata__":
            first, last = (begin + offset for offset in entry["data_offsets"])
            data = torch.frombuffer(bytearray(content[first:last]), dtype=_DTYPES[entry["dtype"]])
            tensors[name] = data.reshape(entry["shape"])
    return tensors


def load(folder=None):
    """The trained network, ready to classify.

    Args:
        folder: Where `{weights}` is; beside this file unless given.
    """
    network = {cls}(**ARGUMENTS)
    network.load_state_dict(read_weights(Path(folder or Path(__file__).parent) / "{weights}"))
    return network.to(memory_format=torch.channels_last).eval()
'''


def describe(study: str, recommendation: Recommendation, space: AbstractSearchSpace, task: Task | None) -> dict[str, Any]:
    """The recommended architecture as JSON: what it is, and how its network is built where there is one."""
    observation = recommendation.observation
    return {
        "study": study,
        "space": space.name,
        "architecture": recommendation.architecture.key,
        "genotype": list(recommendation.architecture.genotype),
        "expected": recommendation.mean,
        "interval": list(recommendation.interval),
        "evaluated_at_target": recommendation.evaluated_at_target,
        "rung": None if observation is None else observation.query.rung,
        "measured": {} if observation is None else dict(observation.values),
        "network": None
        if (network := _network(recommendation, space, task)) is None
        else {"class": network.name, "arguments": network.arguments},
    }


def write_description(folder: Path, description: Mapping[str, Any]) -> Path:
    """Write `architecture.json`; its path."""
    path = folder / "architecture.json"
    path.write_text(json.dumps(description, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def write_network(
    folder: Path, study: str, recommendation: Recommendation, space: AbstractSearchSpace, task: Task | None
) -> Path:
    """Write the weights and `model.py`, a module that loads them with PyTorch alone; the path of the weights.

    Raises:
        ConfigError: If the study trained no network, its weights are gone, or networks of this space cannot be exported.
    """
    weights = weights_of(recommendation)
    network = _network(recommendation, space, task)
    if weights is None or network is None or task is None:
        what = "its evaluations kept no weights" if network else f"networks of the space {space.name!r} cannot be written out"
        raise ConfigError(f"study {study!r} must have trained a network to be exported to PyTorch; {what}. Use --format json.")
    shutil.copyfile(weights, folder / WEIGHTS)
    channels, height, width = task.input_shape
    head = _HEAD.format(cls=network.name, study=study, channels=channels, height=height, width=width)
    tail = _LOAD.format(arguments=pprint.pformat(network.arguments, sort_dicts=False), cls=network.name, weights=WEIGHTS)
    (folder / "model.py").write_text(head + standalone_source(network.made_by.__module__) + tail, encoding="utf-8")
    return folder / WEIGHTS


def export(
    folder: Path, study: str, recommendation: Recommendation, space: AbstractSearchSpace, task: Task | None
) -> Path | None:
    """Write all that there is: the description, and the network where one was trained; the path of its weights."""
    write_description(folder, describe(study, recommendation, space, task))
    if weights_of(recommendation) is None or _network(recommendation, space, task) is None:
        return None
    return write_network(folder, study, recommendation, space, task)


def weights_of(recommendation: Recommendation) -> Path | None:
    """The weights of the recommended architecture, trained at the highest rung it reached; None where there are none."""
    observation = recommendation.observation
    written = None if observation is None else observation.artifacts.get("weights")
    return Path(written) if written is not None and Path(written).is_file() else None


def _network(recommendation: Recommendation, space: AbstractSearchSpace, task: Task | None) -> _Network | None:
    """None where the space describes no network that stands alone."""
    whole = space.whole if isinstance(space, ConstrainedSpace) else space
    if task is None:
        return None
    shape = {"in_channels": task.input_shape[0], "classes": task.classes}
    architecture = recommendation.architecture
    if isinstance(whole, NASBench201Space):
        return _Network(NASBench201Network, {"operations": list(architecture.genotype), **shape, **task.network})
    if isinstance(whole, ResNetSpace):
        full = full_width(task)
        return _Network(ResNet, {"widths": widths_of(architecture, full), **shape, "stem": full})
    return None
