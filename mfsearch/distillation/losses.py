"""What a student is trained to match: the labels, a teacher's softened outputs, or something that happens inside of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from torch import Tensor, nn
from torch.nn import functional as F

from mfsearch.distillation.matching import (
    attention_transfer,
    correlation_congruence,
    hints,
    probabilistic_transfer,
    relational,
    similarity_preserving,
)
from mfsearch.distillation.selectivity import Kernel, neuron_selectivity
from mfsearch.errors import ConfigError


@dataclass(frozen=True, eq=False, slots=True)
class Outputs:
    """What a network says of n pictures; what a loss does not need of a teacher is empty.

    Attributes:
        logits: n x classes.
        blocks: A feature map a block, n x C x h x w.
        pooled: What the classifier is given, n x C.
    """

    logits: Tensor
    blocks: tuple[Tensor, ...] = ()
    pooled: Tensor | None = None


@dataclass(frozen=True, slots=True)
class LossSettings:
    """What losses can be told.

    Attributes:
        alpha: For `kd`, the share of the labels, 0 to 1.
        temperature: For `kd`, how far outputs are softened.
        beta: For losses that match something inside, its weight beside the labels; None takes the loss's own.
        kernel: For `nst`, by what maps are compared.
    """

    alpha: float = 0.5
    temperature: float = 6.0
    beta: float | None = None
    kernel: Kernel = "polynomial"


PRESETS: Final[Mapping[str, Mapping[str, LossSettings]]] = {
    "dass": {"kd": LossSettings(alpha=0.5, temperature=6.0)},
    "mfkd": {"kd": LossSettings(alpha=0.1, temperature=4.0), "nst": LossSettings(beta=25.0)},
    "repdistiller": {"kd": LossSettings(alpha=0.1, temperature=4.0), "nst": LossSettings(beta=50.0)},
}
"""Paper or code -> loss -> what it is told there: DaSS (ICLR 2023), MF-KD (arXiv 2006.08341) on
NAS-Bench-201, and RepDistiller (Tian et al.). `alpha` is the share of the labels: both of the latter write its complement."""


def preset(name: str, loss: str) -> LossSettings:
    """What a paper tells a loss.

    Raises:
        ConfigError: If there is no such preset, or it says nothing of the loss.
    """
    known = PRESETS.get(name, {})
    if loss not in known:
        every = ", ".join(f"{paper} ({', '.join(losses)})" for paper, losses in PRESETS.items())
        raise ConfigError(
            f"preset must be one of {every}; got {name!r} for {loss!r}. Change it in the rung, or give the weights yourself."
        )
    return known[loss]


Match = Callable[[Outputs, Outputs, LossSettings], Tensor]


@dataclass(frozen=True, slots=True)
class TrainingLoss:
    """An entry of the registry: cross-entropy with the labels, and a distance from the teacher.

    Attributes:
        match: (student's outputs, teacher's outputs, settings) -> scalar to be made small; None: labels alone.
        needs: What of the teacher's outputs it looks at; only that is handed to it.
        beta: Its weight beside the cross-entropy unless the settings have one.
        connect: (student's outputs, teacher's outputs) -> a module to be trained with the student, through which the student's
            outputs go before they are matched; None: there is none.
    """

    match: Match | None
    needs: Literal["nothing", "logits", "blocks", "pooled"]
    beta: float = 1.0
    connect: Callable[[Outputs, Outputs], nn.Module] | None = None

    def value(self, student: Outputs, teacher: Outputs, labels: Tensor, settings: LossSettings) -> Tensor:
        """The scalar that is made small."""
        if self.match is None:
            return F.cross_entropy(student.logits, labels)
        if self.needs == "logits":
            soft = self.match(student, teacher, settings)
            return (1 - settings.alpha) * soft + settings.alpha * F.cross_entropy(student.logits, labels)
        beta = self.beta if settings.beta is None else settings.beta
        return F.cross_entropy(student.logits, labels) + beta * self.match(student, teacher, settings)


def softened(logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """T^2 KL(teacher || student) at temperature T, averaged over the pictures.

    T^2 keeps the gradient comparable over temperatures.

    Source: Hinton, Vinyals and Dean, arXiv 1503.02531.

    Args:
        logits: The student's, n x classes.
        teacher_logits: n x classes, without gradient.
        temperature: T; higher is softer.
    """
    own, other = (F.log_softmax(scores / temperature, 1) for scores in (logits, teacher_logits))
    return temperature**2 * F.kl_div(own, other, reduction="batchmean", log_target=True)


class Regressor(nn.Module):
    """A 1x1 convolution with a norm from the student's channels of the middle block to the teacher's."""

    def __init__(self, student: Outputs, teacher: Outputs) -> None:
        super().__init__()
        self.place = middle(student)
        incoming, outgoing = (outputs.blocks[self.place].shape[1] for outputs in (student, teacher))
        self.layers = nn.Sequential(nn.Conv2d(incoming, outgoing, 1, bias=False), nn.BatchNorm2d(outgoing))

    def forward(self, student: Outputs) -> Outputs:
        """The student's outputs with its middle block in the teacher's channels."""
        blocks = list(student.blocks)
        blocks[self.place] = self.layers(blocks[self.place])
        return Outputs(student.logits, tuple(blocks), student.pooled)


def middle(outputs: Outputs) -> int:
    """Place of the block that hints are given at."""
    return len(outputs.blocks) // 2


def _vectors(student: Outputs, teacher: Outputs) -> tuple[Tensor, Tensor]:
    assert student.pooled is not None and teacher.pooled is not None
    return student.pooled, teacher.pooled


def match_logits(student: Outputs, teacher: Outputs, settings: LossSettings) -> Tensor:
    """The teacher's softened outputs."""
    return softened(student.logits, teacher.logits, settings.temperature)


def match_selectivity(student: Outputs, teacher: Outputs, settings: LossSettings) -> Tensor:
    """Neuron selectivity of all blocks, without the term that depends on the teacher alone."""
    return neuron_selectivity(student.blocks, teacher.blocks, teacher_term=False, kernel=settings.kernel)


def match_attention(student: Outputs, teacher: Outputs, settings: LossSettings) -> Tensor:
    """Attention maps of all blocks."""
    return attention_transfer(student.blocks, teacher.blocks)


def match_hints(student: Outputs, teacher: Outputs, settings: LossSettings) -> Tensor:
    """The middle block, through the regressor."""
    return hints(student.blocks[middle(student)], teacher.blocks[middle(teacher)])


def match_similarity(student: Outputs, teacher: Outputs, settings: LossSettings) -> Tensor:
    """Similarities of the pictures in the last block."""
    return similarity_preserving(student.blocks[-1], teacher.blocks[-1])


def match_probabilities(student: Outputs, teacher: Outputs, settings: LossSettings) -> Tensor:
    """Who is whose neighbour."""
    return probabilistic_transfer(*_vectors(student, teacher))


def match_relations(student: Outputs, teacher: Outputs, settings: LossSettings) -> Tensor:
    """Distances and angles."""
    return relational(*_vectors(student, teacher))


def match_correlations(student: Outputs, teacher: Outputs, settings: LossSettings) -> Tensor:
    """Correlations of the pictures."""
    return correlation_congruence(*_vectors(student, teacher))
