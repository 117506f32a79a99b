"""A real Ray cluster of two nodes on this machine, one CPU and one pretended GPU each, and what is done to it."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from evaluations import alive, job, run
from hostile_rungs import Low, Telltale

from mfsearch.allocation.random_search import RandomSearch
from mfsearch.cli import main
from mfsearch.errors import ConfigError
from mfsearch.execution.base import AbstractExecutor
from mfsearch.execution.local import GRACE
from mfsearch.execution.ray_cluster import RayExecutor
from mfsearch.fidelities.function import FunctionFidelity
from mfsearch.records import Status
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.store.sql import EventStore
from mfsearch.study import Study
from mfsearch.testing.executors import ExecutorContract

# Ray counts what it is told: nobody looks whether a GPU is there.
NODE = {"num_cpus": 1, "num_gpus": 1, "object_store_memory": 80 * 2**20}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    found = importlib.import_module("ray.cluster_utils").Cluster(initialize_head=True, head_node_args=NODE)
    found.second = found.add_node(**NODE)
    yield found
    found.shutdown()


@pytest.fixture(scope="module")
def pair(cluster: Any) -> Iterator[RayExecutor]:
    with RayExecutor(2, address=cluster.address, gpus_per_rung={"full": 0.25, "scripted": 0.25}) as executor:
        yield executor


def taken() -> float:
    """GPUs in use, of the two that there are; Ray counts them now and then."""
    time.sleep(1.0)
    return float(2 - importlib.import_module("ray").available_resources().get("GPU", 0.0))


def test_rungs_take_their_parts_of_gpus(pair: RayExecutor, tmp_path: Path):
    (whole,) = run(pair, job("see", tmp_path, rung=Low()))
    assert (whole.extras["gpus"], taken()) == ("0", 1.0), "a rung that is not named takes one"
    # Now its worker, idle, is in the way of one of the two.
    seen = run(pair, job("see", tmp_path), job("see", tmp_path, id=2))
    assert ([o.extras["gpus"] for o in seen], taken()) == (["0", "0"], 2 * 0.25)


class TestContract(ExecutorContract):
    @pytest.fixture(autouse=True)
    def _one(self, pair: RayExecutor) -> None:
        self.pair = pair

    def make(self) -> AbstractExecutor:
        return self.pair


def parent(pid: float) -> int:
    """Process that a process was begun by."""
    return int(Path(f"/proc/{int(pid)}/stat").read_text().rsplit(") ", 1)[1].split()[1])


def test_evaluations_run_side_by_side_on_both_nodes(pair: RayExecutor, tmp_path: Path):
    beats: list[float] = []
    told: list[tuple[float, str]] = []
    first = replace(job("nap:2.5", tmp_path), beat=beats.append, progress=lambda *news: told.append(news))
    assert (pair.slots, pair.free_slots, pair.virtual) == (2, 2, False)
    pair.submit(first)
    assert pair.free_slots == 1
    pair.submit(job("nap:2.5", tmp_path, id=2))
    assert pair.free_slots == 0
    seen = [*pair.collect()]
    seen += pair.collect() if len(seen) < 2 else []
    assert pair.collect() == [] and pair.free_slots == 2
    assert [s.status for s in seen] == [Status.OK, Status.OK]
    spans = [(s.values["began"], s.values["ended"]) for s in seen]
    assert max(begun for begun, _ in spans) < min(end for _, end in spans), "they overlap"
    assert len({parent(parent(s.values["pid"])) for s in seen}) == 2, "below two nodes"
    assert all(2.5 <= s.seconds < 4.0 for s in seen), "what is charged does not hold the start of a process"
    assert len(beats) == 2 and beats == sorted(beats) and told == [(0.5, "half way")]


def test_a_worker_that_dies_is_lost_and_another_takes_its_place(pair: RayExecutor, tmp_path: Path):
    left, good = run(pair, job("leave:3", tmp_path), job("nap:0.5", tmp_path, id=2))
    assert left.status is Status.LOST and "its worker process ended with exit code 3" in left.message
    assert good.status is Status.OK
    assert [s.status for s in run(pair, job("nap", tmp_path), job("nap:0.5", tmp_path, id=2))] == [Status.OK, Status.OK]


@pytest.mark.faults
def test_who_minds_a_worker_is_killed(pair: RayExecutor, tmp_path: Path):
    worker = int(run(pair, job("see", tmp_path))[0].values["pid"])
    minder, beats = parent(worker), dict[int, float]()

    def beat(id: int, seconds: float) -> None:
        beats[id] = seconds
        if len(beats) == 2:
            os.kill(minder, signal.SIGKILL)

    seen = run(pair, *(replace(job("nap:1.8", tmp_path, id=id), beat=partial(beat, id)) for id in (1, 2)))
    (lost,) = [o for o in seen if o.status is not Status.OK]
    assert (
        lost.status is Status.LOST
        and "its worker on node" in lost.message
        and "was lost after its heartbeat at 1.0" in lost.message
    )
    assert lost.seconds == beats[lost.query.id], "charged up to the last heartbeat"
    deadline = time.monotonic() + 10
    while alive(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(worker)


@pytest.mark.faults
def test_what_hangs_is_ended(pair: RayExecutor, tmp_path: Path):
    (cut,) = run(pair, job("hang:60", tmp_path, limit=1.0))
    assert cut.status is Status.CUT and "the limit of 1.0 s had passed, and it did not stop" in cut.message
    assert 1.0 + GRACE <= cut.seconds < 1.0 + 2 * GRACE


def test_what_cannot_be_sent_is_said(pair: RayExecutor, tmp_path: Path):
    with pytest.raises(ConfigError, match=r"rung 'low' must be sendable to another process.*Define its functions"):
        pair.submit(job("x", tmp_path, rung=FunctionFidelity("low", lambda a, c: 1.0, 1.0)))
    assert pair.free_slots == 2


def test_impossible_numbers(cluster: Any):
    with pytest.raises(ConfigError, match="workers, threads and memory must be positive; got 0, 1 and None"):
        RayExecutor(0)
    with pytest.raises(ConfigError, match="GPUs of a rung must be a part of one, or whole ones; got 1.5 for 'full'. Write"):
        RayExecutor(1, gpus_per_rung={"full": 1.5})
    with pytest.raises(
        ConfigError,
        match=r"a node of the Ray cluster must have the CPUs and GPUs of one evaluation, 1 and 2; got 1 and 1, 1 and 1\.",
    ):
        RayExecutor(1, address=cluster.address, gpus_per_rung={"full": 2})


@pytest.mark.faults
def test_a_node_that_dies_costs_what_ran_on_it_and_nothing_else(
    pair: RayExecutor, cluster: Any, tmp_path: Path, fault: Callable[..., None]
):
    store, below = EventStore(), str(cluster.second.all_processes["raylet"][0].process.pid)
    at_death: list[set[int]] = []

    def told() -> set[int]:
        return {o.query.id for o in study.state.observations if o.status is Status.OK}

    def progress(id: int, fraction: float, raylet: str) -> None:
        if raylet == below and len(told()) >= 2 and not at_death:
            at_death.append(told())
            (tmp_path / "doomed").write_text(below)
            cluster.remove_node(cluster.second, allow_graceful=False)

    study = Study(
        NASBench201Space(), [Telltale()], 10.0, policy=RandomSearch(), seed=2, name="s", store=store, executor=pair,
        workdir=tmp_path, progress=progress,
    )  # fmt: skip
    assert study.run() is not None
    observations = study.state.observations
    good = [o for o in observations if o.status is Status.OK]
    (lost,) = [o for o in observations if o.status is not Status.OK]
    assert lost.status is Status.LOST and "its worker on node" in lost.message
    assert 1.0 <= lost.seconds == store.last_beat("s", lost.query.id) < 9.0  # a process outlives its node by some seconds
    assert at_death[0] < told(), "what was complete stays, and the search went on"
    (again,) = [o for o in good if o.query.architecture == lost.query.architecture]
    assert again.query.seed == lost.query.seed and again.query.id > lost.query.id
    assert len({o.query.architecture.key for o in good}) == len(good), "nothing is evaluated twice"
    assert sorted(o.query.id for o in observations) == list(range(study.state.asked)), "every evaluation ended, once"
    charged = sum(charge.seconds for charge in study.ledger.charges)
    assert study.ledger.spent == pytest.approx(charged) and 5.0 < charged < 10.0 + 2 * GRACE
    assert charged >= sum(o.seconds for o in observations)
    fault(
        "a Ray node is lost", "the node's processes killed in mid-search", len(at_death[0]), len(good), lost.seconds, lost.message
    )


SCRIPT = """
import sys
from pathlib import Path

from mfsearch.execution.base import Job
from mfsearch.execution.ray_cluster import RayExecutor
from mfsearch.fidelities.base import AbstractEvaluation
from mfsearch.records import Architecture, EvaluationQuery, Measurement, Objective


class Mine(AbstractEvaluation):
    name, signal = "mine", "val_accuracy"

    def expected_cost(self, architecture):
        return 1.0

    def evaluate(self, architecture, context):
        (context.workdir / "trace").write_text(str(context.device))
        return Measurement({"val_accuracy": 42.0})


if __name__ == "__main__":
    query = EvaluationQuery(Architecture("s", ("x",), "x"), "mine")
    with RayExecutor(1, gpus_per_rung={"mine": 0}) as executor:
        executor.submit(Job(query, Mine(), Objective(), 60.0, Path("relative")))
        (seen,) = executor.collect()
    print(seen.value, executor._session.connected, Path("relative/trace").read_text())
"""


def test_a_script_starts_a_cluster_and_ends_it(tmp_path: Path):
    (tmp_path / "main.py").write_text(SCRIPT)
    words = [sys.executable, str(tmp_path / "main.py")]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.returncode) == ("42.0 False cpu\n", 0), done.stderr


CONFIG = """
name: mine
space: nasbench201
task:
  use: digits
  train: 32
  epochs: 1
  val: 40
  test: 40
  network: {channels: 4, cells: 1, reduction: light}
ladder:
- {use: distillation, name: full, epochs: 1, loss: ce, expected_seconds: 0.2}
policy: random
budget: 3s
"""


def test_the_command_line_searches_on_a_cluster(pair: RayExecutor, cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pair.close()
    monkeypatch.chdir(tmp_path)
    Path("own.yaml").write_text(CONFIG)
    words = (
        f"run own.yaml --executor ray --ray-address {cluster.address} --set execution.device=cpu --storage sqlite:///s.db --json"
    )
    done = CliRunner().invoke(main, words.split())
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout.splitlines()[-1])["observations"] >= 1
    report = json.loads((tmp_path / "mfsearch-out" / "mine" / "report.json").read_text())
    assert report["configuration"]["execution"]["ray_address"] == cluster.address
