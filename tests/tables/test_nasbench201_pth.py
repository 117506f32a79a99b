"""The importer on small files of the official file's structure, made of the benchmark's own records where these are there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nats_bench
import numpy as np
import pytest
import torch

from mfsearch.errors import DataError
from mfsearch.tables.nasbench201_pth import read_nasbench201_pth
from mfsearch.tables.nats_bench import load, read_nats_bench
from mfsearch.tables.table import Piece, read_table, write_table

FIRST = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
SECOND = FIRST.replace("avg_pool_3x3", "none")


def records(index: int, cell: str, epochs: int) -> dict[str, Any]:
    """The records of one architecture for one schedule, as the benchmark's own classes write them."""
    results = nats_bench.ArchResults(index, cell)
    for seed in (777, 888):
        accuracies = {epoch: 10.0 + epoch / 4 + seed / 1000 for epoch in range(epochs)}
        losses = {epoch: 2.0 - epoch / 1000 for epoch in range(epochs)}
        run = nats_bench.ResultsCount(
            "cifar10", None, accuracies, losses, np.float64(0.5), np.float32(1.5), {"channel": 16}, seed, epochs, None
        )
        run.update_OLD_eval("x-valid", {epochs - 1: 50.0 + seed / 1000}, {epochs - 1: 0.5})
        run.reset_pseudo_train_times(2.0)
        results.update("cifar10", seed, run)
    state: dict[str, Any] = results.state_dict()
    return state


def official() -> dict[str, Any]:
    both = {0: FIRST, 1: SECOND}
    infos = {index: {"less": records(index, cell, 12), "full": records(index, cell, 200)} for index, cell in both.items()}
    return {"meta_archs": list(both.values()), "arch2infos": infos, "evaluated_indexes": {0, 1}}


def missing(pieces: list[Piece]) -> list[tuple[str, str]]:
    return [pair for piece in pieces for pair in piece.missing]


@pytest.mark.parametrize("zipped", [True, False])
def test_the_official_structure(tmp_path: Path, zipped: bool):
    path = tmp_path / "NAS-Bench-201-v1_1-096897.pth"
    torch.save(official(), path, _use_new_zipfile_serialization=zipped)
    about = write_table(tmp_path, "t", "pth", path.name, read_nasbench201_pth(path))
    assert (about.missing, about.architectures, about.datasets) == (
        (), 2, {"cifar10": {"train": {12: 2, 200: 2}, "val": {12: 2, 200: 2}}},
    )  # fmt: skip
    table = read_table(tmp_path, "t")
    (row,) = [row for row in table.results.to_pylist() if (row["index"], row["schedule"], row["split"]) == (1, 200, "val")]
    assert (row["architecture"], row["seconds"], row["seeds"], row["loss"]) == (SECOND, 400.0, 2, 0.5)
    assert row["accuracy"] == pytest.approx(50.8325)
    assert table.scores.to_pylist()[0] == {"architecture": FIRST, "dataset": "cifar10", "flops": 1.5, "params": 0.5}


def test_equal_to_the_folder_of_the_same_benchmark(data: Path, tmp_path: Path):
    folder = data / "nats-bench-sample" / "NATS-tss-v1_0-3ffb9-simple"
    names = {0: "12", 1: "200"}
    infos = {
        index: dict(zip(("less", "full"), (load(folder / f"{index:06d}.pickle.pbz2")[hp] for hp in names.values()), strict=True))
        for index in (0, 11, 284)
    }
    path = tmp_path / "a.pth"
    cells = load(folder / "meta.pickle.pbz2")["meta_archs"]
    torch.save({"meta_archs": cells, "arch2infos": infos, "evaluated_indexes": set(infos)}, path)
    ours, theirs = ([p for p in pieces if len(p.results)] for pieces in (read_nasbench201_pth(path), read_nats_bench(folder)))
    assert len(ours) == len(theirs) == 3
    for own, other in zip(ours, theirs, strict=True):
        assert own.results.equals(other.results)
        assert own.scores.equals(other.scores)


def test_what_is_missing_or_damaged_is_named_and_the_rest_is_used(tmp_path: Path):
    held = official()
    del held["arch2infos"][1]["full"]
    held["meta_archs"].append(FIRST.replace("avg_pool_3x3", "nor_conv_3x3"))
    held["arch2infos"][7] = {}
    held["arch2infos"][0]["full"]["arch_str"] = SECOND
    torch.save(held, tmp_path / "a.pth")
    pieces = list(read_nasbench201_pth(tmp_path / "a.pth"))
    assert missing(pieces) == [
        ("no records", "architecture 2"),
        ("records of another architecture, or of none", "architecture 0"),
        ("no records of the schedule 'full'", "architecture 1"),
        ("damaged records", "architecture 7"),
    ]
    assert sum(len(piece.results) > 0 for piece in pieces) == 2


class Evil:
    def __reduce__(self) -> Any:
        return os.system, ("touch evil",)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_is_refused_and_named(tmp_path: Path, zipped: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"meta_archs": Evil(), "arch2infos": {}}, "a.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(DataError, match="a.pth must be a PyTorch file with nothing but the records of NAS-Bench-201") as error:
        list(read_nasbench201_pth(Path("a.pth")))
    assert "posix.system" in str(error.value)
    assert not Path("evil").exists()


def test_other_files_are_refused(tmp_path: Path):
    path = tmp_path / "a.pth"
    wrong: list[Any] = [[1], {"meta_archs": []}]
    for content in wrong:
        torch.save(content, path)
        with pytest.raises(DataError, match="a.pth must hold a dictionary with meta_archs and arch2infos; it does not"):
            list(read_nasbench201_pth(path))
    torch.save({"meta_archs": [], "arch2infos": []}, path)
    with pytest.raises(DataError, match="a.pth must hold a list of cells and a dictionary of records"):
        list(read_nasbench201_pth(path))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match="a.pth must be a PyTorch file with nothing but the records"):
        list(read_nasbench201_pth(path))
