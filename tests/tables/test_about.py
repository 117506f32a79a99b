from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from mfsearch.errors import DataError
from mfsearch.tables.about import About, Missing, Missings, counts, decode, encode

ABOUT = About(1, "csv", "a.csv", "00", (Missing("no row", 4, ("a", "b", "c")),), 3, 12, 0, {"d": {"val": {12: 3}}}, {"flops": 3})


def test_what_is_written_is_read():
    assert decode(encode(ABOUT), 1, "t") == ABOUT


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, "table 't' must have been written by mfsearch"),
        ({}, "must have been written by mfsearch"),
        ({b"mfsearch": b"{"}, "must have been written by mfsearch"),
        ({b"mfsearch": b"[1]"}, "must have been written by mfsearch"),
        ({b"mfsearch": b'{"format": 2}'}, "must have format 1; it has 2. Import it again: mfsearch data import"),
        ({b"mfsearch": b'{"format": 1}'}, "the description of table 't' must be whole"),
        ({b"mfsearch": json.dumps(asdict(ABOUT) | {"extra": 1}).encode()}, "the description of table 't' must be whole"),
    ],
)
def test_other_files_are_refused(metadata: dict[bytes, bytes] | None, message: str):
    with pytest.raises(DataError) as error:
        decode(metadata, 1, "t")
    assert message in str(error.value)


def test_missing_things_are_counted_and_the_first_named():
    missings = Missings()
    assert missings.line() == "" and missings.named() == ()
    missings.add(("no file", str(n)) for n in range(5))
    missings.add([("damaged", "x")])
    assert [str(m) for m in missings.named()] == ["no file: 5 (0, 1, 2, ...)", "damaged: 1 (x)"]
    assert missings.line() == "Missing or damaged: no file: 5 (0, 1, 2, ...); damaged: 1 (x). "


def test_counts_are_of_accuracies(rows):
    table = rows({}, {"split": "test"}, {"split": "test", "accuracy": None, "loss": 1.0, "architecture": "b"}, {"schedule": 200})
    assert counts(table) == {"cifar10": {"test": {12: 1}, "val": {12: 1, 200: 1}}}
