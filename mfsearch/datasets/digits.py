"""Cluttered digits: the handwritten digits that come with scikit-learn, made hard enough to tell architectures apart.

Plain, nearly every small network reads 98 to 99% of them. Here a picture is a digit under a random affine map, with pieces of
other digits of its split pasted over it and noise added. The 1,797 digits are split by image before anything is drawn, so no
test picture holds ink of a digit that training or validation saw, clutter included.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import functional as F

from mfsearch.datasets.base import ImageData
from mfsearch.datasets.storage import write_atomically
from mfsearch.errors import DataError

CLASSES: Final = 10
SPLITS: Final = {"train": 1000, "validation": 400, "test": 397}
"""Digits of each split; together all 1,797."""
SIDE: Final = 8  # pixels of a digit's own picture
REVISION: Final = 1  # part of the cache's key: raised when the same recipe draws other pictures
CHUNK: Final = 4096  # pictures drawn at once


@dataclass(frozen=True)
class DigitsRecipe:
    """How the pictures are drawn. Lengths are fractions of half the canvas unless they say pixels.

    Attributes:
        seed: Seed of the split and of every picture.
        size: Pixels of the canvas's side.
        epochs: Distorted epochs in the training bank.
        train: Training pictures an epoch, each of another digit.
        val: Validation pictures.
        test: Test pictures.
        rotation: Largest rotation, in degrees either way.
        scale: Smallest and largest factor on `extent`.
        extent: Side of a digit, as a fraction of the canvas.
        shift: Largest shift along each axis.
        shear: Largest shear.
        patches: Pieces of other digits that are pasted into a picture.
        patch: Side of a piece in pixels.
        noise: Standard deviation of the Gaussian noise, where ink is 1 and paper 0.
    """

    seed: int = 0
    size: int = 16
    epochs: int = 30
    train: int = 384
    val: int = 10_000
    test: int = 10_000
    rotation: float = 25.0
    scale: tuple[float, float] = (0.8, 1.2)
    extent: float = 0.65
    shift: float = 0.35
    shear: float = 0.15
    patches: int = 5
    patch: int = 4
    noise: float = 0.1

    def __post_init__(self) -> None:
        if not 1 <= self.train <= SPLITS["train"]:
            raise DataError(
                f"training pictures an epoch must be 1 to {SPLITS['train']}, each of another digit; got {self.train}. Change 'train'."
            )
        if not 0 <= self.patch <= SIDE:
            raise DataError(f"a patch must be 0 to {SIDE} pixels, cut from a digit; got {self.patch}. Change 'patch'.")

    @property
    def key(self) -> str:
        """Hash of the recipe."""
        text = json.dumps({"revision": REVISION, **asdict(self)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def cluttered_digits(seed: int = 0, folder: Path | None = None, **settings: object) -> ImageData:
    """The pictures of a recipe, from the cache where they are there.

    Args:
        seed: Seed of the split and of every picture.
        folder: Where pictures are cached, in a file named by the recipe's hash; None caches nothing.
        settings: Other fields of `DigitsRecipe`.

    Raises:
        DataError: If a setting is unknown or impossible.
    """
    recipe = digits_recipe(seed, **settings)
    if folder is None:
        return _data(_draw(recipe), recipe)
    path = folder / f"digits-{recipe.key}.safetensors"
    try:
        return _data(load_file(path), recipe)
    except (FileNotFoundError, SafetensorError, TypeError):
        pass  # not there, or damaged: drawn anew, which takes seconds
    tensors = _draw(recipe)
    write_atomically(path, save(tensors))
    return _data(tensors, recipe)


def _data(tensors: dict[str, Any], recipe: DigitsRecipe) -> ImageData:
    return ImageData(**tensors, classes=CLASSES, key=recipe.key)


def digits_recipe(seed: int = 0, **settings: object) -> DigitsRecipe:
    """The recipe with these settings.

    Raises:
        DataError: If a setting is unknown or impossible.
    """
    known = DigitsRecipe.__dataclass_fields__
    if unknown := sorted(set(settings) - set(known)):
        raise DataError(
            f"settings of the digits must be among {', '.join(known)}; got {', '.join(unknown)}. Mend 'task: options:'."
        )
    if isinstance(scale := settings.get("scale"), list):
        settings["scale"] = tuple(scale)  # as it comes from YAML
    return DigitsRecipe(seed=seed, **settings)  # type: ignore[arg-type]


def fresh_test(recipe: DigitsRecipe, draw: int, count: int | None = None) -> tuple[Tensor, Tensor]:
    """Other pictures of the test split's digits: what no search, and no earlier verdict, has seen.

    Args:
        recipe: Recipe of the data that the search used: the split stays the same.
        draw: Number of the draw, 1 or more; 0 would be the test set of `cluttered_digits` itself.
        count: How many pictures; the recipe's number by default.

    Returns:
        Images count x 1 x size x size and labels.

    Raises:
        DataError: If the draw is less than 1.
    """
    if draw < 1:
        raise DataError(f"a fresh draw must be numbered 1 or more; got {draw}. Draw 0 is the test set itself.")
    digits, labels = _split(recipe)["test"]
    return _pictures(digits, labels, recipe, recipe.test if count is None else count, _generator(recipe, "test", draw))


def _draw(recipe: DigitsRecipe) -> dict[str, Tensor]:
    split = _split(recipe)
    tensors = {}
    digits, labels = split["train"]
    bank = [_pictures(digits, labels, recipe, recipe.train, _generator(recipe, "train", epoch)) for epoch in range(recipe.epochs)]
    tensors["train_images"] = torch.stack([images for images, _ in bank])
    tensors["train_labels"] = torch.stack([classes for _, classes in bank])
    for name, short, count in (("validation", "val", recipe.val), ("test", "test", recipe.test)):
        generator = _generator(recipe, name, 0)
        tensors[f"{short}_images"], tensors[f"{short}_labels"] = _pictures(*split[name], recipe, count, generator)
    return tensors


def _split(recipe: DigitsRecipe) -> dict[str, tuple[Tensor, Tensor]]:
    """Digits n x 8 x 8 with ink 0 to 1, and labels, of each split."""
    source = load_digits()
    order = np.random.default_rng(recipe.seed).permutation(len(source.target))
    digits = torch.from_numpy(source.images[order] / 16.0).float()
    labels = torch.from_numpy(source.target[order]).long()
    parts = list(SPLITS.values())
    pairs = zip(torch.split(digits, parts), torch.split(labels, parts), strict=True)
    return dict(zip(SPLITS, pairs, strict=True))


def _generator(recipe: DigitsRecipe, split: str, draw: int) -> torch.Generator:
    """An own stream for every part, so that none moves when another changes its size."""
    seed = np.random.SeedSequence([recipe.seed, list(SPLITS).index(split), draw]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(seed) >> 1)


def _pictures(
    digits: Tensor, labels: Tensor, recipe: DigitsRecipe, count: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draw pictures, every digit as often as any other; the order of digits is random."""
    rounds = -(-count // len(digits))
    chosen = torch.cat([torch.randperm(len(digits), generator=generator) for _ in range(rounds)])[:count]
    images = [
        _clutter(_distort(digits[part], recipe, generator), digits, recipe, generator) for part in torch.split(chosen, CHUNK)
    ]
    return torch.cat(images), labels[chosen]


def _distort(digits: Tensor, recipe: DigitsRecipe, generator: torch.Generator) -> Tensor:
    """Random affine maps: n x 8 x 8 to n x 1 x size x size."""

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(len(digits), generator=generator)

    angle = torch.deg2rad(uniform(-recipe.rotation, recipe.rotation))
    shear = uniform(-recipe.shear, recipe.shear)
    scale = recipe.extent * uniform(*recipe.scale)
    shift = torch.stack([uniform(-recipe.shift, recipe.shift) for _ in range(2)], 1)
    cos, sin = torch.cos(angle), torch.sin(angle)
    forward = torch.stack([cos, cos * shear - sin, sin, sin * shear + cos], 1).view(-1, 2, 2) * scale.view(-1, 1, 1)
    backward = torch.linalg.inv(forward)  # the sampler wants the map from canvas to digit
    theta = torch.cat([backward, -backward @ shift.unsqueeze(2)], 2)
    grid = F.affine_grid(theta, [len(digits), 1, recipe.size, recipe.size], align_corners=False)
    return F.grid_sample(digits.unsqueeze(1), grid, align_corners=False)


def _clutter(images: Tensor, digits: Tensor, recipe: DigitsRecipe, generator: torch.Generator) -> Tensor:
    """Paste pieces of other digits of the split by maximum, then add noise."""
    n, side = len(images), recipe.patch
    rows = torch.arange(side)

    def corner(extent: int) -> tuple[Tensor, Tensor]:
        top, left = torch.randint(extent - side + 1, (2, n, 1, 1), generator=generator)
        return top + rows.view(-1, 1), left + rows

    every = torch.arange(n).view(-1, 1, 1)
    for _ in range(recipe.patches if side else 0):
        other = torch.randint(len(digits), (n, 1, 1), generator=generator)
        piece = digits[(other, *corner(SIDE))]
        place = (every, 0, *corner(recipe.size))
        images[place] = torch.maximum(images[place], piece)
    return images + recipe.noise * torch.randn(images.shape, generator=generator)
