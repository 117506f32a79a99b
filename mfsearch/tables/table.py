"""The one table of measured architectures: long format, validated, in Parquet.

One row an (architecture, dataset, schedule, epoch, split). A schedule is a whole training of that many epochs with its own
learning rates: 12 epochs of a 200-epoch schedule are not the 12-epoch schedule. The last row group holds the final values (epoch
equal to schedule), the groups before it the learning curves, so that a search reads no more than it needs.

Scores of untrained networks lie beside it in `NAME.scores.parquet`: one row an (architecture, dataset), one column a score; the
dataset is null where a score does not depend on it.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mfsearch.errors import DataError
from mfsearch.tables.about import About, Missings, counts, decode, encode

FORMAT: Final = 1
RESULTS: Final = pa.schema(
    [
        ("index", pa.int32()),  # the benchmark's own number of the architecture
        pa.field("architecture", pa.string(), nullable=False),
        pa.field("dataset", pa.string(), nullable=False),
        pa.field("schedule", pa.int16(), nullable=False),  # epochs of the whole training
        pa.field("epoch", pa.int16(), nullable=False),  # 1 to schedule
        pa.field("split", pa.string(), nullable=False),
        ("accuracy", pa.float64()),  # percent
        ("loss", pa.float32()),
        ("seconds", pa.float64()),  # training of one run up to that epoch, without validation
        ("seeds", pa.int8()),  # runs that the figures are means of
    ]
)
KEY: Final = ("architecture", "dataset", "schedule", "epoch", "split")
_SCORES_KEY: Final = ("architecture", "dataset")
NO_SCORES: Final = pa.table({name: pa.array([], pa.string()) for name in _SCORES_KEY})
_LEVEL: Final = 12
_BUFFER_ROWS: Final = 250_000
_NAME: Final = re.compile(r"[a-z0-9_][a-z0-9_.-]*")
_AGAIN: Final = "Import it again: mfsearch data import nasbench201 SOURCE."


@dataclass(frozen=True)
class Piece:
    """What an importer hands on at a time: all results of some architectures, and what it could not give.

    Attributes:
        results: Rows in the schema `RESULTS`.
        scores: Rows with `architecture`, `dataset` and float columns.
        missing: Pairs (what is missing or damaged, where): `("no file", "000001.pickle.pbz2")`.
    """

    results: pa.Table = field(default_factory=RESULTS.empty_table)
    scores: pa.Table = field(default_factory=lambda: NO_SCORES)
    missing: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class BenchmarkTable:
    """A table as it was read.

    Attributes:
        about: Where it comes from and what it holds.
        results: Rows in the schema `RESULTS`.
        scores: Scores of untrained networks: `architecture`, `dataset`, and a column each; no rows where there are none.
    """

    about: About
    results: pa.Table
    scores: pa.Table


def table_path(home: Path, name: str) -> Path:
    """Where the table of that name lies.

    Raises:
        DataError: If the name is none.
    """
    if not _NAME.fullmatch(name) or name.endswith(".scores"):
        raise DataError(
            f"a table's name must be lower-case letters, digits, '-', '_' or '.'; got {name!r}. Choose another --name."
        )
    return home / "tables" / f"{name}.parquet"


def table_names(home: Path) -> list[str]:
    """Names of the imported tables, sorted."""
    return sorted(
        path.stem for path in (home / "tables").glob("*.parquet") if _NAME.fullmatch(path.stem) and not _is_scores(path)
    )


def write_table(home: Path, name: str, kind: str, source: str, pieces: Iterable[Piece]) -> About:
    """Validate the pieces and write them as the table of that name; nothing is replaced unless all went well.

    Args:
        home: Folder that holds `tables/`.
        name: Name of the table.
        kind: What was imported, such as `csv`.
        source: Name (not path) of the file or folder that it was imported from.
        pieces: What an importer reads; all rows of an architecture in one piece.

    Raises:
        DataError: If a row is not valid, a key appears twice, or there is no result at all.
    """
    path = table_path(home, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    missings, seen, curves = Missings(), set[str](), 0
    finals: list[pa.Table] = [RESULTS.empty_table()]
    scores: list[pa.Table] = []
    with _replacing(path) as temporary:
        with pq.ParquetWriter(
            temporary, RESULTS, compression="zstd", compression_level=_LEVEL, write_page_checksum=True
        ) as writer:
            for rows in _buffered(pieces, scores, missings):
                _validate(rows, source)
                names = set(pc.unique(rows["architecture"]).to_pylist())
                if double := seen & names:
                    raise DataError(f"an architecture must come once; got {min(double)!r} twice in {source}. Mend the source.")
                seen |= names
                final = pc.equal(rows["epoch"], rows["schedule"])
                finals.append(rows.filter(final))
                if len(rest := rows.filter(pc.invert(final))):
                    writer.write_table(rest)
                    curves += len(rest)
            last = pa.concat_tables(finals)
            if not len(last):
                raise DataError(
                    f"a table must hold at least one final result; got none from {source}. {missings.line()}Name another source."
                )
            missings.add(_gaps(last))
            own = _scores(scores, source)
            digest = _digest(last, own)
            about = About(
                FORMAT,
                kind,
                source,
                digest,
                missings.named(),
                len(seen),
                len(last),
                curves,
                counts(last),
                {column: pc.count(own[column]).as_py() for column in _columns(own)},
            )
            writer.write_table(last, row_group_size=len(last))
            writer.add_key_value_metadata(encode(about))
        beside = _scores_path(path)
        if not len(own):
            beside.unlink(missing_ok=True)
        else:
            with _replacing(beside) as scores_file:
                tagged = own.replace_schema_metadata(encode(about))
                pq.write_table(tagged, scores_file, compression="zstd", write_page_checksum=True)
    return about


def read_about(home: Path, name: str) -> About:
    """What a table says of itself; only the end of the file is read.

    Raises:
        DataError: If there is none of that name, or it cannot be read.
    """
    with _opened(home, name) as file:
        return decode(file.metadata.metadata, FORMAT, name)


def read_table(home: Path, name: str, curves: bool = False) -> BenchmarkTable:
    """Read and check a table.

    Args:
        home: Folder that holds `tables/`.
        name: Name of the table.
        curves: Whether learning curves are read, too.

    Raises:
        DataError: If there is none of that name, or it is damaged, of another format, or holds what cannot be.
    """
    with _opened(home, name) as file:
        about = decode(file.metadata.metadata, FORMAT, name)
        if not file.schema_arrow.remove_metadata().equals(RESULTS):
            raise DataError(f"table {name!r} must have the columns {', '.join(RESULTS.names)}; it has others. {_AGAIN}")
        results = file.read() if curves else file.read_row_group(file.num_row_groups - 1)
        _validate(results, f"table {name!r}")
        scores = _read_scores(_scores_path(table_path(home, name)), about, name) if about.scores else NO_SCORES
    return BenchmarkTable(about, results, scores)


def column(
    results: pa.Table, dataset: str, split: str, schedule: int, epoch: int | None = None
) -> tuple[dict[str, float], dict[str, float]]:
    """Architecture -> accuracy (percent), and -> training seconds up to there; what the table does not know is left out.

    Args:
        results: Rows in the schema `RESULTS`.
        dataset: What was trained on.
        split: `train`, `val`, `test` or `valtest`.
        schedule: Epochs of the whole training.
        epoch: The epoch measured; None for the last.
    """
    wanted = {"dataset": dataset, "split": split, "schedule": schedule, "epoch": schedule if epoch is None else epoch}
    for name, value in wanted.items():
        results = results.filter(pc.equal(results[name], value))
    names = results["architecture"].to_pylist()
    accuracy, seconds = (zip(names, results[name].to_pylist(), strict=True) for name in ("accuracy", "seconds"))
    return {name: a for name, a in accuracy if a is not None}, {name: s for name, s in seconds if s is not None}


def _buffered(pieces: Iterable[Piece], scores: list[pa.Table], missings: Missings) -> Iterator[pa.Table]:
    """The pieces' results, many at a time; scores and what is missing go aside."""
    held: list[pa.Table] = []
    for piece in pieces:
        missings.add(piece.missing)
        if len(piece.scores):
            scores.append(piece.scores)
        if len(piece.results):
            held.append(piece.results.select(RESULTS.names).cast(RESULTS))
        if sum(map(len, held)) >= _BUFFER_ROWS:
            yield _whole(held)
            held = []
    if held:
        yield _whole(held)


def _whole(tables: list[pa.Table]) -> pa.Table:
    """As one block: thousands of small ones weigh more than what is in them."""
    return pa.concat_tables(tables).combine_chunks()


def _validate(rows: pa.Table, source: str) -> None:
    """Every rule of a results table.

    Raises:
        DataError: Naming the first row that breaks one.
    """
    accuracy, loss, seconds, schedule, epoch = (rows[name] for name in ("accuracy", "loss", "seconds", "schedule", "epoch"))
    rules = {
        "accuracy must lie in [0, 100] percent": ("accuracy", _outside(accuracy, 0.0, 100.0)),
        "loss must be finite": ("loss", pc.invert(pc.is_finite(loss))),
        "seconds must be positive and finite": ("seconds", pc.or_(pc.less_equal(seconds, 0.0), pc.invert(pc.is_finite(seconds)))),
        "epoch must lie in [1, schedule]": ("epoch", pc.or_(pc.less(epoch, 1), pc.greater(epoch, schedule))),
        "seeds must be at least 1": ("seeds", pc.less(rows["seeds"], 1)),
        "a row must have an accuracy or a loss": ("accuracy", pc.and_(pc.is_null(accuracy), pc.is_null(loss))),
    }
    for name in ("architecture", "dataset", "split"):
        rules[f"{name} must be given"] = (name, pc.fill_null(pc.equal(rows[name], ""), True))
    for rule, (column, broken) in rules.items():
        _refuse(rows, broken, rule, column, source)
    _refuse_doubles(rows, KEY, source)


def _gaps(finals: pa.Table) -> Iterator[tuple[str, str]]:
    """Accuracies that some architectures have and others lack: (what, architecture)."""
    held: dict[tuple[str, str, int], set[str]] = {}
    rows = finals.filter(pc.is_valid(finals["accuracy"]))
    for dataset, split, schedule, cell in zip(
        *(rows[name].to_pylist() for name in ("dataset", "split", "schedule", "architecture")), strict=True
    ):
        held.setdefault((dataset, split, schedule), set()).add(cell)
    every = dict.fromkeys(finals["architecture"].to_pylist())
    for (dataset, split, schedule), cells in sorted(held.items()):
        if len(cells) < len(every):
            yield from ((f"no {dataset} {split} accuracy after {schedule} epochs", cell) for cell in every if cell not in cells)


def _scores(pieces: list[pa.Table], source: str) -> pa.Table:
    """One checked table of all scores, columns in the order in which they came."""
    rows = pa.concat_tables([NO_SCORES, *pieces], promote_options="default")
    for column in _columns(rows):
        _refuse(rows, pc.invert(pc.is_finite(rows[column])), f"score {column} must be finite", column, source)
    _refuse_doubles(rows, _SCORES_KEY, source)
    return rows


def _read_scores(path: Path, about: About, name: str) -> pa.Table:
    try:
        rows = pq.read_table(path, page_checksum_verification=True)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"the scores of table {name!r} must be readable; {path} is not: {_short(error)}. {_AGAIN}") from error
    if decode(rows.schema.metadata, FORMAT, name).digest != about.digest:
        raise DataError(f"{path} must hold the scores of table {name!r}; it is another import's. {_AGAIN}")
    return rows.replace_schema_metadata(None)


def _columns(scores: pa.Table) -> list[str]:
    return [column for column in scores.column_names if column not in _SCORES_KEY]


def _outside(column: pa.ChunkedArray, low: float, high: float) -> pa.ChunkedArray:
    return pc.invert(pc.and_(pc.greater_equal(column, low), pc.less_equal(column, high)))  # NaN is outside, null is null


def _refuse(rows: pa.Table, broken: pa.ChunkedArray, rule: str, column: str, source: str) -> None:
    wrong = rows.filter(pc.fill_null(broken, False))
    if not len(wrong):
        return
    first = wrong.slice(0, 1).to_pylist()[0]
    place = ", ".join(str(first[key]) for key in KEY if key in first)
    raise DataError(f"{rule}; got {first[column]} in {len(wrong)} row(s) of {source}, first ({place}). Mend the source.")


def _refuse_doubles(rows: pa.Table, key: tuple[str, ...], source: str) -> None:
    counted = rows.group_by(list(key)).aggregate([([], "count_all")])
    if len(counted) < len(rows):
        first = counted.filter(pc.greater(counted["count_all"], 1)).slice(0, 1).to_pylist()[0]
        place = ", ".join(str(first[name]) for name in key)
        raise DataError(f"a row must come once; got ({place}) {first['count_all']} times in {source}. Mend the source.")


def _digest(*tables: pa.Table) -> str:
    """Hash of the content, whatever the writer's version: names, and figures as float64 with NaN for null."""
    digest = hashlib.sha256()
    for table in tables:
        for name in table.column_names:
            column = table[name].combine_chunks()
            digest.update(name.encode())
            if pa.types.is_string(column.type):
                coded = column.dictionary_encode(null_encoding="encode")
                digest.update("\0".join(map(str, coded.dictionary.to_pylist())).encode())
                column = coded.indices
            digest.update(column.cast(pa.float64()).to_numpy(zero_copy_only=False).tobytes())
    return digest.hexdigest()


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A file beside `path` that takes its place when all went well, and vanishes when not."""
    descriptor, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
    os.close(descriptor)
    try:
        yield Path(temporary)
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


@contextmanager
def _opened(home: Path, name: str) -> Iterator[pq.ParquetFile]:
    path = table_path(home, name)
    if not path.is_file():
        known = ", ".join(table_names(home)) or "none"
        raise DataError(
            f"a table must have been imported; got {name!r}, there are: {known}. Run: mfsearch data import nasbench201 SOURCE."
        )
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield file
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"table {name!r} must be a readable Parquet file; {path} is not: {_short(error)}. {_AGAIN}") from error


def _scores_path(path: Path) -> Path:
    return path.with_name(f"{path.stem}.scores.parquet")


def _is_scores(path: Path) -> bool:
    return path.stem.endswith(".scores")


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
