"""The teacher as a resource: paid for once, then taken from the cache."""

from __future__ import annotations

from mfsearch.distillation.teacher import load_teacher, make_teacher
from mfsearch.errors import DataError
from mfsearch.fidelities.base import AbstractResource, Context, Prepared
from mfsearch.fidelities.live import LiveTask


class TeacherResource(AbstractResource):
    """The teacher of a live task.

    Args:
        live: The task.
        expected_seconds: Device seconds that making it is expected to take.
    """

    name = "teacher"

    def __init__(self, live: LiveTask, expected_seconds: float) -> None:
        self.live = live
        self.expected_seconds = expected_seconds

    @property
    def key(self) -> str:
        """Hash of the recipe, the data's included."""
        return self.live.teacher_files.key

    def expected_cost(self) -> float:
        """Device seconds to make it now: 0 where it is cached."""
        try:
            self.live.teacher_files.read_record()
        except DataError:
            return self.expected_seconds
        return 0.0

    def prepare(self, context: Context) -> Prepared:
        """Load the teacher; where there is none, or it is damaged, train it.

        Raises:
            LimitReachedError: If the limit passes before it is trained; nothing is kept.
            EvaluationError: If its training diverges.
        """
        live = self.live
        data, recipe, files = live.data, live.teacher_recipe, live.teacher_files
        try:
            teacher = load_teacher(recipe, data, files)
        except DataError:
            began = context.elapsed()
            with live.limited_threads():
                teacher = make_teacher(recipe, data, files, context.check, context.progress, context.device, context.elapsed)
            return Prepared(context.elapsed() - began, teacher.seconds, f"{teacher.val_accuracy:.1f}% validation accuracy")
        return Prepared(0.0, teacher.seconds, f"{teacher.val_accuracy:.1f}% validation accuracy, from the cache")
