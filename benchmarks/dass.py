"""What DaSS's predictor is worth: on tasks that it has not seen, on a data set of another kind, and how long it takes.

    mfsearch meta-train small --set base.data=FOLDER --out DIR --jobs 2
    python benchmarks/dass.py --data FOLDER --tasks DIR [--out benchmarks/results/dass.json]

Learns from the tasks in DIR as `mfsearch meta-train` does, and prints Spearman's correlation with the distilled accuracy, with 95% bootstrap
intervals over students: of the predictor, of the same without the step on the teacher, of every zero-cost score, and of the scores'
least-squares combination fitted on the tasks that were learned from. First on the held-out tasks (classes and teachers unseen), then on
the random sample of `kd-table`: other pictures, cluttered digits, none of which were learned from. Then the seconds of 1,000 predictions on
digits, the teacher's signature included, its training not.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray

from mfsearch.config import load_config, read_section
from mfsearch.fidelities.base import Context
from mfsearch.fidelities.dass import SHIPPED, DaSS
from mfsearch.fidelities.distillation import Distillation
from mfsearch.metaprediction.learning import Learned, rank_correlation
from mfsearch.metaprediction.storage import read_predictor
from mfsearch.problems.kd_table import TABLE
from mfsearch.store.location import home
from mfsearch.tables.measured import Measured, read_measured
from mfsearch.tabulate.lessons import Lesson, MetaConfig
from mfsearch.tabulate.measure import Setting, load
from mfsearch.tabulate.meta import Lecture, compare, given, learn, lecture

RUNGS = ("proxies", "kd50")
OUT = Path(__file__).parent / "results" / "dass.json"


def digits(channels: int, scores: Sequence[str]) -> tuple[Setting, Lecture]:
    """The random sample of kd-table as a held-out task; its teacher is made anew where it is not kept."""
    config = load_config("digits-ladder", (), allow_code=False)
    kept = tuple(rung for rung in config.ladder or () if rung.options.get("name") in RUNGS)
    config = config.model_copy(update={"ladder": kept})
    setting = Setting(config, home(), None, False)
    table = read_measured(TABLE)
    sample = pc.and_(pc.equal(table.rows["group"], "sample"), pc.is_in(table.rows["rung"], pa.array(RUNGS)))
    rungs = tuple(rung for rung in table.about.rungs if rung.name in RUNGS)
    table = Measured(replace(table.about, rungs=rungs), table.rows.filter(sample))
    target = load(setting).ladder.target
    assert isinstance(target, Distillation)
    with tempfile.TemporaryDirectory() as folder:
        for resource in target.resources:
            resource.prepare(Context(0, math.inf, Path(folder), "cpu"))
    return setting, lecture(Lesson("kd-table", "test", config), setting, table, channels, scores)


def interval(prediction: NDArray[Any], truth: NDArray[Any]) -> tuple[float, float]:
    """95% bootstrap interval of the rank correlation over students."""
    rng = np.random.default_rng(0)
    draws = [rng.integers(len(truth), size=len(truth)) for _ in range(1000)]
    low, high = np.quantile([rank_correlation(prediction[rows], truth[rows]) for rows in draws], [0.025, 0.975])
    return float(low), float(high)


def seconds(setting: Setting, n: int = 1000) -> tuple[float, float]:
    """Wall and processor seconds of the shipped predictor for n random cells of digits."""
    problem = load(setting)
    target = problem.ladder.target
    assert isinstance(target, Distillation)
    cells = list({a.key: a for a in problem.space.sample(2 * n, np.random.default_rng(0))}.values())[:n]
    rung = DaSS("dass", target.live)
    with tempfile.TemporaryDirectory() as folder:
        context = Context(0, math.inf, Path(folder), "cpu")
        wall, cpu = time.perf_counter(), time.process_time()
        found = rung.score(cells, context)
        taken = time.perf_counter() - wall, time.process_time() - cpu
    assert len(found.values) == n
    return taken


def predicted(found: Learned, task: Lecture) -> NDArray[Any]:
    with torch.no_grad():
        return found.predict(task.task.students, task.task.support).numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with CIFAR-10")
    parser.add_argument("--tasks", type=Path, required=True, help="folder of `mfsearch meta-train small`")
    parser.add_argument("--config", default="small")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    _, config = read_section(MetaConfig, arguments.config, (f"base.data={arguments.data}",), "meta")
    lectures, channels = given(config, home(), arguments.tasks, 1, False, lambda text: None)
    setting, other = digits(channels, config.scores)
    found = learn(lectures, config.learning)
    without = learn(lectures, replace(config.learning, adapt=False))
    result: dict[str, Any] = {
        "machine": f"{platform.machine()}, one thread",
        "scores": list(config.scores),
        "episode": found.episode,
    }
    known = [one for one in lectures if one.lesson.group == "learn"]
    for name, tested in (("held out", [one for one in lectures if one.lesson.group == "test"]), ("digits", [other])):
        verdict = compare(found, without, [*known, *tested])
        result[name] = {"tasks": list(verdict.tasks), "students": [len(one.task.accuracies) for one in tested]}
        result[name]["spearman"] = {who: list(each) for who, each in verdict.of.items()}
        result[name]["interval of dass"] = [interval(predicted(found, one), one.task.accuracies.numpy()) for one in tested]
        print(f"\n| {name} | mean | SD | {' | '.join(verdict.tasks)} |\n|{'---|' * (3 + len(verdict.tasks))}")
        for who, each in verdict.of.items():
            spread = f"{stdev(each):.3f}" if len(each) > 1 else ""
            print(f"| {who} | {fmean(each):.3f} | {spread} | {' | '.join(f'{one:.2f}' for one in each)} |")
    _, about = read_predictor(SHIPPED)
    wall, cpu = seconds(setting)
    result["seconds of 1,000"] = {"wall": wall, "cpu": cpu, "scores": list(about.scores)}
    print(f"\n1,000 predictions: {wall:.1f} s, {cpu:.1f} s of the processor, with {', '.join(about.scores)}")
    arguments.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
