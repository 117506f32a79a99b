"""CSV files of others, plain or gzipped, whole or damaged: as much of them as can be read."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from mfsearch.errors import DataError

_GZIP: Final = b"\x1f\x8b"
_CHUNK: Final = 1 << 20


@dataclass(frozen=True)
class CsvText:
    """A CSV file as it stands.

    Attributes:
        name: The file's name, for messages.
        columns: Its columns, all strings.
        missing: Pairs (what is damaged, where).
    """

    name: str
    columns: pa.Table
    missing: tuple[tuple[str, str], ...]

    def require(self, *names: str) -> None:
        """Check that columns are there.

        Raises:
            DataError: Naming those that are not.
        """
        if lacking := [name for name in names if name not in self.columns.column_names]:
            have = ", ".join(self.columns.column_names[:8])
            raise DataError(
                f"{self.name} must have the column(s) {', '.join(lacking)}; its columns begin {have}. Name another file."
            )

    def figures(self, name: str) -> tuple[pa.ChunkedArray, tuple[tuple[str, str], ...]]:
        """A column as finite float64, null where it is empty or cannot be read, and which of its lines cannot."""
        text = pc.utf8_trim_whitespace(self.columns[name])
        text = pc.if_else(pc.equal(text, ""), None, text)
        try:
            figures = text.cast(pa.float64())
        except pa.ArrowInvalid:
            figures = pa.chunked_array([pa.array([_figure(word) for word in text.to_pylist()], pa.float64())])
        figures = pc.if_else(pc.is_finite(figures), figures, pa.scalar(None, pa.float64()))
        bad = pc.and_(pc.is_null(figures), pc.is_valid(text))
        lines = pc.indices_nonzero(bad).to_pylist()
        return figures, tuple((f"{self.name}: no number in {name!r}", f"line {line + 2}") for line in lines)


def read_csv(path: Path) -> CsvText:
    """Read a CSV file with a header; lines that do not have its number of columns are left out and named.

    Raises:
        DataError: If it cannot be opened, or has no header and no line.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} must be a readable file; {error.strerror}. Name another.") from error
    missing: list[tuple[str, str]] = []
    if raw.startswith(_GZIP):
        raw, whole = _unzipped(raw)
        if not whole:
            raw = raw[: raw.rfind(b"\n") + 1]
            missing.append((f"{path.name} ends early or is damaged", f"after line {raw.count(bytes([10]))}"))

    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        missing.append((f"{path.name}: bytes that are no text", f"from line {raw.count(bytes([10]), 0, error.start) + 1}"))
        raw = raw.decode("utf-8", "replace").encode("utf-8")

    def skip(row: csv.InvalidRow) -> str:
        missing.append((f"{path.name}: lines without {row.expected_columns} columns", row.text[:60]))
        return "skip"

    header = raw.split(b"\n", 1)[0].decode("utf-8-sig").strip()
    names = header.split(",")
    if not header or len(set(names)) < len(names):
        raise DataError(f"{path.name} must begin with a line of different column names; got {header[:80]!r}. Name another file.")
    try:
        columns = csv.read_csv(
            io.BytesIO(raw),
            read_options=csv.ReadOptions(use_threads=False),
            parse_options=csv.ParseOptions(invalid_row_handler=skip),
            convert_options=csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
        )
    except pa.ArrowException as error:
        raise DataError(f"{path.name} must be CSV; {' '.join(str(error).split())[:200]}. Name another file.") from error
    return CsvText(path.name, columns, tuple(missing))


def _unzipped(raw: bytes) -> tuple[bytes, bool]:
    """What a gzip file holds as far as it can be read, and whether that is all."""
    parts = []
    while raw:
        stream = zlib.decompressobj(wbits=31)
        try:
            for start in range(0, len(raw), _CHUNK):
                parts.append(stream.decompress(raw[start : start + _CHUNK]))
                if stream.eof:
                    raw = stream.unused_data + raw[start + _CHUNK :]
                    break
            else:
                return b"".join(parts), False
        except zlib.error:
            return b"".join(parts), False
    return b"".join(parts), True


def _figure(word: str | None) -> float | None:
    try:
        return None if word is None else float(word)
    except ValueError:
        return None
