from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from mfsearch.tables.runs import architecture_piece

FIRST = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"


def run(offset: float = 0.0, sets: tuple[str, ...] = ("x-valid", "ori-test"), **changes: Any) -> dict[str, Any]:
    """Two epochs: training 10 and 20 percent, sets 30 and 40, each plus the offset."""
    record = {
        "epochs": 2,
        "seed": 777,
        "flop": 1.5,
        "params": 0.5,
        "train_acc1es": {0: 10.0 + offset, 1: 20.0 + offset},
        "train_losses": {0: 2.0, 1: 1.0},
        "train_times": {0: 5.0, 1: 6.0 + offset},
        "eval_acc1es": {f"{name}@{epoch}": 30.0 + 10 * epoch + offset for name in sets for epoch in (0, 1)},
        "eval_losses": {f"{name}@{epoch}": 0.5 for name in sets for epoch in (0, 1)},
    }
    return record | changes


def state(results: Any, **changes: Any) -> dict[str, Any]:
    return {"arch_index": 0, "arch_str": FIRST, "all_results": results, **changes}


def row(results: pa.Table, **where: Any) -> dict[str, Any]:
    for name, wanted in where.items():
        results = results.filter(pc.equal(results[name], wanted))
    (only,) = results.to_pylist()
    return only


def test_seeds_are_averaged_and_counted_and_seconds_add_up():
    piece = architecture_piece([state({("d", 1): run(), ("d", 2): run(4.0)})], "f", 0)
    assert piece.missing == ()
    assert len(piece.results) == 6
    final = row(piece.results, split="val", epoch=2)
    assert final == {
        "index": 0, "architecture": FIRST, "dataset": "d", "schedule": 2, "epoch": 2, "split": "val",
        "accuracy": 42.0, "loss": 0.5, "seconds": 13.0, "seeds": 2,
    }  # fmt: skip
    assert row(piece.results, split="train", epoch=1)["accuracy"] == 12.0
    assert row(piece.results, split="test", epoch=1)["seconds"] == 5.0


def test_sets_get_the_names_of_splits():
    piece = architecture_piece(
        [state({("d", 1): run(sets=("x-valid", "x-test", "ori-test")), ("e", 1): run(sets=("ori-test",))})], "f", 0
    )
    splits = {(r["dataset"], r["split"]) for r in piece.results.to_pylist()}
    assert splits == {("d", "train"), ("d", "val"), ("d", "test"), ("d", "valtest"), ("e", "train"), ("e", "test")}


def test_epochs_that_were_not_evaluated_have_no_row():
    once = run(eval_acc1es={"ori-test@1": 50.0}, eval_losses={"ori-test@1": 0.1})
    piece = architecture_piece([state({("d", 1): once, ("d", 2): run(sets=("ori-test",))})], "f", 0)
    assert row(piece.results, split="test", epoch=1)["seeds"] == 1
    assert (row(piece.results, split="test", epoch=2)["accuracy"], row(piece.results, split="test", epoch=2)["seeds"]) == (
        45.0,
        2,
    )


def test_counts_of_runs_that_disagree_are_those_of_the_right_seed():
    runs = {("d", 777): run(flop=9.0), ("d", 888): run(flop=2.0, seed="0888"), ("e", 777): run(flop=None, params=None)}
    assert architecture_piece([state(runs)], "f", 0).scores.to_pylist() == [
        {"architecture": FIRST, "dataset": "d", "flops": 2.0, "params": 0.5}
    ]


@pytest.mark.parametrize(
    ("results", "missing"),
    [
        ({("d", 1): run(train_times=None)}, ("no training seconds of d for 2 epochs", "f")),
        ({("d", 1): run(train_times={0: 1.0})}, ("no training seconds of d for 2 epochs", "f")),
        ({("d", 1): run(), ("d", 2): None}, ("damaged runs", "f ('d', 2)")),
        ({("d", 1): run(), "d": run()}, ("damaged runs", "f d")),
        ({("d", 1): run(), ("d", 2): run(epochs="2")}, ("damaged runs", "f ('d', 2)")),
        ({("d", 1): run(200.0)}, ("accuracies outside [0, 100]: d train for 2 epochs", "f")),
    ],
)
def test_damage_is_named_and_the_rest_is_used(results: Any, missing: tuple[str, str]):
    piece = architecture_piece([state(results)], "f", 0)
    assert missing in piece.missing
    assert len(piece.results) == 6


@pytest.mark.parametrize(
    "broken",
    [
        None,
        3,
        {},
        state(None),
        state({}, arch_index=None),
        state({}, arch_str="x"),
        state({("d", 1): run()}, arch_index=1),
        state({("d", 1): run()}, arch_str=FIRST.replace("avg_pool_3x3", "none")),
    ],
)
def test_records_of_something_else(broken: Any):
    piece = architecture_piece([broken], "f", 0, FIRST)
    assert len(piece.results) == 0
    assert piece.missing == (("records of another architecture, or of none", "f"),)
    assert architecture_piece([state({})], "f", 0).missing == (("no runs", "f"),)
