"""A training run as it stands between two epochs, so that a longer one can go on from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from mfsearch.datasets.storage import write_atomically
from mfsearch.errors import DataError

_MOMENTUM, _ORDER = "momentum", "order"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Where a run stood.

    Attributes:
        epoch: Epochs that were done.
        seed: The run's seed.
        alike: All that the two runs must share, as text.
        losses: Mean loss of each epoch.
        accuracies: Percent right in each epoch.
        tensors: Weights, momenta, and the state of the generator that orders the pictures.
    """

    epoch: int
    seed: int
    alike: str
    losses: tuple[float, ...]
    accuracies: tuple[float, ...]
    tensors: Mapping[str, Tensor]


def taken(
    epoch: int,
    seed: int,
    alike: str,
    losses: tuple[float, ...],
    accuracies: tuple[float, ...],
    modules: Mapping[str, nn.Module],
    optimiser: torch.optim.Optimizer,
    order: torch.Generator,
) -> Checkpoint:
    """A checkpoint of a run between two epochs; arguments as the attributes, and what the tensors are taken from."""
    tensors = {f"{part}.{name}": value for part, module in modules.items() for name, value in module.state_dict().items()}
    for index, weight in enumerate(optimiser.param_groups[0]["params"]):
        if (buffer := optimiser.state.get(weight, {}).get("momentum_buffer")) is not None:
            tensors[f"{_MOMENTUM}.{index}"] = buffer
    copies = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    return Checkpoint(epoch, seed, alike, losses, accuracies, {**copies, _ORDER: order.get_state()})


def restore(
    checkpoint: Checkpoint, modules: Mapping[str, nn.Module], optimiser: torch.optim.Optimizer, order: torch.Generator
) -> None:
    """Bring a fresh run to where the checkpoint was taken.

    Raises:
        DataError: If it is of another network.
    """
    try:
        for part, module in modules.items():
            own = {name.removeprefix(f"{part}."): t for name, t in checkpoint.tensors.items() if name.startswith(f"{part}.")}
            module.load_state_dict(own)
        for index, weight in enumerate(optimiser.param_groups[0]["params"]):
            if (buffer := checkpoint.tensors.get(f"{_MOMENTUM}.{index}")) is not None:
                optimiser.state[weight]["momentum_buffer"] = torch.empty_like(weight).copy_(buffer)
        order.set_state(checkpoint.tensors[_ORDER])
    except (RuntimeError, KeyError) as error:
        raise DataError(f"a checkpoint must be of the network that goes on; {str(error).splitlines()[0]}. Train anew.") from None


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write in one piece."""
    about = {
        "epoch": checkpoint.epoch,
        "seed": checkpoint.seed,
        "alike": checkpoint.alike,
        "losses": checkpoint.losses,
        "accuracies": checkpoint.accuracies,
    }
    write_atomically(path, save(dict(checkpoint.tensors), {"checkpoint": json.dumps(about)}))


def load_checkpoint(path: Path) -> Checkpoint:
    """Read.

    Raises:
        DataError: If it is not there, or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})["checkpoint"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
        losses, accuracies = (tuple(map(float, about[name])) for name in ("losses", "accuracies"))
        return Checkpoint(int(about["epoch"]), int(about["seed"]), str(about["alike"]), losses, accuracies, tensors)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"a checkpoint must be a whole safetensors file of ours; {path} is not ({reason}). Train anew.") from None
