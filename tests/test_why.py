"""What is stored of a decision is what decided: recomputed from the event log alone, by surrogate and acquisition as others may use them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from numpy.typing import NDArray

from mfsearch.acquisition.knowledge_gradient import DiscreteKnowledgeGradient
from mfsearch.allocation.base import State
from mfsearch.allocation.belief import Belief
from mfsearch.allocation.candidates import pool
from mfsearch.allocation.cost_aware import CostAware
from mfsearch.allocation.view import view
from mfsearch.build import build_problem
from mfsearch.cli import main
from mfsearch.execution.virtual import VirtualExecutor
from mfsearch.problems.base import Problem
from mfsearch.records import Architecture, EvaluationQuery
from mfsearch.report.views import figure_of, incumbent_of
from mfsearch.session.stored import stored_config
from mfsearch.store.events import Event, EventKind, dump
from mfsearch.store.sql import EventStore
from mfsearch.store.state import StudyState
from mfsearch.study import Study
from mfsearch.surrogate.threads import one_thread

DIGITS = """
space: nasbench201
task:
  use: digits
  train: 320
  epochs: 3
  val: 300
  test: 500
  network: {channels: 4, cells: 1, reduction: light}
  teacher: {channels: 8, cells: 1, reduction: light, feature_epochs: 1, training: {epochs: 3}}
constraints: ["params <= 5k"]
ladder:
- {use: zero_cost, name: proxies, proxies: [params, flops, synflow]}
- {use: distillation, name: few, epochs: 1, loss: nst, signal: -train_loss, expected_seconds: 0.2, teacher_seconds: 1.0}
- {use: distillation, name: full, epochs: 3, loss: kd, expected_seconds: 0.5, teacher_seconds: 1.0}
policy: {use: cost_aware, initial: 2}
"""
CLOSE = 1e-6  # relative

Vector = NDArray[np.float64]


@dataclass
class Rung:
    """The candidates of one rung, as they must have been judged, best first."""

    keys: list[str]
    gains: Vector
    costs: Vector
    scores: Vector

    @classmethod
    def of(cls, candidates: Sequence[Architecture], gains: Vector, costs: Vector, scores: Vector) -> Rung:
        order = np.argsort(-scores, kind="stable")
        return cls([candidates[i].key for i in order], gains[order], costs[order], scores[order])


@dataclass
class Again:
    """A decision made anew, from the events before it.

    The state is replayed, the surrogate fitted to it, and every candidate judged by the acquisition function's own `forward`.
    """

    state: State
    belief: Belief
    members: list[Architecture]
    chosen: list[EvaluationQuery]
    spent: float
    rungs: dict[str, Rung] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    pairs: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def decide(cls, problem: Problem, events: Sequence[Event], event: Event, place: int) -> Again:
        known = StudyState.replay(events[: event.seq], problem.space.parse)
        state = view(known, problem.space, problem.ladder)
        rng = np.random.default_rng([int(known.settings["seed"]), known.step])
        belief = Belief(state)
        members = pool(state, belief, rng)
        chosen: list[EvaluationQuery] = []
        for item in event.payload["queries"][:place]:
            chosen.append(EvaluationQuery(problem.space.parse(item["architecture"]), item["rung"]))
            belief.assume(chosen[-1:])
            members = members if problem.ladder.scores else pool(state, belief, rng)
        return cls(state, belief, members, chosen, known.ledger.spent)

    @property
    def free(self) -> float:
        return self.state.free - sum(self.state.cost(q.architecture, q.rung) for q in self.chosen)

    @property
    def left(self) -> float:
        """What there will be if all that runs takes what it is expected to."""
        return self.state.total - self.spent - sum(self.state.cost(q.architecture, q.rung) for q in self.state.pending)

    def money(self, level: int, kept: float) -> float:
        chosen = sum(self.state.cost(q.architecture, q.rung) for q in self.chosen)
        return self.free if level == self.last else min(self.free, self.left - chosen - kept)

    @property
    def last(self) -> int:
        return len(self.state.ladder.levels) - 1

    @property
    def by_mean(self) -> list[int]:
        return np.argsort(-self.belief.mean_variance(self.members, self.last)[0], kind="stable").tolist()

    def open(self, rung: str, places: Sequence[int], money: float, repeat: bool = True) -> list[int]:
        taken = self.state.excluded - (self.state.repeatable if repeat else frozenset())
        taken |= {(q.architecture.key, q.rung) for q in self.chosen}
        cost = self.state.cost
        return [i for i in places if (self.members[i].key, rung) not in taken and cost(self.members[i], rung) <= money]

    def judge(self, rung: str, places: Sequence[int], gains: Vector, slack: float, priced: bool = True) -> Rung:
        candidates = [self.members[i] for i in places]
        costs = np.array([self.state.cost(a, rung) for a in candidates])
        return Rung.of(candidates, gains, costs, gains / (costs + slack) if priced else gains)

    def by_mean_at_target(self) -> None:
        target = self.state.ladder.target.name
        places = self.open(target, self.by_mean, np.inf, repeat=False)
        means = self.belief.mean_variance(self.members, self.last)[0][places]
        candidates = [self.members[i] for i in places]
        self.rungs[target] = Rung.of(candidates, means, np.array([self.state.cost(a, target) for a in candidates]), means)

    def by_improvement(self, slack: float) -> None:
        target = self.state.ladder.target.name
        places = self.open(target, self.by_mean, self.free)[:60]
        self.rungs[target] = self.judge(target, places, self.belief.improvement(self.members, places), slack)

    def end(self) -> tuple[int, float, int] | None:
        """The last four runs at the target, in words in docs/decisions/0023: how many, what they leave over, how many were made."""
        target = self.state.ladder.target.name
        ran = [o.query.rung for o in self.state.observations if o.value is not None]
        made = [*ran, *(q.rung for q in [*self.state.pending, *self.chosen])].count(target)
        left = self.left - sum(self.state.cost(q.architecture, q.rung) for q in self.chosen)
        prices = [self.state.cost(self.members[i], target) for i in self.open(target, self.by_mean, left, repeat=False)]
        sums = np.cumsum(prices)
        room = int((sums <= left).sum())
        continuous, only = self.state.space.continuous, len(self.state.ladder.evaluations) < 2
        if self.state.rule == "evaluated" or continuous or only or not 1 <= room <= 4:
            return None
        return room, left - float(sums[room - 1]), made

    def taken(self, decision: dict[str, Any]) -> str:
        """The rung of the best rate, but for the last runs at the target."""
        target, best = self.state.ladder.target.name, max(self.rates, key=lambda rung: self.rates[rung])
        end = self.end()
        if end is None:
            assert "last_runs" not in decision
            assert "unpriced" not in decision
            return best
        room, over, made = end
        assert decision["last_runs"] == pytest.approx(
            {"affordable": room, "over_seconds": over, "made": made}, rel=CLOSE, abs=1e-6
        )
        assert decision["unpriced"] == [target]
        prices_of = {rung: self.pairs[rung]["cost"] if rung in self.pairs else told.costs[0] for rung, told in self.rungs.items()}
        if best == target or target not in self.rates or prices_of[best] <= over or made + room < 3:
            return best
        return best if self.rates[best] >= 10 * self.rates[target] else target

    def by_information(self, slack: float, left_out: set[str]) -> None:
        by_promise = np.argsort(-self.belief.promise(self.members), kind="stable")
        likely = [self.members[i] for i in sorted({*self.by_mean[:250], *by_promise[:150].tolist()})]
        realised = torch.from_numpy(self.belief.realised(likely)) if self.state.ladder.target.deterministic else None
        X = self.belief.inputs(likely, self.last)

        def acquisition(pending: torch.Tensor | None = None) -> DiscreteKnowledgeGradient:
            return DiscreteKnowledgeGradient(self.belief.model, X, pending, realised)

        def gains(judge: DiscreteKnowledgeGradient, places: Sequence[int], level: int) -> Vector:
            with torch.inference_mode():
                found: Vector = judge(self.belief.inputs([self.members[i] for i in places], level).unsqueeze(1)).numpy()
            return found

        at_target = self.open(self.state.ladder.target.name, self.by_mean, self.free)
        kept = 0.0
        if self.state.rule == "evaluated" and at_target:
            kept = self.state.p95(self.members[at_target[0]], self.state.ladder.target.name)
        shortlists: dict[int, list[int]] = {}
        for level, rung in enumerate(self.state.ladder.levels):
            if rung.name in left_out:
                continue
            money = self.money(level, kept)
            pooled = np.sort(by_promise[:2000])
            upper = self.belief.upper(self.members, level, pooled)
            order = self.by_mean if level == self.last else pooled[np.argsort(-upper, kind="stable")].tolist()
            places = self.open(rung.name, order, money)[: 60 if level == self.last else 400]
            shortlists[level] = places
            priced = level < self.last or self.end() is None  # docs/decisions/0024
            told = self.judge(rung.name, places, gains(acquisition(), places, level), slack, priced)
            self.rungs[rung.name] = told
            self.rates[rung.name] = float(told.gains[0] / told.costs[0])
        leading = max(self.rates, key=lambda rung: self.rates[rung])
        ran = [o.query.rung for o in self.state.observations if o.value is not None]
        ran += [q.rung for q in [*self.state.pending, *self.chosen]]
        for level, (first, *others) in shortlists.items():
            name = self.state.ladder.levels[level].name
            cost = [self.state.cost(self.members[i], name) for i in (first, *others)]
            money = self.money(level, kept)
            second = [i for i, price in zip(others, cost[1:], strict=True) if cost[0] + price <= money]
            if level and name not in ran and name != leading and second:
                given = acquisition(self.belief.inputs([self.members[first]], level))
                costs = cost[0] + np.array([self.state.cost(self.members[i], name) for i in second])
                rates = gains(given, second, level) / costs
                best = int(rates.argmax())
                self.rates[name] = float(rates[best])
                self.pairs[name] = {
                    "first": self.members[first].key,
                    "second": self.members[second[best]].key,
                    "gain": float(rates[best] * costs[best]),
                    "cost": float(costs[best]),
                }


def explained(events: Sequence[Event]) -> list[tuple[Event, int, dict[str, Any]]]:
    """Every evaluation that was decided by figures: its event, its place in it, and the entry."""
    asked = [event for event in events if event.kind is EventKind.ASKED and not event.payload["repeat"]]
    entries = [(event, place, dict(item)) for event in asked for place, item in enumerate(event.payload["queries"])]
    return [(event, place, item) for event, place, item in entries if "decision" in item["why"]]


def check(problem: Problem, events: Sequence[Event], event: Event, place: int, item: dict[str, Any], why: dict[str, Any]) -> None:
    """See that a stored reason is what comes out when the decision is made anew."""
    decision = why["decision"]
    assert decision["beside"] == place
    left_out = {rung for rung, told in decision["rungs"].items() if "left_out" in told}
    with one_thread():
        again = Again.decide(problem, events, event, place)
        slack = decision["slack_seconds"]
        if decision["rule"] == "information":
            again.by_information(slack, left_out)
        elif decision["rule"] == "improvement":
            again.by_improvement(slack)
        else:
            again.by_mean_at_target()
    if decision["rule"] != "mean":
        assert slack == pytest.approx(0.05 * again.left, rel=CLOSE)

    assert decision["pool"] == len(again.members)

    # Every figure that is named, of the best of each rung and of the next best, in their order.
    assert set(again.rungs) == set(decision["rungs"]) - left_out
    for name, rung in again.rungs.items():
        told = decision["rungs"][name]
        rows = [told, *(row for row in decision["alternatives"] if row["rung"] == name)]
        for i, row in enumerate(rows):
            assert row["score"] == pytest.approx(rung.scores[i], rel=CLOSE, abs=1e-12)
            assert row["cost"] == pytest.approx(rung.costs[i], rel=CLOSE)
            if i + 1 == len(rung.scores) or rung.scores[i] > rung.scores[i + 1] + 1e-12:  # ties may stand in any order
                assert row["architecture"] == rung.keys[i]
            if row["gain"] is not None:
                assert row["gain"] == pytest.approx(rung.gains[i], rel=CLOSE, abs=1e-12)
        assert told["score"] >= rung.scores.max() - CLOSE * abs(rung.scores.max()) - 1e-12  # nobody compared has a higher one
        assert told["considered"] == min(len(rung.keys), 60 if name == again.state.ladder.target.name else 400)

    # Between rungs, and the one that was taken.
    if decision["rule"] == "information":
        assert why["gain_per_second_by_rung"] == pytest.approx(again.rates, rel=CLOSE, abs=1e-12)
        assert why["gain_per_second_by_rung"][item["rung"]] == why["gain_per_second"]
        assert item["rung"] == again.taken(decision)
    for name, pair in again.pairs.items():
        told = decision["rungs"][name]["pair"]
        assert (told["gain"], told["cost"]) == (pytest.approx(pair["gain"], rel=CLOSE), pytest.approx(pair["cost"], rel=CLOSE))
    if "second" in decision:
        pair = again.pairs[item["rung"]]
        assert (item["architecture"], decision["second"]) == (pair["first"], pair["second"])
    else:
        assert (item["architecture"], item["rung"]) == (decision["rungs"][item["rung"]]["architecture"], item["rung"])

    # What was known of the chosen one, and of the study.
    architecture = problem.space.parse(item["architecture"])
    mean, low, high = again.belief.intervals([architecture], again.last)[:, 0]
    shown = sorted(problem.objective.shown(float(end)) for end in (low, high))
    assert decision["posterior"]["interval"] == pytest.approx(shown, rel=CLOSE, abs=1e-6)
    assert decision["posterior"]["mean"] == pytest.approx(problem.objective.shown(float(mean)), rel=CLOSE, abs=1e-6)
    known = StudyState.replay(events[: event.seq])
    best = incumbent_of(known)
    expected = None if best is None else {"evaluation": best.query.id, "figure": pytest.approx(figure_of(known, best), rel=CLOSE)}
    assert decision["incumbent"] == expected
    assert decision["pending"] == list(known.pending)


def run(study: str, *arguments: str) -> None:
    done = CliRunner().invoke(main, ["run", *arguments, "--study", study])
    assert done.exit_code == 0, done.output


def why(study: str, *arguments: object) -> dict[str, Any]:
    done = CliRunner().invoke(main, ["why", study, *map(str, arguments), "--json"])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MFSEARCH_STORAGE", url)
    return url


def verify(study: str, storage: str, home: Path) -> list[dict[str, Any]]:
    """Every decision of a study against itself made anew, three of them as `mfsearch why` says them; what was stored of each."""
    events = EventStore(storage).events(study)
    problem = build_problem(stored_config(study, events), home)
    entries = explained(events)
    assert len(entries) >= 3
    said = [entries[0][2]["id"], entries[len(entries) // 2][2]["id"], entries[-1][2]["id"]]
    for event, place, item in entries:
        assert len(dump(item["why"])) < 2048
        told = why(study, item["id"]) if item["id"] in said else {"why": item["why"]}
        check(problem, events, event, place, item, told["why"])
        if "sentence" in told:
            assert told["sentence"].startswith(f"#{item['id']} at {item['rung']}: {told['why']['reason']}: ")
            assert (told["architecture"], told["rung"]) == (item["architecture"], item["rung"])
    return [item["why"] for _, _, item in entries]


def test_a_real_search_says_what_decided(storage: str, home: Path, tmp_path: Path) -> None:
    """Digits, with a teacher and networks that are really trained, in seconds."""
    (tmp_path / "small.yaml").write_text(DIGITS)
    run("small", "small.yaml", "--budget", "12s")
    verify("small", storage, home)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_search_of_a_function_says_what_decided(storage: str, home: Path, workers: int) -> None:
    """A continuous space, where the candidates are drawn anew at every decision, and several at a time."""
    run("h6", "hartmann6", "--budget", "60s", "--workers", str(workers))
    stored = verify("h6", storage, home)
    assert any("second" in why["decision"] for why in stored) is (workers == 1)
    assert any(why["decision"]["pending"] for why in stored) is (workers > 1)


def test_a_search_for_what_was_evaluated_says_what_decided(storage: str, home: Path) -> None:
    """Early looks at the target, information, and the last part of the budget: every rule that there is."""
    run("kd", "kd-table", "--budget", "300s", "--set", "recommend=evaluated", "--set", "seed=1")
    assert {why["decision"]["rule"] for why in verify("kd", storage, home)} == {"mean", "information", "improvement"}


def test_the_last_runs_at_the_target_say_what_decided(storage: str, home: Path) -> None:
    """Of a list of architectures, with a rung below: where few runs are left, their prices do not count."""
    run("kd", "kd-table", "--budget", "130s")
    last = [why["decision"] for why in verify("kd", storage, home) if "last_runs" in why["decision"]]
    assert any(decision["rungs"][decision["unpriced"][0]].get("gain", 0) > 0 for decision in last)


def rewritten(events: Sequence[Event], change: Callable[[dict[str, Any]], dict[str, Any]]) -> list[Event]:
    """A history with other reasons."""
    found = []
    for event in events:
        payload = json.loads(dump(event.payload))
        for item in payload.get("queries", []):
            item["why"] = change(item["why"])
        found.append(Event(event.seq, event.kind, payload, event.at))
    return found


def test_a_study_of_an_older_version_goes_on_as_it_would_have(storage: str, home: Path) -> None:
    run("now", "hartmann6", "--budget", "40s")
    store = EventStore(storage)
    events = rewritten(store.events("now"), lambda why: {"reason": why["reason"]})
    store.create("before", events[0].payload)
    store.extend("before", events[1:])
    assert why("before", 5)["why"] == {"reason": why("now", 5)["why"]["reason"]}
    assert why("before", 5)["sentence"] == f"#5 at low: {why('now', 5)['why']['reason']}."
    problem = build_problem(stored_config("now", events), home)
    went_on = []
    for name in ("now", "before"):
        study = Study(
            problem.space,
            problem.ladder,
            "+30s",
            policy=CostAware(),
            name=name,
            store=store,
            executor=VirtualExecutor(),
            resume=True,
        )
        study.run()
        went_on.append([(o.query.architecture.key, o.query.rung, o.value) for o in study.state.observations])
    assert went_on[0] == went_on[1]
    assert len(went_on[0]) > len([event for event in events if event.kind is EventKind.TOLD])
