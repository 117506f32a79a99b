"""Epochs of a Lightning trainer as rungs: a small network on scikit-learn's digits.

Lightning (`pip install pytorch-lightning`) trains as it always does; a callback looks at the clock of the search, so that an evaluation
ends when its budget does. Costs are measured. With MFSEARCH_SMOKE=1 it ends after a few seconds.
"""

import logging
import os
import warnings

import pytorch_lightning as lightning
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

from mfsearch import Architecture, BoxSpace, Context, Objective, Study, fidelity

SMOKE = os.environ.get("MFSEARCH_SMOKE") == "1"
SPACE = BoxSpace("mlp", {"log10_learning_rate": (-4.0, -1.0), "log2_width": (3.0, 7.0), "dropout": (0.0, 0.6)})

IMAGES, LABELS = load_digits(return_X_y=True)
DATA = TensorDataset(torch.tensor(IMAGES / 16.0, dtype=torch.float32), torch.tensor(LABELS))
TRAIN, VALIDATION = random_split(DATA, [0.7, 0.3], torch.Generator().manual_seed(0))


class Classifier(lightning.LightningModule):
    """One hidden layer."""

    def __init__(self, rate: float, width: int, dropout: float) -> None:
        super().__init__()
        self.rate = rate
        self.network = nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, 10))

    def training_step(self, batch: list[torch.Tensor], number: int) -> torch.Tensor:
        images, labels = batch
        return nn.functional.cross_entropy(self.network(images), labels)

    def validation_step(self, batch: list[torch.Tensor], number: int) -> None:
        images, labels = batch
        self.log("val_accuracy", (self.network(images).argmax(1) == labels).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=self.rate)


class Clock(lightning.Callback):
    """Stops a training at the limit of its evaluation, and says how far it is."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def on_train_batch_end(self, trainer, module, outputs, batch, number) -> None:
        self.context.check()

    def on_train_epoch_end(self, trainer, module) -> None:
        self.context.progress((trainer.current_epoch + 1) / trainer.max_epochs, f"epoch {trainer.current_epoch + 1}")


def accuracy(architecture: Architecture, context: Context, epochs: int) -> float:
    """Share of the validation pictures that are classified right after some epochs."""
    rate, width, dropout = (float(str(gene)) for gene in architecture.genotype)
    torch.manual_seed(context.seed)
    trainer = lightning.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        callbacks=[Clock(context)],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        check_val_every_n_epoch=epochs,
    )
    trainer.fit(
        Classifier(10**rate, round(2**width), dropout),
        DataLoader(TRAIN, batch_size=64, shuffle=True),
        DataLoader(VALIDATION, batch_size=len(VALIDATION)),
    )
    return float(trainer.callback_metrics["val_accuracy"])


@fidelity(cost=0.2, signal="accuracy")
def one_epoch(architecture: Architecture, context: Context) -> float:
    return accuracy(architecture, context, epochs=1)


@fidelity(cost=1.5, signal="accuracy")
def twelve_epochs(architecture: Architecture, context: Context) -> float:
    return accuracy(architecture, context, epochs=12)


if __name__ == "__main__":
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # else it greets at every evaluation
    warnings.filterwarnings("ignore", module="pytorch_lightning")  # it advises worker processes, which are slower here
    objective = Objective("accuracy", unit="fraction")
    study = Study(SPACE, [one_epoch, twelve_epochs], budget="5s" if SMOKE else "60s", objective=objective)
    best = study.run()
    assert best is not None
    print(f"recommended: {best.architecture.key}")
    print(f"accuracy {best.mean:.3f}, 95% interval {best.interval[0]:.3f} to {best.interval[1]:.3f}")
    for (kind, rung), charge in study.ledger.lines().items():
        print(f"{f'{kind} {rung}'.strip()}: {charge.count} in {charge.seconds:.1f} s")
