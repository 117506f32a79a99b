"""A rung that trains the network on the labels alone, and measures how well it does."""

from __future__ import annotations

import math

from mfsearch.distillation.schedule import Schedule
from mfsearch.distillation.trainer import Precision
from mfsearch.fidelities.distillation import VALIDATED, Distillation, Seconds
from mfsearch.fidelities.live import LiveTask


class Training(Distillation):
    """Train a candidate for some epochs without a teacher: `Distillation` with the loss `ce`.

    Args:
        name: Name of the rung.
        live: The task.
        epochs: Epochs.
        expected_seconds: Device seconds expected, for all architectures or as a function of one.
        signal: Which figure is the value: `val_accuracy`, `train_accuracy` or `-train_loss`.
        validate: Whether to measure `val_accuracy`; None measures it where it is the signal.
        batch: Pictures a step.
        learning_rate: At the first step.
        schedule: How the learning rate goes: `cosine`, or `wsd` (warm-up, stable, decay).
        warmup: Share of the steps over which it rises.
        clip: Largest norm of the gradient; None: any.
        precision: `float32`, `bfloat16` (mixed), or `auto`: mixed on a GPU that has it.
        validate_each: Whether to keep the validation accuracy after every epoch as well; its time is charged.
        continues: As for `Distillation`: a lower rung whose run this one goes on from.
        keep_checkpoint: As for `Distillation`.
        keep_weights: Whether to write the weights into the work folder.
        seeds: How often one architecture may be trained here, each time with another seed.
        longest: Device seconds after which a training is stopped, however much is free.

    Raises:
        ConfigError: As `Distillation`.
    """

    def __init__(
        self,
        name: str,
        live: LiveTask,
        epochs: int,
        expected_seconds: Seconds,
        signal: str = VALIDATED,
        validate: bool | None = None,
        batch: int = 32,
        learning_rate: float = 0.1,
        schedule: Schedule = "cosine",
        warmup: float = 0.0,
        clip: float | None = None,
        precision: Precision = "auto",
        validate_each: bool = False,
        continues: str | None = None,
        keep_checkpoint: bool = False,
        keep_weights: bool = True,
        seeds: int = 1,
        longest: float = math.inf,
    ) -> None:
        super().__init__(
            name,
            live,
            epochs,
            "ce",
            expected_seconds,
            signal,
            validate,
            batch=batch,
            learning_rate=learning_rate,
            schedule=schedule,
            warmup=warmup,
            clip=clip,
            precision=precision,
            validate_each=validate_each,
            continues=continues,
            keep_checkpoint=keep_checkpoint,
            keep_weights=keep_weights,
            seeds=seeds,
            longest=longest,
        )
