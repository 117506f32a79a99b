"""A learned predictor as a file: safetensors, with what it is and where it comes from as JSON in the header."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from mfsearch.datasets.storage import write_atomically
from mfsearch.errors import DataError
from mfsearch.metaprediction.learning import Learned
from mfsearch.metaprediction.predictor import Predictor

FORMAT: Final = 2
_KEY: Final = "mfsearch.metaprediction"


@dataclass(frozen=True)
class About:
    """What a predictor expects, and where it comes from.

    Attributes:
        space: Name of the search space.
        encoded: Columns of the encodings.
        channels: Channels of the signatures.
        scores: Names of the scores that it is told, in order.
        width: Of its layers.
        anchors: Students that its regression compares with.
        card: Model card, as JSON: data, tasks, recipe, correlations, limits.
    """

    space: str
    encoded: int
    channels: int
    scores: tuple[str, ...] = ()
    width: int = 64
    anchors: int = 0
    card: Mapping[str, Any] = field(default_factory=dict)

    def model(self) -> Predictor:
        """The network that these figures describe; its weights are not drawn, they come from the file."""
        with torch.random.fork_rng():
            return Predictor(self.encoded, self.channels, len(self.scores), self.width, self.anchors)


def write_predictor(path: Path, learned: Learned, about: About) -> None:
    """Write a predictor.

    Raises:
        OSError: If the folder cannot be written.
    """
    tensors = {f"weights.{name}": weight for name, weight in learned.weights.items()}
    tensors |= {f"rates.{name}": rate for name, rate in (learned.rates or {}).items()}
    tensors |= {f"units.{name}": tensor for name, tensor in learned.model.named_buffers()}
    validation = None if math.isnan(learned.validation) else learned.validation
    header = {"format": FORMAT, "about": asdict(about), "episode": learned.episode, "validation": validation}
    metadata = {_KEY: json.dumps(header, sort_keys=True)}
    write_atomically(path, save({name: tensor.float().contiguous() for name, tensor in tensors.items()}, metadata))


def read_predictor(path: Path) -> tuple[Learned, About]:
    """Read a predictor.

    Raises:
        DataError: If there is none, or it is damaged, or of another version.
    """
    tensors: dict[str, Tensor] = {}
    try:
        with safe_open(path, "pt") as file:
            header = json.loads((file.metadata() or {})[_KEY])
            for name in file.keys():  # noqa: SIM118  # not a mapping
                tensors[name] = file.get_tensor(name)
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise DataError(
            f"a predictor must be a file that 'mfsearch meta-train' wrote; {path} is none ({type(error).__name__}: {error})."
        ) from None
    if header.get("format") != FORMAT:
        raise DataError(
            f"{path} must have format {FORMAT}; got {header.get('format')!r}. Train it with this version of mfsearch."
        )
    try:
        about = About(**{**header["about"], "scores": tuple(header["about"]["scores"])})
        model = about.model()
        shapes = {name: weight.shape for name, weight in model.named_parameters()}
        weights = {name: tensors[f"weights.{name}"] for name in shapes}
        adapts = any(name.startswith("rates.") for name in tensors)
        rates = {name: tensors[f"rates.{name}"] for name in shapes} if adapts else None
        model.load_state_dict({name: tensors[f"units.{name}"] for name, _ in model.named_buffers()}, strict=False)
        whole = all(found[name].shape == shape for found in (weights, rates or weights) for name, shape in shapes.items())
        episode, validation = int(header["episode"]), header["validation"]
    except (KeyError, TypeError, ValueError, RuntimeError):  # the last one: units of another shape
        whole = False
    if not whole:
        raise DataError(
            f"{path} must hold the weights that its header describes; some are missing or of other shapes. Train it again."
        )
    return Learned(model, weights, rates, episode, math.nan if validation is None else float(validation)), about
