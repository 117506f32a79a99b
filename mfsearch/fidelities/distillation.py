"""A rung that trains the network, with a teacher or without, and measures how well it does."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mfsearch.datasets.base import ImageData
from mfsearch.distillation import LOSSES
from mfsearch.distillation.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from mfsearch.distillation.feeding import TeacherOutputs
from mfsearch.distillation.losses import LossSettings
from mfsearch.distillation.losses import preset as paper_preset
from mfsearch.distillation.schedule import Schedule
from mfsearch.distillation.selectivity import Kernel
from mfsearch.distillation.trainer import Precision, TrainingRecipe, TrainingResult, evaluate, train
from mfsearch.errors import ConfigError, DataError
from mfsearch.fidelities.base import AbstractEvaluation, AbstractFidelity, AbstractResource, Context
from mfsearch.fidelities.live import LiveTask
from mfsearch.fidelities.teacher import TeacherResource
from mfsearch.records import Architecture, Json, Measurement, Recommendation

Seconds: TypeAlias = "float | Callable[[Architecture], float]"

TRAINED = ("train_loss", "train_accuracy")
VALIDATED = "val_accuracy"


class Distillation(AbstractEvaluation):
    """Train a candidate for some epochs.

    Args:
        name: Name of the rung.
        live: The task.
        epochs: Epochs.
        loss: Name in `mfsearch.distillation.LOSSES`: `kd` (the teacher's outputs), `ce` (labels alone, no teacher), or what else
            of the teacher is matched: `nst`, `at`, `hints`, `sp`, `pkt`, `rkd`, `cc`.
        expected_seconds: Device seconds expected, for all architectures or as a function of one.
        signal: Which figure is the value: `val_accuracy`, `train_accuracy` or `-train_loss`. After few epochs what was
            measured in training ranks better than validation does.
        validate: Whether to measure `val_accuracy`; None measures it where it is the signal.
        preset: A paper's weights of the loss, as in `mfsearch.distillation.losses.PRESETS`; what is given beside it wins.
        alpha: For `kd`, the share of the labels in the loss; 0.5 unless a preset says otherwise.
        temperature: For `kd`, how far outputs are softened; 6 unless a preset says otherwise.
        beta: For losses that match something inside of the teacher, its weight beside the labels; None: the preset's or the loss's own.
        kernel: For `nst`, by what feature maps are compared: `polynomial`, `linear` or `gaussian`.
        batch: Pictures a step.
        learning_rate: At the first step.
        schedule: How the learning rate goes: `cosine`, or `wsd` (warm-up, stable, decay).
        warmup: Share of the steps over which it rises.
        clip: Largest norm of the gradient; None: any.
        precision: `float32`, `bfloat16` (mixed), or `auto`: mixed on a GPU that has it.
        validate_each: Whether to keep the validation accuracy after every epoch as well; its time is charged.
        continues: Name of a lower rung whose run of the same architecture this one goes on from, where there is one: its checkpoint
            before the rate decays. Both must have `schedule: wsd` and be alike but for their epochs.
        keep_checkpoint: Whether to keep such a checkpoint, for a higher rung.
        keep_weights: Whether to write the weights into the work folder.
        teacher_seconds: Device seconds that making the teacher is expected to take.
        seeds: How often one architecture may be trained here, each time with another seed.
        longest: Device seconds after which a training is stopped, however much is free.

    Raises:
        ConfigError: If the signal is none of these, or `val_accuracy` without validation, or a figure of the training is
            impossible.
    """

    def __init__(
        self,
        name: str,
        live: LiveTask,
        epochs: int,
        loss: str,
        expected_seconds: Seconds,
        signal: str = VALIDATED,
        validate: bool | None = None,
        preset: str | None = None,
        alpha: float | None = None,
        temperature: float | None = None,
        beta: float | None = None,
        kernel: Kernel = "polynomial",
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
        teacher_seconds: float = 0.0,
        seeds: int = 1,
        longest: float = math.inf,
    ) -> None:
        figure = signal.removeprefix("-")
        self.validate = figure == VALIDATED if validate is None else validate
        if figure not in (*TRAINED, VALIDATED):
            raise ConfigError(
                f"signal must be one of {', '.join((VALIDATED, *TRAINED))}; got {signal!r}. A minus before it turns it around."
            )
        if figure == VALIDATED and not self.validate:
            raise ConfigError(f"a rung whose signal is {VALIDATED} must validate; got validate: false. Leave 'validate' out.")
        if seeds < 1:
            raise ConfigError(f"seeds must be 1 or more; got {seeds}.")
        if not longest > 0:
            raise ConfigError(f"longest must be device seconds, more than 0; got {longest} for rung {name!r}.")
        self.name = name
        self.seeds = seeds
        self.longest = longest
        self.live = live
        weights: dict[str, float | None] = {"alpha": alpha, "temperature": temperature, "beta": beta}
        told: dict[str, Any] = {name: figure for name, figure in weights.items() if figure is not None}
        settings = replace(paper_preset(preset, loss) if preset else LossSettings(), kernel=kernel, **told)
        self.resource = float(epochs)
        self.training = TrainingRecipe(
            epochs,
            loss,
            batch,
            learning_rate,
            settings=settings,
            schedule=schedule,
            warmup=warmup,
            clip=clip,
            precision=precision,
        )
        self.validate_each = validate_each
        self.continues = continues
        self.keep_checkpoint = keep_checkpoint
        if (continues or keep_checkpoint) and not self.training.stable_epochs:
            raise ConfigError(
                f"a rung that another goes on from, or that goes on, must have schedule 'wsd' and a whole epoch before it decays; {name!r} has "
                f"{schedule!r} and {epochs} epochs. A cosine of another length is another run from its second step: train anew, or change it."
            )
        self.signal = signal
        self.keep_weights = keep_weights
        self.teacher_seconds = teacher_seconds
        self._expected_seconds = expected_seconds

    @property
    def learns_from_teacher(self) -> bool:
        """Whether the loss looks at a teacher's outputs."""
        return LOSSES[self.training.loss].needs != "nothing"

    @property
    def resources(self) -> tuple[AbstractResource, ...]:
        """The teacher, unless the labels alone are learnt."""
        return (TeacherResource(self.live, self.teacher_seconds),) if self.learns_from_teacher else ()

    def expected_cost(self, architecture: Architecture) -> float:
        """Device seconds expected before anything was measured."""
        expected = self._expected_seconds
        return expected(architecture) if callable(expected) else expected

    def evaluate(self, architecture: Architecture, context: Context) -> Measurement:
        """Train one network from scratch.

        Raises:
            LimitReachedError: From `context.check()`.
            EvaluationError: If training diverges.
            DataError: If the teacher was not prepared.
        """
        live = self.live
        data = live.data_on(context.device)
        teacher = live.teacher.outputs if self.learns_from_teacher else None
        with live.limited_threads():
            start = self._start(context)
            model, result, batch = self._trained(architecture, data, teacher, context, start)
            values = {"train_loss": result.train_loss, "train_accuracy": result.train_accuracy}
            extras: dict[str, Json] = {
                "train_loss_curve": list(result.losses),
                "train_accuracy_curve": list(result.accuracies),
            }
            if result.val_accuracies:
                extras["val_accuracy_curve"] = list(result.val_accuracies)
            if batch != self.training.batch:
                extras["batch"] = batch
            elif start is not None:
                extras["continued_from_epoch"] = start.epoch
            if self.validate:
                trained = context.elapsed()
                values[VALIDATED] = evaluate(model, data.val_images, data.val_labels, check=context.check)
                extras["validation_seconds"] = context.elapsed() - trained
        artifacts = {}
        if (checkpoint := self._checkpoint_file(context)).exists():
            artifacts["checkpoint"] = checkpoint
        if self.keep_weights:
            path = context.workdir / f"{self.name}-weights.safetensors"
            save_file({name: tensor.cpu().contiguous() for name, tensor in model.state_dict().items()}, path)
            artifacts["weights"] = path
        return Measurement(values, extras=extras, artifacts=artifacts)

    def check_continues(self, ladder: Sequence[AbstractFidelity]) -> None:
        """Whether the rung that this one goes on from is there and is the beginning of it.

        Args:
            ladder: All rungs.

        Raises:
            ConfigError: If it is not.
        """
        if self.continues is None:
            return
        other = next((rung for rung in ladder if rung.name == self.continues), None)
        if not isinstance(other, Distillation) or not other.keep_checkpoint:
            raise ConfigError(
                f"rung {self.name!r} must go on from a rung that trains and has keep_checkpoint: true; {self.continues!r} is none. Mend 'continues'."
            )
        ours, theirs = (json.loads(rung.training.alike) for rung in (self, other))
        if differing := sorted(key for key in ours if ours[key] != theirs[key]):
            raise ConfigError(
                f"rung {self.name!r} must be like {self.continues!r} but for its epochs, to go on from it; they differ in {', '.join(differing)}. "
                "Mend one of them, or leave 'continues' out."
            )
        if other.training.stable_epochs > self.training.stable_epochs:
            raise ConfigError(f"rung {self.name!r} must be longer than {self.continues!r}, which it goes on from. Mend 'epochs'.")

    def _checkpoint_file(self, context: Context) -> Path:
        return context.workdir / f"{self.name}-checkpoint.safetensors"

    def _start(self, context: Context) -> Checkpoint | None:
        """Where the lower rung's run stood; None where none can be continued.

        That is so for a second seed, where its file is gone or damaged, and where its batch was halved on the way.
        """
        file = context.earlier.get(self.continues or "", {}).get("checkpoint")
        if file is None or self.name in context.earlier:
            return None
        try:
            found = load_checkpoint(Path(file))
        except DataError:
            return None  # it only saves time
        return found if found.alike == self.training.alike else None

    def _trained(
        self,
        architecture: Architecture,
        data: ImageData,
        teacher: TeacherOutputs | None,
        context: Context,
        start: Checkpoint | None,
    ) -> tuple[nn.Module, TrainingResult, int]:
        """The trained network, what training came to, and the batch that fitted into memory.

        Where the batch does not fit, training begins anew once with half of it, and with half of the learning rate (Goyal et al.,
        "Accurate, Large Minibatch SGD", 2017).
        """
        keep = partial(save_checkpoint, self._checkpoint_file(context)) if self.keep_checkpoint else None

        def attempt(recipe: TrainingRecipe, start: Checkpoint | None) -> tuple[nn.Module, TrainingResult, int]:
            seed = context.seed if start is None else start.seed
            model = self.live.network(architecture, seed)
            given = (teacher, context.check, context.progress, context.device, self.validate_each, start, keep)
            return model, train(model, data, recipe, seed, *given), recipe.batch

        try:
            return attempt(self.training, start)
        except torch.OutOfMemoryError:
            if self.training.batch == 1:
                raise
        torch.cuda.empty_cache()  # here the first attempt's tensors are gone
        return attempt(
            replace(self.training, batch=self.training.batch // 2, learning_rate=self.training.learning_rate / 2), None
        )


def accuracy_on_test(
    live: LiveTask, architecture: Architecture, weights: Path, pictures: tuple[Tensor, Tensor] | None = None
) -> float:
    """Percent of test pictures that a trained network gets right: for judging a finished search, never inside one.

    Args:
        live: The task.
        architecture: Which network.
        weights: The file that `Distillation` wrote.
        pictures: Images n x channels x height x width and labels n; by default the task's test set.

    Raises:
        DataError: If the weights are not there, damaged, or of another network.
    """
    model = live.network(architecture, 0)
    try:
        model.load_state_dict(load_file(weights))
    except (FileNotFoundError, SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"weights must be a safetensors file of {architecture.key}; {weights} is not ({reason}). Evaluate it again."
        ) from None
    images, labels = pictures or (live.data.test_images, live.data.test_labels)
    with live.limited_threads():
        return evaluate(model.to(memory_format=torch.channels_last), images, labels)  # type: ignore[call-overload]


def judge(live: LiveTask, recommendation: Recommendation) -> Mapping[str, float]:
    """Test accuracy in percent of a recommended network with the weights that the search trained; nothing where it kept none.

    Args:
        live: The task.
        recommendation: What a finished search answers.

    Raises:
        DataError: If the weights are missing or damaged.
    """
    seen = recommendation.observation
    if seen is None or "weights" not in seen.artifacts:
        return {}
    return {"test_accuracy": accuracy_on_test(live, recommendation.architecture, Path(seen.artifacts["weights"]))}
