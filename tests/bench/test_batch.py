from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

import mfsearch
from mfsearch.bench.batch import Plan, fingerprint, load_problem, run_batch
from mfsearch.bench.methods import METHODS, Method, parse_methods
from mfsearch.bench.trace import about, read, to_table, write
from mfsearch.errors import ConfigError, DataError, SearchFailedError
from mfsearch.tables.importing import import_nasbench201


def test_one_file_has_every_run(plan: Plan, table: pa.Table, said: list[str]):
    assert read(plan.out / "runs.parquet").equals(table)
    pairs = list(dict.fromkeys(zip(table["method"].to_pylist(), table["seed"].to_pylist(), strict=True)))
    assert pairs == [("random_low", 3), ("random_low", 4), ("random", 3), ("random", 4)], "in the plan's order"
    found = about(table)
    assert [(run["method"], run["seed"]) for run in found["runs"]] == pairs
    assert all(run["run_seconds"] > run["ask_seconds"] > 0 for run in found["runs"])
    assert found["methods"]["random_low"] == {
        "problem": "branin",
        "ladder": ["low", "high"],
        "truth": found["methods"]["random"]["truth"],
        "budget_seconds": 25.0,
        "recommend": "predicted",
        "policy": "random",
        "options": {"rung": "low"},
        "mfsearch": mfsearch.__version__,
    }
    assert len(said) == 4
    assert any(line.startswith("[1/4] random") and "charges, took" in line for line in said)


def test_runs_do_not_depend_on_the_number_of_processes(plan: Plan, table: pa.Table, tmp_path: Path):
    again = run_batch(replace(plan, out=tmp_path), 1, lambda line: None)
    assert again.equals(table)


def test_what_is_finished_is_not_run_again(plan: Plan, table: pa.Table):
    shards = sorted((plan.out / "runs").glob("*.parquet"))
    assert [shard.name for shard in shards] == [f"{m}-{s}.parquet" for m in ("random", "random_low") for s in (3, 4)]
    before = {shard: shard.stat().st_mtime_ns for shard in shards}
    gone = plan.shard(plan.methods[0], 4)
    gone.unlink()
    lines: list[str] = []
    assert run_batch(plan, 2, lines.append).equals(table)
    assert [line.split(":")[0] for line in lines] == ["3 of 4 runs are finished already", "[1/1] random_low, seed 4"]
    assert {shard for shard in shards if shard.stat().st_mtime_ns != before[shard]} == {gone}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"budget": 26.0}, "random_low-3.parquet has budget_seconds 25.0 instead of 26.0. Use another --out."),
        ({"rule": "evaluated"}, "random_low-3.parquet has recommend 'predicted' instead of 'evaluated'"),
        ({"problem": "currin"}, "random_low-3.parquet has problem 'branin' instead of 'currin'"),
        (
            {"methods": [Method("random", "random", {"rung": "low"})]},
            "random-3.parquet has options {} instead of {'rung': 'low'}",
        ),
    ],
)
def test_runs_of_another_plan_are_not_mixed_in(plan: Plan, table: pa.Table, change, message: str):
    with pytest.raises(ConfigError) as caught:
        run_batch(replace(plan, **change), 1, lambda line: None)
    assert message in str(caught.value)


def test_damaged_runs_are_named(plan: Plan, tmp_path: Path):
    mine = replace(plan, out=tmp_path)
    (tmp_path / "runs").mkdir()
    mine.shard(mine.methods[0], 3).write_bytes(b"nonsense")
    with pytest.raises(DataError, match="random_low-3.parquet must be a Parquet file of runs"):
        run_batch(mine, 1, lambda line: None)


def test_labels_make_different_file_names(plan: Plan):
    labels = ["cost_aware:reserve=0.1", "cost_aware;reserve=0.1", "cost_aware/reserve=0.1"]
    names = {plan.shard(Method(label, "cost_aware", {}), 0).name for label in labels}
    assert len(names) == 3
    assert all("/" not in name and ":" not in name for name in names)


def test_a_failure_is_told_and_the_rest_is_kept(plan: Plan, tmp_path: Path):
    mine = replace(plan, methods=parse_methods("random,ranked"), seeds=(3,), out=tmp_path)
    lines: list[str] = []
    with pytest.raises(SearchFailedError) as caught:
        run_batch(mine, 2, lines.append)
    assert str(caught.value).startswith(
        "1 of 2 runs failed, the first with: ranked, seed 3: policy 'ranked' must rank by a score"
    )
    assert "run the same command again" in str(caught.value)
    assert mine.shard(mine.methods[0], 3).exists() and not mine.shard(mine.methods[1], 3).exists()
    assert len(lines) == 2


def test_a_wrong_option_is_found_before_anything_runs(plan: Plan, tmp_path: Path):
    mine = replace(plan, methods=parse_methods("random,cost_aware:colour=1"), out=tmp_path)
    with pytest.raises(ConfigError, match="options of 'cost_aware' must be usable"):
        run_batch(mine, 1, lambda line: None)
    assert not (tmp_path / "runs").exists()


def test_a_run_without_a_row_is_finished(plan: Plan, tmp_path: Path):
    mine = replace(plan, seeds=(3,), out=tmp_path)
    (tmp_path / "runs").mkdir()
    for method in mine.methods:
        found = {"fingerprint": fingerprint(mine, method), "run": {"method": method.label, "seed": 3}}
        write(mine.shard(method, 3), to_table(method.label, 3, [], found))
    assert run_batch(mine, 1, lambda line: None).num_rows == 0


def test_a_problem_has_options_as_methods_have(tmp_path: Path):
    assert load_problem("branin", tmp_path).name == "branin"
    with pytest.raises(ConfigError, match="options of 'branin' must be usable; .*colour"):
        load_problem("branin:colour=1", tmp_path)
    with pytest.raises(ConfigError, match="problem must be one of .*; got 'brannin'. Did you mean 'branin'?"):
        load_problem("brannin", tmp_path)
    with pytest.raises(ConfigError, match="known truth; got 'digits'"):
        load_problem("digits", tmp_path)


@pytest.mark.slow
@pytest.mark.skipif("MFSEARCH_DATA" not in os.environ, reason="needs MFSEARCH_DATA, the folder of nasbench201.csv.gz")
def test_every_method_runs_on_a_table_and_is_its_seed_alone(tmp_path: Path):
    data = Path(os.environ["MFSEARCH_DATA"])
    import_nasbench201(tmp_path, data / "nasbench201.csv.gz", "t", data / "nasbench201_zero_cost_cifar10.csv.gz", "cifar10")
    methods = parse_methods(",".join(METHODS))
    plan = Plan("t-cifar10", methods, 1.5 * 3600, (0,), "predicted", tmp_path / "one", tmp_path)
    plan.out.mkdir()
    table = run_batch(plan, 2, lambda line: None)
    assert set(table["method"].to_pylist()) == set(METHODS)
    spent = table.group_by("method").aggregate([("seconds", "sum")])
    assert all(0 < seconds <= plan.budget for seconds in spent["seconds_sum"].to_pylist())
    # Again in other company: the other way round, one after the other.
    other = replace(plan, methods=methods[::-1], out=tmp_path / "other")
    other.out.mkdir()
    again = run_batch(other, 1, lambda line: None)
    order = [("method", "ascending"), ("step", "ascending")]
    assert again.replace_schema_metadata(None).sort_by(order).equals(table.replace_schema_metadata(None).sort_by(order))
