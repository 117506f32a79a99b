"""The importer against the nats_bench package, on three of the benchmark's own files."""

from __future__ import annotations

import bz2
import os
import pickle
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import nats_bench
import numpy as np
import pytest

from mfsearch.errors import DataError
from mfsearch.tables.nats_bench import read_nats_bench
from mfsearch.tables.table import Piece, read_table, write_table

NAME = "NATS-tss-v1_0-3ffb9-simple"


@pytest.fixture
def folder(data: Path) -> Path:
    return data / "nats-bench-sample" / NAME


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(folder, tmp_path / NAME)
    os.chmod(tmp_path / NAME, 0o755)
    for path in (tmp_path / NAME).iterdir():
        path.chmod(0o644)
    return tmp_path / NAME


def missing(pieces: Iterator[Piece]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for piece in pieces:
        for what, where in piece.missing:
            found.setdefault(what, []).append(where)
    return found


def test_every_value_is_that_of_the_nats_bench_package(folder: Path):
    api = nats_bench.create(str(folder), "tss", fast_mode=True, verbose=False)
    runs_of = cache(lambda index, hp, dataset: list(api.query_by_index(index, dataset, hp=hp).values()))
    pieces = [piece for piece in read_nats_bench(folder) if len(piece.results)]
    assert [piece.results["index"][0].as_py() for piece in pieces] == [0, 11, 284]
    for piece in pieces:
        rows = piece.results.to_pylist()
        assert {row["architecture"] for row in rows} == {api.arch(rows[0]["index"])}
        for row in rows:
            hp, dataset, epoch = str(row["schedule"]), row["dataset"], row["epoch"] - 1
            test = "ori-test" if dataset.startswith("cifar10") and dataset != "cifar100" else "x-test"
            split = {"train": "train", "val": "x-valid", "test": test, "valtest": "ori-test"}[row["split"]]
            runs = runs_of(row["index"], hp, dataset)
            found = [run.get_train(epoch) if split == "train" else run.get_eval(split, epoch) for run in runs]
            assert row["accuracy"] == pytest.approx(np.mean([one["accuracy"] for one in found]), abs=1e-9)
            assert row["loss"] == pytest.approx(np.mean([one["loss"] for one in found]), rel=1e-6)
            assert row["seeds"] == len(runs)
            assert row["seconds"] == pytest.approx(np.mean([run.get_train(epoch)["all_time"] for run in runs]), rel=1e-12)


def test_its_final_values_and_costs(folder: Path):
    api = nats_bench.create(str(folder), "tss", fast_mode=True, verbose=False)
    for piece in read_nats_bench(folder):
        for row in piece.results.to_pylist():
            if row["epoch"] < row["schedule"] or row["split"] != "val":
                continue
            index, hp, dataset = row["index"], str(row["schedule"]), row["dataset"]
            info = api.get_more_info(index, dataset, hp=hp, is_random=False)
            assert row["accuracy"] == pytest.approx(info["valid-accuracy"], abs=1e-9)
            assert row["seconds"] == pytest.approx(api.get_cost_info(index, dataset, hp=hp)["T-train@total"], rel=1e-12)
        for row in piece.scores.to_pylist():
            cost = api.get_cost_info(api.query_index_by_arch(row["architecture"]), row["dataset"], hp="200")
            assert (row["flops"], row["params"]) == pytest.approx((cost["flops"], cost["params"]), rel=1e-9)


def test_what_the_sample_lacks_is_named(folder: Path):
    found = missing(read_nats_bench(folder))
    assert list(found) == ["no file"]
    assert len(found["no file"]) == 15_622
    assert found["no file"][:2] == ["000001.pickle.pbz2", "000002.pickle.pbz2"]


def test_damaged_files_are_named_and_the_rest_is_used(copy: Path, tmp_path: Path):
    whole = (copy / "000000.pickle.pbz2").read_bytes()
    (copy / "000001.pickle.pbz2").write_bytes(whole[: len(whole) // 2])
    (copy / "000002.pickle.pbz2").write_bytes(b"no bzip2")
    (copy / "000003.pickle.pbz2").write_bytes(bz2.compress(b"no pickle"))
    (copy / "000004.pickle.pbz2").write_bytes(whole)
    (copy / "000005.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps({"12": None})))
    (copy / "meta.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps({})))
    about = write_table(tmp_path, "t", "nats_bench", NAME, read_nats_bench(copy))
    assert about.architectures == 3
    found = missing(read_nats_bench(copy))
    assert [where.partition(":")[0] for where in found["damaged files"]] == [f"00000{n}.pickle.pbz2" for n in (1, 2, 3)]
    assert found["no list of the architectures"] == ["meta.pickle.pbz2: no 'meta_archs'"]
    assert list(dict.fromkeys(found["records of another architecture, or of none"])) == [
        "000004.pickle.pbz2",
        "000005.pickle.pbz2",
    ]


def test_a_table_of_the_sample(folder: Path, tmp_path: Path):
    write_table(tmp_path, "t", "nats_bench", NAME, read_nats_bench(folder))
    table = read_table(tmp_path, "t", curves=True)
    assert (table.about.architectures, table.about.finals, table.about.curve_rows) == (3, 78, 5_205)
    assert len(table.results) == 78 + 5_205


class Evil:
    """What a hostile pickle looks like."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (Evil(os.system, "touch evil"), "posix.system"),
        (Evil(eval, "1"), "builtins.eval"),
        (Evil(getattr, "", "join"), "builtins.getattr"),
        (Evil(subprocess.Popen, "true"), "subprocess.Popen"),
        (Path("x"), "pathlib"),
    ],
)
def test_every_other_name_is_refused(tmp_path: Path, content: Any, name: str):
    (tmp_path / "000000.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps({"12": content})))
    with pytest.raises(
        DataError, match="000000.pickle.pbz2 must name nothing but collections.OrderedDict, numpy.dtype, "
    ) as error:
        list(read_nats_bench(tmp_path))
    assert f"it names {name}" in str(error.value)
    assert not Path("evil").exists()


def _numpy(dtype: str) -> bytes:
    """A NumPy number with the names that NumPy 1 wrote, of any dtype."""
    return (
        b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(V" + dtype.encode() + b"\nI00\nI01\ntR"
        b"C\x08" + np.float64(1.5).tobytes() + b"tR."
    )


def test_numbers_are_numbers(tmp_path: Path):
    path = tmp_path / "000000.pickle.pbz2"
    for dtype, message in (("f8", "records of another"), ("O", "numbers must be integers or floats, not 'O'")):
        path.write_bytes(bz2.compress(_numpy(dtype)))
        assert message in str([piece.missing for piece in read_nats_bench(tmp_path)])


def test_too_large_files_are_not_read(tmp_path: Path):
    (tmp_path / "000000.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps(bytes(65 << 20))))
    assert ("damaged files", "000000.pickle.pbz2: holds more than 64 MiB") in [
        m for p in read_nats_bench(tmp_path) for m in p.missing
    ]


def test_other_folders_are_refused(tmp_path: Path):
    with pytest.raises(DataError, match="must hold files like 000000.pickle.pbz2, NATS-Bench's topology benchmark"):
        list(read_nats_bench(tmp_path))
