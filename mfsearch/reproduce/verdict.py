"""What MF-KD's two live searches come to: how well an epoch ranks, and what was found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mfsearch.budget import ChargeKind
from mfsearch.errors import SearchFailedError
from mfsearch.problems.base import Problem
from mfsearch.records import Architecture, Status
from mfsearch.reproduce.agreement import COEFFICIENTS, Interval, agreement, gain
from mfsearch.study import Study

LOSSES: Final = ("nst", "ce")
FIGURES: Final = {
    "train_accuracy": "train accuracy",
    "val_accuracy": "validation accuracy",
    "-train_loss": "training loss",
}
_FEWEST: Final = 3  # cells of which a rank correlation can be said


@dataclass(frozen=True)
class Cell:
    """What is known of a random cell of the warm-up.

    Attributes:
        key: The cell.
        found: Loss -> `train_accuracy`, `val_accuracy` (percent), `-train_loss`, after an epoch.
        seconds: Loss -> seconds of that epoch, of this machine.
        reached: Test accuracy after 200 epochs, percent, from the benchmark.
    """

    key: str
    found: Mapping[str, Mapping[str, float]]
    seconds: Mapping[str, float]
    reached: float


@dataclass(frozen=True)
class Answer:
    """What a search with one of the two low fidelities came to.

    Attributes:
        key: The cell of the best twelve-epoch run that it looked at.
        reached: Its test accuracy after 200 epochs, percent.
        trained: Seconds of training on this machine, the teacher's included.
        looked_up: Simulated seconds of the runs of twelve epochs: the benchmark's own GPU.
    """

    key: str
    reached: float
    trained: float
    looked_up: float


@dataclass(frozen=True)
class Live:
    """What both searches came to.

    Attributes:
        cells: Those that both trained, in the order in which they came.
        answers: Loss -> answer.
        agreement: Loss -> figure -> coefficient of `agreement` with the 200-epoch accuracy.
        gain: Figure -> coefficient -> what NST agrees better than cross-entropy does, paired over cells.
    """

    cells: Sequence[Cell]
    answers: Mapping[str, Answer]
    agreement: Mapping[str, Mapping[str, Mapping[str, Interval]]]
    gain: Mapping[str, Mapping[str, Interval]]

    def to_json(self) -> dict[str, Any]:
        """All figures."""
        return {
            "cells": [vars(cell) for cell in self.cells],
            "answers": {loss: vars(answer) for loss, answer in self.answers.items()},
            "agreement": {
                loss: {figure: {name: i.to_json() for name, i in own.items()} for figure, own in figures.items()}
                for loss, figures in self.agreement.items()
            },
            "gain": {figure: {name: i.to_json() for name, i in own.items()} for figure, own in self.gain.items()},
        }


def summarise(studies: Mapping[str, Study], table: Problem) -> Live:
    """What two finished searches that begin with the same cells come to.

    Args:
        studies: Loss -> its search, whose lowest rung is an epoch with it.
        table: The benchmark, with its accuracies after 200 epochs.

    Raises:
        SearchFailedError: If hardly a training came to an end.
    """
    oracle = table.oracle
    assert oracle is not None and oracle.test is not None
    trained = {
        loss: {o.query.architecture: o for o in study.state.observations if o.query.rung == f"{loss}1" and o.status is Status.OK}
        for loss, study in studies.items()
    }
    shared = [a for a in trained[LOSSES[0]] if all(a in own for own in trained.values())]
    if len(shared) < _FEWEST:
        raise SearchFailedError(
            f"at least {_FEWEST} cells must be trained with every loss; {len(shared)} were. Look at the messages above."
        )
    cells = [
        Cell(
            a.key,
            {loss: {figure: _figure(own[a].values, figure) for figure in FIGURES} for loss, own in trained.items()},
            {loss: own[a].seconds for loss, own in trained.items()},
            oracle.test(a),
        )
        for a in shared
    ]
    reached = np.array([cell.reached for cell in cells])
    columns = {loss: {f: np.array([cell.found[loss][f] for cell in cells]) for f in FIGURES} for loss in LOSSES}
    return Live(
        cells,
        {loss: _answer(study, oracle.test) for loss, study in studies.items()},
        {loss: {figure: agreement(x, reached) for figure, x in own.items()} for loss, own in columns.items()},
        {figure: gain(columns["nst"][figure], columns["ce"][figure], reached) for figure in FIGURES},
    )


def _figure(values: Mapping[str, float], figure: str) -> float:
    return -values[figure[1:]] if figure.startswith("-") else values[figure]


def _answer(study: Study, test: Callable[[Architecture], float]) -> Answer:
    """Best of the twelve-epoch runs that it looked at, and what was paid."""
    high = study.ladder.target.name
    seen = [o for o in study.state.observations if o.query.rung == high and o.value is not None]
    if not seen:
        raise SearchFailedError("a search must have looked at a run of twelve epochs; it has not. Look at the messages above.")
    best = max(seen, key=lambda o: o.value or 0.0).query.architecture
    looked_up = sum(o.seconds for o in seen)
    spent = study.ledger.spent - sum(charge.seconds for charge in study.ledger.charges if charge.kind is ChargeKind.OPTIMISER)
    return Answer(best.key, test(best), spent - looked_up, looked_up)


def to_markdown(found: Live, about: str) -> str:
    """Tables for people, below what was run and where."""
    lines = [
        "## An epoch of NST, and an epoch of cross-entropy",
        "",
        f"{len(found.cells)} random cells of NAS-Bench-201, each trained for one epoch, the rate falling to 0, with NST and with labels alone: "
        f"{about}. Against the benchmark's test accuracy after 200 epochs; 95% bootstrap intervals over cells.",
        "",
        "| figure after the epoch | coefficient | NST | cross-entropy | NST less cross-entropy |",
        "|---|---|---|---|---|",
    ]
    for figure in FIGURES:
        for name in COEFFICIENTS:
            both = " | ".join(found.agreement[loss][figure][name].shown(".2f", ".2f") for loss in LOSSES)
            lines.append(f"| {FIGURES[figure]} | {name} | {both} | {found.gain[figure][name].shown('+.2f', '+.2f')} |")
    lines += [
        "",
        "| search with | answer | test accuracy after 200 epochs | trained here | runs of 12 epochs, simulated |",
        "|---|---|---|---|---|",
    ]
    for loss, answer in found.answers.items():
        lines.append(
            f"| {loss} | {_escaped(answer.key)} | {answer.reached:.2f} | {answer.trained:,.0f} s | {answer.looked_up:,.0f} s |"
        )
    return "\n".join([*lines, "", *_table_of_cells(found)]) + "\n"


def _table_of_cells(found: Live) -> list[str]:
    heads = ["cell", "NST: train", "validation", "s", "cross-entropy: train", "validation", "s", "200 epochs, test"]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for cell in found.cells:
        figures = []
        for loss in LOSSES:
            own = cell.found[loss]
            figures += [f"{own['train_accuracy']:.2f}", f"{own['val_accuracy']:.2f}", f"{cell.seconds[loss]:.1f}"]
        lines.append(f"| {_escaped(cell.key)} | {' | '.join(figures)} | {cell.reached:.2f} |")
    return lines


def _escaped(cell: str) -> str:
    """A cell's name as a table can hold it."""
    return cell.replace("|", "\\|")
