"""Our training against a plain PyTorch loop: accuracy and processor seconds of paired runs.

    python benchmarks/reference_loop.py --data cifar10.npz [--cells 5] [--seeds 2] [--out benchmarks/results/reference_loop.json]

Both train the same networks from the same weights with the same recipe (SGD with Nesterov momentum, cosine, cross-entropy) on the
same pictures in the same order, in one process with one thread, one after the other. The plain loop is what one would write: a
DataLoader over tensors, torch's optimiser and scheduler, contiguous tensors, running batch-norm statistics. Ours is
`mfsearch.distillation.trainer.train`, and its time includes the new estimate of the statistics. Data sets: the cluttered digits at
their target setting (50 epochs), and 4,000 pictures of CIFAR-10 (DATA: whatever the data set `pictures` reads) for 5 epochs on
networks with 8 channels.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

from mfsearch.datasets.base import ImageData
from mfsearch.datasets.digits import cluttered_digits
from mfsearch.datasets.pictures import pictures
from mfsearch.distillation.trainer import TrainingRecipe, evaluate, train
from mfsearch.networks.nasbench201 import NASBench201Network
from mfsearch.spaces.nasbench201 import NASBench201Space

OUT = Path(__file__).parent / "results" / "reference_loop.json"


def plain(model: nn.Module, data: ImageData, recipe: TrainingRecipe, seed: int) -> None:
    """The loop that one would write."""
    optimiser = torch.optim.SGD(
        model.parameters(), lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=True, weight_decay=recipe.weight_decay
    )
    steps = recipe.epochs * (data.train_labels.shape[1] // recipe.batch)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=steps)
    criterion = nn.CrossEntropyLoss()
    order = torch.Generator().manual_seed(seed)  # the same pictures at the same steps: what differs is how they are worked on
    model.train()
    for epoch in range(recipe.epochs):
        entry = epoch % len(data.train_images)
        dataset = TensorDataset(data.train_images[entry], data.train_labels[entry])
        for images, labels in DataLoader(dataset, recipe.batch, sampler=RandomSampler(dataset, generator=order), drop_last=True):
            optimiser.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimiser.step()
            scheduler.step()


def timed(function: Callable[[], object]) -> float:
    began = time.process_time()
    function()
    return time.process_time() - began


def compare(name: str, data: ImageData, recipe: TrainingRecipe, channels: int, cells: int, seeds: int) -> dict[str, object]:
    """Paired runs on random cells."""
    space = NASBench201Space()
    every = space.enumerate()
    chosen = [every[int(row)] for row in np.random.default_rng(0).permutation(len(every))[:cells]]
    rows = []
    for architecture in chosen:
        for seed in range(seeds):
            torch.manual_seed(seed)
            ours = NASBench201Network(architecture.genotype, data.input_shape[0], data.classes, channels, 1, "light")
            theirs = NASBench201Network(architecture.genotype, data.input_shape[0], data.classes, channels, 1, "light")
            theirs.load_state_dict(ours.state_dict())
            runs = {
                "ours": lambda m=ours, s=seed: train(m, data, recipe, s),
                "plain": lambda m=theirs, s=seed: plain(m, data, recipe, s),
            }
            order = ["ours", "plain"] if len(rows) % 2 else ["plain", "ours"]  # whoever comes second finds warm caches
            seconds = {which: timed(runs[which]) for which in order}
            accuracy = {
                which: evaluate(model, data.val_images, data.val_labels) for which, model in (("ours", ours), ("plain", theirs))
            }
            rows.append({"cell": architecture.key, "seed": seed, "seconds": seconds, "val_accuracy": accuracy})
            print(f"{name} {len(rows)}: {seconds['ours']:.1f} s against {seconds['plain']:.1f} s, "
                  f"{accuracy['ours']:.2f}% against {accuracy['plain']:.2f}%", flush=True)  # fmt: skip
    gained = np.array([row["val_accuracy"]["ours"] - row["val_accuracy"]["plain"] for row in rows])
    ratio = np.array([row["seconds"]["ours"] / row["seconds"]["plain"] for row in rows])
    return {
        "data": name,
        "runs": len(rows),
        "accuracy_gain_mean": gained.mean(),
        "accuracy_gain_se": gained.std(ddof=1) / np.sqrt(len(gained)),
        "time_ratio_median": float(np.median(ratio)),
        "time_ratio_range": [ratio.min(), ratio.max()],
        "rows": rows,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cells", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    torch.set_num_threads(1)
    digits, cifar = cluttered_digits(), pictures(options.data, train=4000, val=1000, epochs=3)
    for data in (digits, cifar):  # libraries compile at first use
        train(NASBench201Network(("nor_conv_3x3",) * 6, data.input_shape[0], 10, 8, 1, "light"), data, TrainingRecipe(1), 0)
    found = [
        compare("digits", digits, TrainingRecipe(epochs=50), 8, options.cells, options.seeds),
        compare("cifar10", cifar, TrainingRecipe(epochs=5, batch=64), 8, options.cells, options.seeds),
    ]
    about = {"machine": f"{platform.machine()}, one thread", "torch": torch.__version__, "comparisons": found}
    options.out.write_text(json.dumps(about, indent=1) + "\n")
    for one in found:
        low, high = one["time_ratio_range"]
        print(
            f"{one['data']}: {one['runs']} pairs, accuracy {one['accuracy_gain_mean']:+.2f} points (SE {one['accuracy_gain_se']:.2f}), "
            f"time {one['time_ratio_median']:.2f} of the plain loop's (from {low:.2f} to {high:.2f})"
        )


if __name__ == "__main__":
    main()
