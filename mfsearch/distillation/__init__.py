"""Training with a teacher, and its losses."""

from collections.abc import Callable

from torch import Tensor

from mfsearch.distillation.losses import cross_entropy, knowledge_distillation, neuron_selectivity

LOSSES: dict[str, Callable[..., Tensor]] = {"ce": cross_entropy, "kd": knowledge_distillation, "nst": neuron_selectivity}
