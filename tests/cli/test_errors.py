"""What a user may get wrong: one clear message with the remedy, exit code 2, no traceback."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

TYPO = "problem: branin\nbugdet: 3min\n"
WRONG_TYPE = "problem: branin\nseed: soon\n"


def corrupted(path: Path) -> str:
    path.write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 40)
    return f"sqlite:///{path}"


def no_database(path: Path) -> str:
    path.write_text("these are my notes\n" * 200)
    return f"sqlite:///{path}"


def others_database(path: Path) -> str:
    with sqlite3.connect(path) as connection:
        connection.execute("create table studies (title text)")
    connection.close()
    return f"sqlite:///{path}"


def unwritable(path: Path) -> str:
    path.with_suffix(".file").touch()
    return f"sqlite:///{path.with_suffix('.file')}/studies.db"


@pytest.mark.parametrize(
    ("arguments", "message", "remedy"),
    [
        (["run", "--budget", "4gpu-hurs"], "'gpu-hurs'", "Did you mean 4gpu-hours?"),
        (["run", "--budget", "-3min"], "must be positive", "Write for example"),
        (["run", "--budget", "0s"], "must be positive", "Write for example"),
        (["run", "--budget", "3"], "must name its unit", "Write for example"),
        (["run", "--budget", ""], "must be a number and a unit", "Write for example"),
        (["run", "branin", "--budget", "0.01s"], "must pay for at least one evaluation", "Raise --budget"),
        (["run", "typo.yaml"], "bugdet", "Did you mean 'budget'?"),
        (["run", "type.yaml"], "seed must be an integer; got 'soon'", "type.yaml:2"),
        (["run", "branin", "--set", "policy.use=cost_awar"], "policy must be one of", "Did you mean 'cost_aware'?"),
        (["run", "branin", "--policy", "nothing"], "policy must be one of", "random"),
        (["run", "branin", "--set", "policy.reserv=0.1"], "reserv", "reserve"),
        (["run", "branin", "--set", "problem.colour=red"], "colour", "branin"),
        (["run", "problem.yaml"], "problem must be one of", "Did you mean 'branin'?"),
        (["run", "brannin"], "'brannin'", "Did you mean 'branin'?"),
        (["run", "nowhere.yaml"], "nowhere.yaml", "Presets:"),
        (["run", "branin", "--executor", "sereal"], "execution.executor", "'serial'"),
        (["run", "branin", "--executor", "serial"], "execution.executor must be 'virtual'", "Leave it out"),
        (["run", "branin", "--ray-address", "h:1"], "execution.ray_address must be left out", "Leave it out."),
        (["run", "digits", "--ray-address", "h:1", "--executor", "local"], "it is 'local'", "Take 'ray'."),
        (["run", "digits", "--ray-address", ""], "execution.ray_address must have at least 1 character", "got ''"),
        (["run", "digits", "--ray-address", "here"], "must be HOST:PORT, or 'auto'; got 'here'", "ray start --head"),
        (
            ["run", "digits", "--executor", "ray", "--set", "execution.gpus_per_rung.nts=1"],
            "must name rungs that evaluate",
            "Did you mean 'nst'?",
        ),
        (
            ["run", "digits", "--workers", "2", "--executor", "serial"],
            "execution.executor 'serial' has one worker",
            "Take 'local'.",
        ),
        (["run", "code.yaml"], "my.module:Policy", "--allow-code"),
        (["run", "branin", "--warm-start", "nobody"], "no study is called 'nobody'", "mfsearch run"),
        (["run", "branin", "--warm-start", "none.csv"], "none.csv", "Check the path"),
        (["run", "branin", "--out", "typo.yaml/there"], "must be writable", "Name another with --out"),
        (["run", "branin", "--storage", "studies.db"], "a database URL must look like sqlite:///study.db", "studies.db"),
        (["run", "branin", "--track", "tensorbord"], "a tracker must be KIND or KIND=WHERE", "Did you mean 'tensorboard'?"),
        (["resume", "nobody"], "no study is called 'nobody'", "mfsearch run"),
        (["status", "nobody"], "no study is called 'nobody'", "mfsearch run"),
        (["watch", "nobody"], "no study is called 'nobody'", "mfsearch run"),
        (["why", "nobody", "0"], "no study is called 'nobody'", "mfsearch run"),
        (["best", "nobody"], "no study is called 'nobody'", "mfsearch run"),
        (["report", "nobody"], "no study is called 'nobody'", "mfsearch run"),
        (["export", "nobody", "--out", "x"], "no study is called 'nobody'", "mfsearch run"),
        (["export", "nobody"], "an export must say what to write", "--observations FILE"),
        (["export", "nobody", "--observations", "x.xlsx"], "must be a file that ends in .parquet or .csv", "Name it so."),
        (["export", "nobody", "--observations", "x.csv"], "no study is called 'nobody'", "mfsearch run"),
        (["run", "branin", "--warm-start", "optuna:none.log#x"], "an Optuna study must be there", "Check the path"),
        (["score", "x", "--problem", "branin"], "must have score rungs", "--problem"),
        (["score", "x"], "NAS-Bench-201", "Write for example"),
        (["config", "show", "brannin"], "must be one of", "branin"),
        (["config", "check", "typo.yaml"], "bugdet", "Did you mean 'budget'?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_one_message_with_the_remedy(call, tmp_path: Path, arguments: list[str], message: str, remedy: str):
    (tmp_path / "typo.yaml").write_text(TYPO)
    (tmp_path / "type.yaml").write_text(WRONG_TYPE)
    (tmp_path / "problem.yaml").write_text("problem: brannin\nbudget: 3min\n")
    (tmp_path / "code.yaml").write_text("problem: branin\nbudget: 3min\npolicy: my.module:Policy\n")
    check(call(*arguments), message, remedy)


@pytest.mark.parametrize("damage", [corrupted, no_database, others_database, unwritable])
@pytest.mark.parametrize(
    "command", [["run", "branin", "--budget", "20s"], ["list"], ["status", "x"], ["resume", "x"]], ids=lambda c: c[0]
)
def test_databases_that_cannot_be_used(call, tmp_path: Path, command: list[str], damage):
    check(call(*command, "--storage", damage(tmp_path / "my.db")), "the database", "--storage")


def test_a_study_that_exists_with_another_config(call, finished: str):
    done = call("run", "branin", "--budget", "40s", "--study", finished)
    check(done, "exists with another config: policy.use was 'random' and is 'cost_aware'", "Choose another --study")


def test_pytorch_export_of_what_is_no_network(call, finished: str):
    check(call("export", finished, "--out", "x"), "must have trained a network", "Use --format json")


def test_less_budget_than_is_spent(call, finished: str):
    check(call("resume", finished, "--budget", "1s"), "must cover what is spent", "Add with '+30min'")


def check(done, message: str, remedy: str) -> None:
    assert done.exit_code == 2, done.output
    assert message in done.stderr
    assert remedy in done.stderr
    assert "Traceback" not in done.output
    lines = done.stderr.strip().splitlines()
    assert sum(line.startswith("Error: ") for line in lines) == 1
    assert done.stdout == ""
