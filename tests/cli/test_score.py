from __future__ import annotations

import json

import torch

from mfsearch.metaprediction.learning import Learned
from mfsearch.metaprediction.storage import About, write_predictor
from mfsearch.networks.counts import count_parameters
from mfsearch.spaces.nasbench201 import NASBench201Space

CELL = "|nor_conv_3x3~0|+|nor_conv_1x1~0|none~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_3x3~2|"
OPERATIONS = ["nor_conv_3x3", "nor_conv_1x1", "none", "skip_connect", "avg_pool_3x3", "nor_conv_3x3"]


def test_scores_of_given_architectures(call):
    small = ["--set", "problem.train=32", "--set", "problem.epochs=1", "--set", "problem.val=32", "--set", "problem.test=32"]
    done = call("score", CELL, CELL.replace("none", "skip_connect"), *small, "--json")
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)
    assert [row["architecture"] for row in rows] == [CELL, CELL.replace("none", "skip_connect")]
    assert rows[0]["params"] == count_parameters(OPERATIONS, 1, 10, channels=8, cells=1, reduction="light")
    lines = call("score", CELL, *small).stdout.splitlines()
    assert lines[0].split()[:2] == ["architecture", "params"]
    assert lines[1].split()[0] == CELL


SMALL = ["--set", "problem.train=32", "--set", "problem.epochs=1", "--set", "problem.val=32", "--set", "problem.test=32"]


def test_any_proxies_of_architectures_from_a_file_and_at_random(call, tmp_path):
    (tmp_path / "cells.txt").write_text(f"{CELL}\n\n{CELL.replace('none', 'skip_connect')}\n")
    options = ["--from", "cells.txt", "--random", "3", "--proxies", "flops,zen,diswot", *SMALL, "--json"]
    done = call("score", *options)
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)
    assert len(rows) == 5 and rows[0]["architecture"] == CELL
    assert all(set(row) == {"architecture", "flops", "zen", "diswot"} for row in rows)
    assert json.loads(call("score", *options).stdout) == rows, "the same ones and the same figures"
    every = json.loads(call("score", CELL, "--proxies", "all", *SMALL, "--json").stdout)
    assert len(every[0]) == 15 and every[0]["zen"] == rows[0]["zen"]


def test_what_a_predictor_expects(call, tmp_path):
    """A predictor whose last layer is its bias says the same of every cell, whatever the teacher; it stands beside other scores."""
    about = About("nasbench201", NASBench201Space().layout.width, 64, ("params",), 4)
    model = about.model()
    weights = {name: torch.zeros_like(weight) for name, weight in model.named_parameters()}
    weights["last.bias"] += 0.625
    write_predictor(tmp_path / "some.safetensors", Learned(model, weights, None, 1, 0.5), about)
    done = call("score", CELL, "--proxies", "params", "--predictor", "some.safetensors", *SMALL, "--json")
    assert done.exit_code == 0, done.output
    (row,) = json.loads(done.stdout)
    assert list(row) == ["architecture", "params", "dass"] and row["dass"] == 62.5
    shipped = call("score", CELL, "--proxies", "params", "--dass", *SMALL, "--json")
    assert shipped.exit_code == 0, shipped.output
    (other,) = json.loads(shipped.stdout)
    assert list(other) == ["architecture", "params", "dass"] and 0 < other["dass"] < 100 and other["dass"] != 62.5
    wrong = call("score", CELL, "--predictor", "nowhere", *SMALL)
    assert wrong.exit_code != 0 and "must be a file that 'mfsearch meta-train' wrote" in wrong.output


def test_what_cannot_be_scored_is_said(call):
    assert "proxies must be some of params" in call("score", CELL, "--proxies", "nope", *SMALL).output
    assert "architectures must be given to be scored; got none" in call("score", *SMALL).output
    none = call("score", '{"x1": 0.0, "x2": 0.0}', "--problem", "branin", "--proxies", "params").output
    assert "proxies must be of networks; 'branin' builds none" in none
