"""Files that somebody damaged, or made to harm: what reads them reads them, or fails with an error of ours. Nothing else happens."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mfsearch.budget import budget_seconds
from mfsearch.config import load_config
from mfsearch.datasets.batches import read_cifar10
from mfsearch.datasets.readers import read_arrays
from mfsearch.errors import MfsearchError
from mfsearch.problems import PROBLEMS
from mfsearch.session.warm_start import read_warm_start
from mfsearch.store.sql import EventStore
from mfsearch.store.state import StudyState
from mfsearch.tables.importing import import_mfkd, import_nasbench201
from mfsearch.tables.measured import read_measured, write_measured
from mfsearch.tables.nats_bench import read_nats_bench
from mfsearch.tables.table import read_table
from tests.mfkd_files import fill
from tests.tables.test_measured import shard

HARM = pickle.dumps(print)  # names a function: a reader that obeyed would call whatever stands there
TEXT = st.text(st.characters(blacklist_categories=()), max_size=30)


@st.composite
def edits(draw: st.DrawFn) -> list[tuple[float, bytes, int]]:
    """Places (as shares of a file), what is put there, and how many bytes it takes the place of."""
    junk = st.binary(max_size=8) | st.sampled_from([b"nan", b"-1e999", b",,,", b"\n", b"\x00", b'"', b"{}", b"1" * 400, HARM])
    return draw(st.lists(st.tuples(st.floats(0, 1), junk, st.integers(0, 40)), min_size=1, max_size=4))


def damaged(whole: bytes, changes: list[tuple[float, bytes, int]]) -> bytes:
    for share, junk, length in changes:
        place = int(share * len(whole))
        whole = whole[:place] + junk + whole[place + length :]
    return whole


def reads_or_says(read: Callable[[], object]) -> None:
    with contextlib.suppress(MfsearchError):
        read()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One valid file of each kind."""
    home = fill(tmp_path_factory.mktemp("files"))
    write_measured(home / "measured.parquet", shard("a"))
    (home / "warm.csv").write_text("architecture,rung,value\n" + '"{""x1"": 1.0, ""x2"": 2.0}",low,3.5\n' * 3)
    cell = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
    (home / "results.csv").write_text(f"arch,d_val_e12,d_val_e200,d_seconds_per_epoch\n{cell},50,90,10\n")
    (home / "scores.csv").write_text(f"arch,flops,nwot\n{cell},9,1.5\n")
    pixels = np.zeros((20, 3072), np.uint8)
    batch = pickle.dumps({b"data": pixels, b"labels": list(range(10)) * 2}, protocol=2)
    (home / "cifar").mkdir()
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        (home / "cifar" / name).write_bytes(batch)
    arrays = io.BytesIO()
    images, labels = np.zeros((20, 8, 8, 3), np.uint8), np.arange(20) % 4
    np.savez(arrays, x_train=images, y_train=labels, x_test=images, y_test=labels)
    (home / "pictures.npz").write_bytes(arrays.getvalue())
    (home / "study.yaml").write_text("problem: branin\nbudget: 30s\nseed: 3\nexecution:\n  workers: 2\npolicy:\n  use: random\n")
    return home


CASES: dict[str, tuple[str, Callable[[Path, Path], object]]] = {
    "results": ("results.csv", lambda path, home: import_nasbench201(home, path, "hostile")),
    "results, gzipped": ("results.csv.gz", lambda path, home: import_nasbench201(home, path, "hostile")),
    "scores": ("scores.csv", lambda path, home: import_nasbench201(home, home / "results.csv", "hostile", path)),
    "NST": ("nst.csv", lambda path, home: import_mfkd(home, "mfkd-nst240", path)),
    "networks": ("networks.csv", lambda path, home: import_mfkd(home, "mfkd-mobilenetv2", path)),
    "a measured table": ("measured.parquet", lambda path, home: read_measured(path)),
    "a warm start": (
        "warm.csv",
        lambda path, home: read_warm_start(str(path), PROBLEMS["branin"](home=home), EventStore()),
    ),
    "a config": ("study.yaml", lambda path, home: load_config(str(path), [])),
    "pictures": ("pictures.npz", lambda path, home: read_arrays(path)),
}


@pytest.mark.parametrize("kind", CASES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(changes=edits())
def test_a_damaged_file_is_read_or_said(kind: str, folder: Path, changes: list[tuple[float, bytes, int]]) -> None:
    name, read = CASES[kind]
    whole = (folder / name.removesuffix(".gz")).read_bytes()
    path = folder / "damaged" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(damaged(gzip.compress(whole) if name.endswith(".gz") else whole, changes))
    reads_or_says(lambda: read(path, folder))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(changes=edits())
def test_a_damaged_imported_table_is_read_or_said(folder: Path, changes: list[tuple[float, bytes, int]]) -> None:
    path = folder / "tables" / "mfkd-nst240.parquet"
    whole = path.read_bytes()
    try:
        path.write_bytes(damaged(whole, changes))
        reads_or_says(lambda: read_table(folder, "mfkd-nst240"))
    finally:
        path.write_bytes(whole)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(changes=edits())
def test_damaged_batches_of_pictures_are_read_or_said(folder: Path, changes: list[tuple[float, bytes, int]]) -> None:
    path = folder / "cifar" / "data_batch_3"
    whole = path.read_bytes()
    try:
        path.write_bytes(damaged(whole, changes))
        reads_or_says(lambda: read_cifar10(folder / "cifar"))
    finally:
        path.write_bytes(whole)


class Harmful:
    """What an unpickler that obeys would do."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.witness,)


def test_no_pickle_is_obeyed(folder: Path, tmp_path: Path) -> None:
    witness = tmp_path / "harmed"
    harm = pickle.dumps({b"data": Harmful(witness), b"labels": [1]})
    for name in ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"):
        (tmp_path / name).write_bytes(harm)
    with pytest.raises(MfsearchError):
        read_cifar10(tmp_path)
    np.savez(tmp_path / "p.npz", x_train=np.array([Harmful(witness)], dtype=object), allow_pickle=True)
    with pytest.raises(MfsearchError):
        read_arrays(tmp_path / "p.npz")
    nats = tmp_path / "NATS-tss-v1_0-3ffb9-simple"
    nats.mkdir()
    for name in ("meta.pickle.pbz2", "000000.pickle.pbz2"):
        (nats / name).write_bytes(bz2.compress(harm))
    with pytest.raises(MfsearchError):
        list(read_nats_bench(nats))
    assert not witness.exists()


@given(TEXT)
def test_any_budget_is_one_or_is_refused(text: str) -> None:
    reads_or_says(lambda: budget_seconds(text))


@settings(max_examples=60)
@given(TEXT, st.sampled_from(["created", "asked", "told", "scored", "budget", "given"]))
def test_any_event_is_folded_or_is_refused(text: str, kind: str) -> None:
    store = EventStore()
    store.create("a", {"budget_seconds": 1.0})
    with store._engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO events (study_id, seq, at, kind, payload) VALUES (1, 1, 0, ?, ?)",
            (kind, text.encode("utf-8", "replace").decode()),
        )
    reads_or_says(lambda: StudyState.replay(store.events("a")))
    store.close()
