"""From somebody's files to a table: which importer reads them, and what is said of what they lack."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from mfsearch.errors import DataError
from mfsearch.tables.about import About
from mfsearch.tables.mfkd_csv import read_mobilenetv2_csv, read_nst_csv
from mfsearch.tables.nasbench201_csv import read_nasbench201_csv
from mfsearch.tables.nasbench201_pth import read_nasbench201_pth
from mfsearch.tables.nats_bench import read_nats_bench
from mfsearch.tables.table import Piece, write_table
from mfsearch.tables.zero_cost_csv import read_zero_cost_csv

IMPORTERS: dict[str, Callable[[Path], Iterator[Piece]]] = {
    "csv": read_nasbench201_csv,
    "nats_bench": read_nats_bench,
    "pth": read_nasbench201_pth,
}
"""What reads NAS-Bench-201, by the kind that a table remembers."""

MFKD: dict[str, Callable[[Path], Iterator[Piece]]] = {
    "mfkd-nst240": read_nst_csv,
    "mfkd-mobilenetv2": read_mobilenetv2_csv,
}
"""The measurements of MF-KD's authors: benchmark, table and kind have one name."""


def kind_of(source: Path) -> str:
    """Which importer reads a source: by what it is, and by how its name ends.

    Raises:
        DataError: If there is no such file or folder, or none reads it.
    """
    if source.is_dir():
        return "nats_bench"
    if not source.exists():
        raise DataError(f"SOURCE must be a file or folder; there is no {source}. Name one.")
    for ending, kind in ((".csv", "csv"), (".csv.gz", "csv"), (".pth", "pth")):
        if source.name.endswith(ending):
            return kind
    raise DataError(
        f"SOURCE must be a NATS-Bench folder, a .pth file of NAS-Bench-201, or a .csv or .csv.gz file; got {source.name}. Name one."
    )


def import_nasbench201(
    home: Path, source: Path, name: str, proxies: Path | None = None, proxies_dataset: str = "cifar10"
) -> About:
    """Import NAS-Bench-201 in any of the formats that are known.

    Args:
        home: Folder that holds `tables/`.
        source: File or folder.
        name: Name of the table.
        proxies: CSV file with scores of untrained networks.
        proxies_dataset: Dataset that these were computed on.

    Raises:
        DataError: If nothing usable is in the source.
    """
    kind = kind_of(source)
    return write_table(home, name, kind, source.name, _pieces(kind, source, proxies, proxies_dataset))


def _pieces(kind: str, source: Path, proxies: Path | None, proxies_dataset: str) -> Iterator[Piece]:
    scored = set[str]()
    measured: dict[str, None] = {}
    for piece in IMPORTERS[kind](source):
        scored |= set(piece.scores.column_names)
        measured |= dict.fromkeys(piece.results["architecture"].unique().to_pylist())
        yield piece
    if proxies is None:
        return
    # Two files count operations in two ways: a column is taken from one of them, the one that has it for all.
    piece = read_zero_cost_csv(proxies, proxies_dataset, leave_out=scored)
    known = set(piece.scores["architecture"].to_pylist())
    lacking = tuple((f"{proxies.name}: no row of its own", cell) for cell in measured if cell not in known)
    yield Piece(scores=piece.scores, missing=(*piece.missing, *lacking))


def import_mfkd(home: Path, benchmark: str, source: Path) -> About:
    """Import measurements of MF-KD's authors.

    Args:
        home: Folder that holds `tables/`.
        benchmark: One of `MFKD`; the table is called the same.
        source: CSV file, plain or gzipped.

    Raises:
        DataError: If nothing usable is in the source.
    """
    return write_table(home, benchmark, benchmark, source.name, MFKD[benchmark](source))
