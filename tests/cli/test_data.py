from __future__ import annotations

import json
from pathlib import Path

import pytest

FIRST = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
SECOND = FIRST.replace("avg_pool_3x3", "none")
NOTES = (
    "Target values are means over 2-3 seeds charged as one run, costs are the table's training seconds without validation, "
    "GPU-hours are the benchmark's own."
)


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MFSEARCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    head = "arch,flops_m,Mine_val_e1,Mine_val_e3,Mine_test_e3,Mine_seconds_per_epoch"
    (tmp_path / "a.csv").write_text(f"{head}\n{FIRST},1,50,60,61,2\n{SECOND},2,51,59,x,2\n")
    (tmp_path / "z.csv").write_text(f"arch,nwot\n{FIRST},1.5\n")
    return tmp_path / "a.csv"


def test_import_list_path_run(call, own_home: Path, source: Path):
    done = call("data", "import", "nasbench201", source, "--proxies", "z.csv", "--name", "bench")
    assert done.exit_code == 0, done.output
    assert done.stdout == (
        "Imported 2 architectures from a.csv: 5 final values, 0 on the way there, 2 kinds of scores.\n"
        f"Table: {own_home / 'tables' / 'bench.parquet'}\n"
        "Problems: bench-mine\n"
        f"{NOTES}\n"
        "Search one: mfsearch run CONFIG --budget 4gpu-hours, with 'problem: bench-mine' in CONFIG\n"
    )
    assert done.stderr.splitlines() == [
        "Missing or damaged: a.csv: no number in 'Mine_test_e3': 1 (line 3)",
        f"Missing or damaged: z.csv: no row of its own: 1 ({SECOND})",
        f"Missing or damaged: no Mine test accuracy after 3 epochs: 1 ({SECOND})",
    ]
    assert call("data", "path", "bench").stdout == f"{own_home / 'tables' / 'bench.parquet'}\n"
    assert call("data", "path").stdout == f"{own_home / 'tables'}\n"
    listed = call("data", "list").stdout
    assert "bench" in listed and "bench-mine" in listed and NOTES in listed
    Path("c.yaml").write_text("problem: bench-mine\nbudget: 1min")
    run = call("run", "c.yaml", "--policy", "random", "--json")
    assert run.exit_code == 0, run.output
    assert json.loads(run.stdout.splitlines()[-1])["spent_seconds"] > 0


def test_json(call, own_home: Path, source: Path):
    done = call("data", "import", "nasbench201", source, "--json")
    row = json.loads(done.stdout.splitlines()[-1])
    assert (row["table"], row["kind"], row["source"], row["architectures"]) == ("nasbench201", "csv", "a.csv", 2)
    assert row["problems"] == ["nasbench201-mine"] and row["notes"] == NOTES
    assert row["missing"][0] == {"what": "a.csv: no number in 'Mine_test_e3'", "count": 1, "first": ["line 3"]}
    (listed,) = json.loads(call("data", "list", "--json").stdout)["tables"]
    assert listed == row


def test_nothing_imported(call, own_home: Path):
    assert call("data", "list").stdout == "No table was imported. Run: mfsearch data import nasbench201 SOURCE\n"
    assert json.loads(call("data", "list", "--json").stdout) == {"tables": []}


def test_a_damaged_table_is_listed_as_such(call, own_home: Path):
    (own_home / "tables").mkdir(parents=True)
    (own_home / "tables" / "bad.parquet").write_bytes(b"x")
    done = call("data", "list")
    assert done.exit_code == 0 and "Not readable: table 'bad' must be a readable Parquet file" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["import", "nasbench201", "no.csv"], "Error: SOURCE must be a file or folder; there is no no.csv. Name one."),
        (["import", "nasbench201", "a.txt"], "Error: SOURCE must be a NATS-Bench folder, a .pth file"),
        (["import", "nasbench201", "z.csv"], "Error: z.csv must have columns named <dataset>_<split>_e<epochs>"),
        (["import", "nasbench201", "a.csv", "--proxies", "no.csv"], "Error: no.csv must be a readable file; No such file"),
        (["import", "nasbench201", "a.csv", "--name", "A b"], "Error: a table's name must be lower-case letters"),
        (["import", "nasbench101", "a.csv"], "'nasbench101' is not one of 'nasbench201', 'mfkd-nst240', 'mfkd-mobilenetv2'"),
        (["path", "no"], "Error: a table must have been imported; got 'no', there are: none."),
    ],
)
def test_mistakes_are_one_line_and_exit_2(call, own_home: Path, source: Path, arguments: list[str], message: str):
    Path("a.txt").touch()
    done = call("data", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr.splitlines()[-1]


def test_presets_of_the_benchmark_run(call, own_home: Path, source: Path):
    source.write_text(source.read_text().replace("Mine", "cifar100"))
    call("data", "import", "nasbench201", source)
    done = call("run", "nasbench201-cifar100", "--budget", "1min", "--policy", "random")
    assert done.exit_code == 0, done.output
    assert NOTES in done.output


def test_measurements_of_mfkd(call, own_home: Path, mfkd_home: Path):
    done = call("data", "import", "mfkd-nst240", mfkd_home / "nst.csv")
    assert done.exit_code == 0, done.output
    assert (
        done.stdout.splitlines()[0]
        == "Imported 30 architectures from nst.csv: 90 final values, 990 on the way there, 0 kinds of scores."
    )
    assert "Problems: mfkd-nst240\n" in done.stdout and NOTES not in done.stdout
    row = json.loads(call("data", "import", "mfkd-mobilenetv2", mfkd_home / "networks.csv", "--json").stdout.splitlines()[-1])
    assert row["problems"] == ["mfkd-mobilenetv2"] and row["scores"] == {"stage0_channels": 12, "stage0_repeats": 12}
    refused = call("data", "import", "mfkd-nst240", mfkd_home / "nst.csv", "--name", "other")
    assert refused.exit_code == 2 and "--proxies and --name are for nasbench201; got one with mfkd-nst240" in refused.stderr
