from __future__ import annotations

from dataclasses import replace

import pytest

from mfsearch.allocation.cost_aware import CostAware
from mfsearch.allocation.random_search import RandomSearch
from mfsearch.allocation.ranked import Ranked
from mfsearch.allocation.recommendation import recommend
from mfsearch.allocation.view import view
from mfsearch.bench import recorder
from mfsearch.bench.recorder import Recorder
from mfsearch.execution.virtual import VirtualExecutor
from mfsearch.fidelities.function import FunctionScore
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.problems.base import Problem
from mfsearch.store.events import Event, EventKind
from mfsearch.store.state import StudyState
from mfsearch.study import Study


def study(problem: Problem, policy, budget: float, *listeners, rule: str = "predicted") -> Study:
    made = Study(
        problem.space,
        problem.ladder,
        budget,
        objective=problem.objective,
        policy=policy,
        executor=VirtualExecutor(),
        recommend=rule,  # type: ignore[arg-type]
        listeners=listeners,
    )
    made.run()
    return made


@pytest.fixture
def scored(problem: Problem) -> Problem:
    """Branin with a score: the first variable, for a quarter of a second each."""
    first = FunctionScore("first", lambda a: float(str(a.genotype[0])), ["x1"], 0.25, simulated=True)
    return replace(problem, ladder=FidelityLadder([first, *problem.ladder]))


def test_every_charge_is_a_row(scored: Problem):
    policy = Ranked("x1", pool=20)
    watch = Recorder(scored, policy, "evaluated")
    done = study(scored, policy, 40.0, watch, rule="evaluated")
    charges = done.ledger.charges
    assert [(row.kind, row.rung, row.count, row.seconds) for row in watch.rows] == [
        (charge.kind.value, charge.rung, charge.count, charge.seconds) for charge in charges
    ]
    assert [row.step for row in watch.rows] == list(range(len(charges)))
    score, *evaluations = watch.rows
    assert (score.kind, score.count, score.architecture, score.recommended) == ("score", 20, None, None)
    assert [row.architecture for row in evaluations] == [o.query.architecture.key for o in done.state.observations]
    assert all(row.recommended is not None for row in evaluations)
    assert len(watch.asks) == len(evaluations)
    assert sum(watch.asks) == pytest.approx(done.state.optimiser_seconds, rel=0.5)


def test_a_score_of_one_architecture_names_it(scored: Problem):
    policy = Ranked("x1", pool=1)
    watch = Recorder(scored, policy, "evaluated")
    done = study(scored, policy, 20.0, watch, rule="evaluated")
    assert watch.rows[0].architecture == next(iter(done.state.scores["first"]))


def test_a_policy_with_the_surrogate_lends_it(problem: Problem, monkeypatch: pytest.MonkeyPatch):
    """What is recommended on the way is what the study itself would have answered then."""
    monkeypatch.setattr(recorder, "CONTINUOUS", recorder.LISTED)
    policy = CostAware()
    watch = Recorder(problem, policy, "predicted")
    answers: list[str] = []

    def ask(event: Event, state: StudyState) -> None:
        if event.kind is EventKind.TOLD and state.memory.get("hyperparameters"):
            found = recommend(view(state, problem.space, problem.ladder), "predicted")
            assert found is not None
            answers.append(found.architecture.key)

    study(problem, policy, 12.0, watch, ask)
    assert answers == [row.recommended for row in watch.rows if row.kind == "evaluation"][-len(answers) :] != []


@pytest.mark.parametrize("rule", ["predicted", "evaluated"])
def test_other_policies_have_one_fitted(problem: Problem, rule: str):
    policy = RandomSearch()
    watch = Recorder(problem, policy, rule)
    done = study(problem, policy, 60.0, watch, rule=rule)
    tried = {o.query.architecture.key for o in done.state.observations}
    assert not done.state.memory, "the policy's own memory is not touched"
    assert all(row.recommended in tried for row in watch.rows[2:]) is (rule == "evaluated")


def test_beyond_some_observations_it_is_made_anew_as_the_costs_grow(problem: Problem, monkeypatch: pytest.MonkeyPatch):
    made: list[float] = []

    def counted(state, rule, belief):
        made.append(state.total - state.free)
        return recommend(state, rule, belief)

    monkeypatch.setattr(recorder, "recommend", counted)
    monkeypatch.setattr(recorder, "CONTINUOUS", (3, 1.5))
    study(problem, RandomSearch(), 200.0, Recorder(problem, RandomSearch(), "evaluated"), rule="evaluated")
    assert made == [10.0, 20.0, 30.0, 50.0, 80.0, 120.0, 180.0]


def test_the_studys_answer_is_the_last_word(problem: Problem):
    watch = Recorder(problem, RandomSearch(), "predicted")
    study(problem, RandomSearch(), 20.0, watch)
    watch.conclude("this one")
    assert watch.rows[-1].recommended == "this one" != watch.rows[-2].recommended
