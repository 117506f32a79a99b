from __future__ import annotations

import json

from mfsearch.networks.counts import count_parameters

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
