"""Learning across tasks whose only difference is told by the teacher."""

from dataclasses import replace

import pytest
import torch

from mfsearch.errors import DataError
from mfsearch.fidelities.dass import SHIPPED
from mfsearch.metaprediction.learning import MetaRecipe, MetaTask, correlation, meta_train
from mfsearch.metaprediction.predictor import Students, Support
from mfsearch.metaprediction.storage import read_predictor

RECIPE = MetaRecipe(episodes=200, queries=20, learning_rate=3e-3, inner_rate=0.005, width=8)


def task(seed, n=40):
    """Accuracies are a function of the encoding plus the task's own offset, which the teacher's accuracy shows."""
    draw = torch.Generator().manual_seed(seed)
    offset = 0.4 * torch.rand((), generator=draw)
    X = torch.rand(n + 1, 4, generator=draw)
    accuracy = 0.3 + 0.2 * X[:, 0] - 0.1 * X[:, 1] * X[:, 2] + offset
    told = Students(X, torch.zeros(n + 1, 1, 4, 4), torch.zeros(n + 1, 0))
    return MetaTask(f"task {seed}", told[1:], accuracy[1:], Support(told[:1], accuracy[0]))


def error(learned, tasks):
    squares = [(learned.predict(t.students, t.support) - t.accuracies).square().mean() for t in tasks]
    return float(torch.stack(squares).mean())


@pytest.fixture(scope="module")
def learned():
    return meta_train([task(seed) for seed in range(8)], RECIPE, [task(100)])


def test_the_step_on_the_teacher_tells_a_new_tasks_level(learned):
    new = [task(seed) for seed in range(200, 212)]
    without = meta_train([task(seed) for seed in range(8)], replace(RECIPE, adapt=False), [task(100)])
    assert without.rates is None
    spread = float(torch.stack([t.accuracies.mean() for t in new]).var())
    assert error(learned, new) < 0.3 * spread < 0.5 * error(without, new)


def test_it_ranks_students_of_new_tasks(learned):
    assert min(correlation(learned, task(seed)) for seed in range(200, 206)) > 0.9


def test_a_prediction_is_the_same_in_any_company(learned):
    """Of the predictor that ships: on some processors products of matrices as large as its own round by the place of a row."""
    shipped, _ = read_predictor(SHIPPED)
    like, draw = next(iter(shipped.weights.values())), torch.Generator().manual_seed(0)
    widths = shipped.model._encoded, shipped.model.of_student.first.in_channels, len(shipped.model.unit)

    def some(n):
        d, channels, p = (
            torch.rand(n, *size, generator=draw).to(like) for size in ((widths[0],), (widths[1], 8, 8), (widths[2],))
        )
        return Students(d, channels, p)

    support = Support(some(1), torch.tensor(0.8).to(like))
    for n in range(2, 14):
        students = some(n)
        backward = shipped.predict(students[torch.arange(n - 1, -1, -1)], support)
        assert torch.equal(shipped.predict(students, support), backward.flip(0))
    assert learned.predict(task(200).students[:0], task(200).support).shape == (0,)


def test_it_learns_alike_whatever_the_spread_of_the_accuracies():
    """Students that differ by a hundredth as much, around another level."""

    def narrower(task):
        support = Support(task.support.itself, task.support.accuracy / 100 + 0.5)
        return MetaTask(task.name, task.students, task.accuracies / 100 + 0.5, support)

    short, tasks = replace(RECIPE, episodes=40), [task(seed) for seed in range(4)]
    plain, other = meta_train(tasks, short), meta_train([narrower(one) for one in tasks], short)
    new = task(200)
    found = other.predict(new.students, narrower(new).support)
    torch.testing.assert_close(100 * (found - 0.5), plain.predict(new.students, new.support), rtol=1e-2, atol=1e-2)


def test_the_same_seed_learns_the_same():
    tasks, short = [task(0), task(1)], replace(RECIPE, episodes=6)
    first, second, other = (meta_train(tasks, replace(short, seed=seed)) for seed in (0, 0, 1))
    assert all(torch.equal(weight, second.weights[name]) for name, weight in first.weights.items())
    assert not all(torch.equal(weight, other.weights[name]) for name, weight in first.weights.items())


def test_the_best_episode_on_the_validation_tasks_is_kept():
    told = []
    recipe = replace(RECIPE, episodes=70, validate_every=20)
    found = meta_train([task(0), task(1)], recipe, [task(100)], lambda *said: told.append(said))
    assert [episode for episode, _, _ in told] == [0, 20, 40, 60, 70]
    assert found.validation == max(reached for _, _, reached in told)
    assert found.episode == next(episode for episode, _, reached in told if reached == found.validation)
    assert correlation(found, task(100)) == pytest.approx(found.validation)


def test_what_cannot_be_learned_from_is_refused():
    with pytest.raises(DataError, match="at least one task"):
        meta_train([], RECIPE)
    with pytest.raises(DataError, match="in episode .* it is not. Lower the rates"):
        meta_train([task(0)], replace(RECIPE, learning_rate=1e30))
    some = task(0)
    with pytest.raises(DataError, match="an accuracy a student; got 39 for 40"):
        MetaTask("bad", some.students, some.accuracies[1:], some.support)
