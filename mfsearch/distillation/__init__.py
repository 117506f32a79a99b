"""Training with a teacher, and its losses."""

from mfsearch.distillation.losses import (
    Regressor,
    TrainingLoss,
    match_attention,
    match_correlations,
    match_hints,
    match_logits,
    match_probabilities,
    match_relations,
    match_selectivity,
    match_similarity,
)

# Weights are RepDistiller's (github.com/HobbitLong/RepDistiller), but for `cc`, whose code there computes another quantity.
LOSSES: dict[str, TrainingLoss] = {
    "ce": TrainingLoss(None, "nothing"),
    "kd": TrainingLoss(match_logits, "logits"),
    "nst": TrainingLoss(match_selectivity, "blocks", beta=50.0),
    "at": TrainingLoss(match_attention, "blocks", beta=1000.0),
    "hints": TrainingLoss(match_hints, "blocks", beta=100.0, connect=Regressor),
    "sp": TrainingLoss(match_similarity, "blocks", beta=3000.0),
    "pkt": TrainingLoss(match_probabilities, "pooled", beta=30000.0),
    "rkd": TrainingLoss(match_relations, "pooled", beta=1.0),
    "cc": TrainingLoss(match_correlations, "pooled", beta=1.0),
}
