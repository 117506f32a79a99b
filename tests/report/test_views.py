from __future__ import annotations

import pytest

from mfsearch.records import Objective
from mfsearch.report.views import figure_of, improvements, incumbent_of, known_at, show_figure, target_of
from mfsearch.store.events import EventKind


def test_the_best_is_the_best_measured_at_the_target(history):
    best = incumbent_of(history.state)
    assert best is not None
    assert (best.query.id, figure_of(history.state, best)) == (4, 78.5)
    assert target_of(history.state) == "full"


def test_a_figure_is_shown_as_it_was_measured(history):
    # The rung's value is minus its loss; a reader wants the loss.
    assert history.state.observations[0].value == -0.9
    assert figure_of(history.state, history.state.observations[0]) == 0.9
    assert figure_of(history.state, history.state.observations[1]) is None


def test_improvements_know_what_had_been_spent(history):
    # Before evaluation 2 ended: scores .6, decisions .25 + 3 x .5, evaluations 1 + 2 + 4.
    # Two more decisions of .5, 5 and 6 seconds of evaluation until number 4.
    found = list(improvements(history.state))
    assert [o.query.id for _, o in found] == [2, 4]
    assert [spent for spent, _ in found] == pytest.approx([9.35, 21.35])


def test_what_was_given_was_known_at_the_start_and_costs_nothing(history):
    row = {"architecture": "w", "rung": "full", "value": 99.0, "values": {"val_accuracy": 99.0}}
    history.add(EventKind.GIVEN, origin="other", observations=[row])
    assert [spent for spent, o in improvements(history.state)][-1] == 0.0


@pytest.mark.parametrize(
    ("unit", "figure", "name", "shown"),
    [
        ("percent", 78.456, None, "78.46%"),
        ("fraction", 0.78456, None, "0.7846"),
        ("none", 12345.678, None, "12346"),
        ("percent", 0.123456, "train_loss", "0.12346"),
        ("percent", None, None, "-"),
    ],
)
def test_figures_carry_their_unit(unit, figure, name, shown):
    assert show_figure(Objective(unit=unit), figure, name) == shown


def test_an_evaluation_is_known_when_all_that_was_charged_until_then_is_spent(history):
    assert len(known_at(history.state)) == len(history.state.observations)
    assert known_at(history.state)[0] == pytest.approx(0.6 + 0.25 + 0.5 + 1.0)
    assert known_at(history.state)[-1] <= history.state.ledger.spent


def test_what_was_given_was_known_at_the_beginning(new_history):
    h = new_history()
    h.tell(h.ask(0, "a", "full"), 5.0, val_accuracy=70.0)
    h.add(EventKind.GIVEN, origin="x", observations=[{"architecture": "b", "rung": "full", "value": 1.0, "values": {}}])
    assert known_at(h.state) == [5.5, 0.0]
