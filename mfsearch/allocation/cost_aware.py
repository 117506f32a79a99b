"""The default policy: the query that tells most about the target's optimum, on the rung where a device second buys most of it.

Each step the surrogate is conditioned on everything known (on what runs, too), and the exact knowledge gradient of every
promising (architecture, level) pair is computed; at a rung of several seeds that includes a second look at what was evaluated
there. On each rung the one that gains most stands (in so far as prices are small against what is left of the budget), and gain
per expected second decides between the rungs. The pool of architectures grows by buying scores for the neighbours of the most
promising ones. Two things guard against a ladder that misleads: a few early evaluations at the target, as soon as they are
cheap enough to be an insurance, and a last part of the budget that goes to the target alone.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from mfsearch.acquisition.knowledge_gradient import DiscreteKnowledgeGradient
from mfsearch.allocation.base import AbstractPolicy, Proposal, State
from mfsearch.allocation.beginning import Beginning
from mfsearch.allocation.belief import Belief
from mfsearch.allocation.candidates import pool
from mfsearch.allocation.features import REFERENCE, UNPROVEN
from mfsearch.allocation.kept import Kept
from mfsearch.allocation.last_runs import LastRuns, rate
from mfsearch.allocation.reasons import contest, explained
from mfsearch.allocation.worth import unproven, untested
from mfsearch.errors import ConfigError
from mfsearch.fidelities.base import AbstractScore
from mfsearch.records import Architecture, EvaluationQuery, Json, Observation, ScoreQuery, Status

_SMALL = 0.05  # of what is left of the budget: differences in price below that hardly count among candidates of one rung
_LIKELY = 2000  # architectures that lower levels are considered for: the most promising at the target


class CostAware(AbstractPolicy):
    """Cost-aware multi-fidelity knowledge gradient on a growing pool.

    Args:
        initial: Random evaluations at the lowest level before the surrogate decides: it needs some bad architectures, too. None: 4,
            or 2 where trusted scores tell good from bad already, and 2 more if the first two that they lead to are no better.
        initial_share: Most of the budget that they may cost, as a fraction; two are made in any case.
        start_share: Most of the budget that the first scores may cost, as a fraction.
        grow_every: Evaluations between two growths of the pool; 0 never grows it.
        grow_share: What a growth may cost of what evaluations have cost since the last one, as a fraction.
        grow_from: Promising architectures whose neighbours are scored.
        grow_by: Most architectures scored in one growth.
        insurance: Evaluations at the target that are made early whatever the lower levels say.
        insurance_share: Most of the budget that one of them may cost, as a fraction: dearer ones are no insurance.
        reserve: Last fraction of the budget that goes to the target alone, where the rule is `evaluated`.
        useless: A level whose learned correlation with the target is below this, with the target seen often enough to know,
            is no longer paid for.
    """

    name = "cost_aware"

    def __init__(
        self,
        initial: int | None = None,
        initial_share: float = 0.3,
        start_share: float = 0.1,
        grow_every: int = 1,
        grow_share: float = 0.3,
        grow_from: int = 30,
        grow_by: int = 40,
        insurance: int = 4,
        insurance_share: float = 0.06,
        reserve: float = 0.25,
        useless: float = 0.2,
    ) -> None:
        for name, share in (
            ("initial_share", initial_share),
            ("start_share", start_share),
            ("grow_share", grow_share),
            ("insurance_share", insurance_share),
            ("reserve", reserve),
            ("useless", useless),
        ):
            if not 0 <= share <= 1:
                raise ConfigError(f"policy cost_aware: {name} must be between 0 and 1; got {share}.")
        for name, count in (
            ("initial", initial or 0),
            ("grow_every", grow_every),
            ("grow_from", grow_from),
            ("grow_by", grow_by),
            ("insurance", insurance),
        ):
            if count < 0:
                raise ConfigError(f"policy cost_aware: {name} must be 0 or more; got {count}.")
        self._beginning = Beginning(initial, initial_share, start_share)
        self.reserve, self.useless = reserve, useless
        self.grow_every, self.grow_share, self.grow_from, self.grow_by = grow_every, grow_share, grow_from, grow_by
        self.insurance, self.insurance_share = insurance, insurance_share
        self._kept = Kept()

    def propose(self, state: State, n: int, rng: np.random.Generator) -> Proposal:
        """First scores at random, then evaluations at random, then growth of the pool and knowledge gradient by turns."""
        if first := self._beginning.scores(state, rng):
            return Proposal(first, reason="first scores, at random")
        done = [o for o in state.observations if o.status is Status.OK]
        initial = self._beginning.evaluations(state, n, done, rng)
        if initial:
            memory: dict[str, Json] = {**state.memory, UNPROVEN: [rung.name for rung in unproven(state)]}
            return Proposal(initial, memory, "first evaluations")
        if not done:
            return Proposal(reason="nothing is known, and no random evaluation is affordable")
        belief = Belief(state, self._kept)
        memory = {**state.memory, **belief.memory, "useless": self._found_useless(state, belief)}
        members = pool(state, belief, rng)
        doubtful = unproven(state)
        memory[UNPROVEN] = [rung.name for rung in doubtful]
        if growth := self._growth(state, belief, members, done, doubtful):
            return Proposal(growth, {**memory, "grown_at": len(done)}, "scores for the neighbours of the most promising")
        chosen: list[EvaluationQuery] = []
        for _ in range(n):
            if chosen:
                belief.assume(chosen[-1:])
            if chosen and not state.ladder.scores:
                members = pool(state, belief, rng)
            choice = self._best(state, belief, members, chosen)
            if choice is None:
                break
            chosen.append(choice)
        return Proposal(chosen, memory, "" if chosen else "no evaluation that could change the answer is affordable")

    def _found_useless(self, state: State, belief: Belief) -> dict[str, Json]:
        """Rungs that are not paid for (any more): since when, and how well they agree with the target."""
        before, last = state.memory.get("useless"), len(state.ladder.levels) - 1
        known: Mapping[str, Json] = before if isinstance(before, Mapping) else {}
        return {
            rung.name: known.get(rung.name)
            or {"since_seconds": state.total - state.left, "correlation": belief.model.correlation(level)}
            for level, rung in enumerate(state.ladder.levels)
            if level < last and belief.useless(level, self.useless)
        }

    def _growth(
        self,
        state: State,
        belief: Belief,
        members: list[Architecture],
        done: list[Observation],
        doubtful: Sequence[AbstractScore],
    ) -> list[ScoreQuery]:
        """Scores for the neighbours of the most promising architectures, most promising first."""
        grown_at = state.memory.get("grown_at", 0)
        since = done[grown_at if isinstance(grown_at, int) else 0 :]
        if not state.ladder.scores or not self.grow_every or len(since) < self.grow_every:
            return []
        cheapest = state.ladder.evaluations[0].name
        if state.left < 2 * np.median([state.cost(a, cheapest) for a in members[:REFERENCE]]):
            return []  # what is left buys evaluations
        order = np.argsort(-belief.promise(members), kind="stable")
        known, new = {a.key for a in members}, dict[str, Architecture]()
        for place in order[: self.grow_from]:
            for neighbour in state.space.neighbours(members[place]):
                if neighbour.key not in known and len(new) < self.grow_by:
                    new[neighbour.key] = neighbour
        wanted = {rung: untested(state, rung) if rung in doubtful else list(new.values()) for rung in state.ladder.scores}
        price = sum(rung.expected_cost(a) for rung, some in wanted.items() for a in some)
        allowed = min(0.1 * state.left, state.free, self.grow_share * sum(o.seconds for o in since))
        if not new or price > allowed:
            return []
        for rung in state.ladder.scores[1:]:
            if rung in doubtful:
                continue
            # What was found while it was in doubt: the reference of its scores, then what is most promising.
            places = [*range(min(REFERENCE, len(members))), *order.tolist()]
            lacking = {members[i].key: members[i] for i in places if members[i].key not in state.scores.get(rung.name, {})}
            for late in islice(lacking.values(), REFERENCE):
                price += rung.expected_cost(late)
                if price > allowed:
                    break
                wanted[rung].append(late)
        return [ScoreQuery(tuple(some), rung.name) for rung, some in wanted.items() if some]

    def _best(
        self, state: State, belief: Belief, members: list[Architecture], chosen: list[EvaluationQuery]
    ) -> EvaluationQuery | None:
        taken = (state.excluded - state.repeatable) | {(q.architecture.key, q.rung) for q in chosen}
        spoken_for = sum(state.cost(q.architecture, q.rung) for q in chosen)
        free, left = state.free - spoken_for, state.left - spoken_for
        target = state.ladder.target.name

        @functools.cache
        def cost(place: int, level: int) -> float:
            return state.cost(members[place], state.ladder.levels[level].name)

        def open(level: int, order: NDArray[np.intp], most: int, price: float) -> list[int]:
            rung = state.ladder.levels[level].name
            gone = {key for key, where in taken if where == rung}
            there = (i for i in order.tolist() if members[i].key not in gone and cost(i, level) <= price)
            return list(islice(there, most))

        last = len(state.ladder.levels) - 1
        mean, _ = belief.mean_variance(members, last)
        explain = functools.partial(explained, state=state, belief=belief, pool=len(members), beside=len(chosen))
        by_mean = np.argsort(-mean, kind="stable")
        at_target = open(last, by_mean, 60, free)
        new = [i for i in open(last, by_mean, 60, np.inf) if (members[i].key, target) not in state.excluded]
        if self._insured(state, chosen) and (first := new[:1]):
            price = cost(first[0], last)
            if price <= min(self.insurance_share * state.total, free):
                gains = belief.improvement(members, first)
                query, _ = self._query(gains, [price], members, first, last, state, "early look at the target", None)
                rivals = contest(members, new, mean[new], np.array([cost(i, last) for i in new]))
                return explain(query, {target: rivals}, rule="mean")
        small, kept = _SMALL * state.left, 0.0
        if state.rule == "evaluated":
            if not at_target and any(o.query.rung == target and o.status is Status.OK for o in state.observations):
                return None  # what the lower levels could still tell would not change which trained architecture is the best
            kept = state.p95(members[at_target[0]], target) if at_target else 0.0
            cheapest = state.p95(members[at_target[0]], state.ladder.evaluations[0].name) if at_target else 0.0
            ending = left <= self.reserve * state.total
            if at_target and (ending or left < kept + cheapest):
                gains = belief.improvement(members, at_target)
                prices = [cost(i, last) for i in at_target]
                reason = "the last part of the budget goes to the target"
                query, rivals = self._query(gains, prices, members, at_target, last, state, reason, small)
                return explain(query, {target: rivals}, rule="improvement", slack=small)
        money = [min(free, left - kept)] * last + [free]  # what a run at each level may cost
        by_promise = np.argsort(-belief.promise(members), kind="stable")
        reference = np.unique(np.r_[by_mean[:250], by_promise[:150]])
        likely = np.sort(by_promise[:_LIKELY])
        gradient = belief.gradient(members, reference)
        end = None
        # The rule `evaluated` has an end of its own, and in a continuous space the answer lies between what was run.
        if state.rule != "evaluated" and not state.space.continuous and len(state.ladder.evaluations) > 1:
            new = [i for i in open(last, by_mean, 60, left) if (members[i].key, target) not in state.excluded]
            end = LastRuns.of([cost(i, last) for i in new], left, self._runs(state, target, chosen))
        found: list[EvaluationQuery] = []
        contests: dict[str, dict[str, Json]] = {}
        left_out: dict[str, str] = {}
        unseen: dict[int, list[int]] = {}  # levels above the lowest without a run, and who could go there
        for level, rung in enumerate(state.ladder.levels):
            if rung.kind != "evaluation":
                continue
            if level < last and belief.useless(level, self.useless):
                left_out[rung.name] = "it was found useless"
                continue
            order = by_mean if level == last else likely[np.argsort(-belief.upper(members, level, likely), kind="stable")]
            places = open(level, order, 60 if level == last else 400, money[level])
            if not places:
                left_out[rung.name] = "nothing that is open there was affordable"
                continue
            gains = belief.gains(gradient, members, level, places)
            prices = [cost(i, level) for i in places]
            reason = "most information about the optimum per second"
            slack = None if level == last and end is not None and end.few else small
            query, contests[rung.name] = self._query(gains, prices, members, places, level, state, reason, slack)
            found.append(query)
            if level and not self._runs(state, rung.name, chosen):
                unseen[level] = places
        if not found:
            return None
        worth = {query.rung: rate(query) for query in found}
        leading = max(found, key=rate).rung
        for level, places in unseen.items():
            if state.ladder.levels[level].name == leading:
                continue
            if (pair := self._pair(state, belief, gradient, members, places, level, money[level])) is not None:
                worth[pair.rung] = rate(pair)
                contests[pair.rung]["pair"] = {"gain": pair.why["gain"], "cost": pair.why["cost"]}
                found.append(pair)
        best = max(found, key=rate) if end is None else end.choose(found, target)
        return explain(best, contests, rule="information", slack=small, left_out=left_out, worth=worth, end=end)

    @staticmethod
    def _pair(
        state: State,
        belief: Belief,
        gradient: DiscreteKnowledgeGradient,
        members: list[Architecture],
        places: list[int],
        level: int,
        free: float,
    ) -> EvaluationQuery | None:
        """The first run at a level, judged together with a second one; of members at some places, best first.

        Alone it tells where the level lies and not which architecture is the best, so that no gain of its own ever pays for it.
        """
        rung = state.ladder.levels[level].name
        first = members[places[0]]
        costs = np.array([state.cost(first, rung) + state.cost(members[i], rung) for i in places[1:]])
        open = np.flatnonzero(costs <= free)
        if not len(open):
            return None
        gradient.set_X_pending(belief.inputs([first], level))
        gains = belief.gains(gradient, members, level, [places[1 + i] for i in open])
        gradient.set_X_pending(None)
        place = int(np.argmax(gains / costs[open]))
        gain, cost = float(gains[place]), float(costs[open][place])
        why: dict[str, Json] = {
            "reason": "with a second run there it tells near-best architectures apart",
            "gain": gain,
            "cost": cost,
            "gain_per_second": gain / cost,
            "second": members[places[1 + int(open[place])]].key,
        }
        return EvaluationQuery(first, rung, why=why)

    @staticmethod
    def _runs(state: State, rung: str, chosen: list[EvaluationQuery]) -> int:
        """Number of evaluations at a rung, those that run and are about to run with it."""
        running = [q.rung for q in [*state.pending, *chosen]]
        return sum(o.query.rung == rung for o in state.observations if o.status is Status.OK) + running.count(rung)

    def _insured(self, state: State, chosen: list[EvaluationQuery]) -> bool:
        """Whether the next early look at the target is due: they are spread over the first part of the budget."""
        if len(state.ladder.evaluations) < 2:
            return False
        seen = self._runs(state, state.ladder.target.name, chosen)
        return seen < self.insurance and 1 - state.left / state.total >= 0.08 * (seen + 1)

    @staticmethod
    def _query(
        gains: NDArray[np.float64],
        prices: list[float],
        members: list[Architecture],
        found: list[int],
        level: int,
        state: State,
        reason: str,
        slack: float | None,
    ) -> tuple[EvaluationQuery, dict[str, Json]]:
        """The candidate of a rung that gains most per second, with `slack` seconds added to each price; None: that gains most.

        With the best few of the rung, as `contest` tells them.

        Gains of candidates of one rung do not add up, since there is one best architecture: divided by their prices, they would
        lead to the smallest networks, so that prices that are small against what is left hardly count. Nor do those of the last
        runs at the target, of which there are as many whichever is chosen. Between rungs, seconds count.
        """
        rung = state.ladder.levels[level].name
        costs = np.maximum(prices, 1e-9)
        scores = gains if slack is None else gains / (costs + slack)
        place = int(np.argmax(scores))
        if (members[found[place]].key, rung) in state.excluded:
            reason = f"once more, with another seed: {reason}"
        why: Mapping[str, Json] = {
            "reason": reason,
            "gain": float(gains[place]),
            "cost": float(costs[place]),
            "gain_per_second": float(gains[place] / costs[place]),
        }
        return EvaluationQuery(members[found[place]], rung, why=why), contest(members, found, scores, costs, gains)
