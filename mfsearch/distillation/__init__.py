"""Training with a teacher, and its losses."""

from mfsearch.distillation.losses import TrainingLoss, learn_features, learn_labels, learn_logits

LOSSES: dict[str, TrainingLoss] = {
    "ce": TrainingLoss(learn_labels, "nothing"),
    "kd": TrainingLoss(learn_logits, "logits"),
    "nst": TrainingLoss(learn_features, "features"),
}
