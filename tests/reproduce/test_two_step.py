from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF

from mfsearch.errors import ConfigError
from mfsearch.execution.virtual import VirtualExecutor
from mfsearch.problems.mfkd import mobilenetv2
from mfsearch.reproduce.two_step import TwoStep
from mfsearch.spaces.resnet import ResNetSpace
from mfsearch.study import Study


def searched(home: Path, policy: TwoStep, rungs: tuple[str, ...]) -> Study:
    problem = mobilenetv2(home, rungs)
    study = Study(problem.space, problem.ladder, 5e4, objective=problem.objective, policy=policy, executor=VirtualExecutor())
    study.run()
    return study


def test_low_runs_first_then_the_best_of_them_on_the_target(mfkd_home: Path) -> None:
    study = searched(mfkd_home, TwoStep("nst27", 4), ("nst27", "full"))
    runs = study.state.observations
    assert [o.query.rung for o in runs] == ["nst27"] * 4 + ["full"] * 12
    best = max(runs[:4], key=lambda o: o.value or 0.0)
    assert runs[4].query.architecture == best.query.architecture
    assert len({o.query.architecture.key for o in runs[4:]}) == 12


def test_the_bound_is_that_of_scikit_learn(mfkd_home: Path) -> None:
    """Computed here once more for the fifth run on the target alone; the likelihood has one maximum on these figures."""
    study = searched(mfkd_home, TwoStep(beta=2.0), ("full",))
    everything = study.space.enumerate() or []
    inputs = study.space.encode(everything)
    inputs = (inputs - inputs.mean(0)) / inputs.std(0)
    places = [everything.index(o.query.architecture) for o in study.state.observations]
    values = [o.value for o in study.state.observations]
    process = GaussianProcessRegressor(RBF(1.0), n_restarts_optimizer=9, normalize_y=True, random_state=7)
    mean, deviation = process.fit(inputs[places[:4]], values[:4]).predict(inputs, return_std=True)
    bound = mean + 2.0 * deviation
    bound[places[:4]] = -np.inf
    assert places[4] == int(np.argmax(bound))


def test_what_it_needs(mfkd_home: Path) -> None:
    with pytest.raises(ConfigError, match="evaluations must be 1 or more"):
        TwoStep(evaluations=0)
    with pytest.raises(ConfigError, match="rung must be an evaluation of the ladder"):
        searched(mfkd_home, TwoStep("nst9"), ("nst27", "full"))
    study = Study(ResNetSpace(), mobilenetv2(mfkd_home).ladder, 5e4, policy=TwoStep(), executor=VirtualExecutor())
    state = replace(study._views(study.state), space=ResNetSpace())
    with pytest.raises(ConfigError, match="a space that lists itself"):
        TwoStep().propose(state, 1, np.random.default_rng(0))
