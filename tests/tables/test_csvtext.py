from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from mfsearch.errors import DataError
from mfsearch.tables.csvtext import read_csv

TEXT = "arch,x\na,1\nb,\nc,word\nd,inf\ne, 2.5 \n"


@pytest.fixture
def write(tmp_path: Path):
    def file(content: str | bytes, name: str = "t.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return file


@pytest.mark.parametrize("pack", [lambda raw: raw, gzip.compress, lambda raw: gzip.compress(raw[:9]) + gzip.compress(raw[9:])])
def test_plain_and_gzipped(write, pack):
    text = read_csv(write(pack(TEXT.encode())))
    assert text.columns["arch"].to_pylist() == list("abcde")
    figures, unread = text.figures("x")
    assert figures.to_pylist() == [1.0, None, None, None, 2.5]
    assert unread == (("t.csv: no number in 'x'", "line 4"), ("t.csv: no number in 'x'", "line 5"))
    assert text.missing == ()


def test_a_byte_order_mark_is_no_part_of_the_first_name(write):
    assert read_csv(write(b"\xef\xbb\xbf" + TEXT.encode())).columns.column_names == ["arch", "x"]


def test_a_truncated_file_is_read_as_far_as_it_goes(write):
    whole = gzip.compress("".join(["arch,x\n", *(f"cell{n},{n * n % 97}\n" for n in range(9_000))]).encode())
    text = read_csv(write(whole[: len(whole) // 2]))
    n = text.columns.num_rows
    assert 1_000 < n < 8_999
    assert text.columns["x"].to_pylist() == [str(i * i % 97) for i in range(n)]
    assert text.missing == (("t.csv ends early or is damaged", f"after line {n + 1}"),)


def test_lines_with_other_columns_are_left_out_and_named(write):
    text = read_csv(write("arch,x\na,1\nb\nc,3,4\nd,4\n"))
    assert text.columns["arch"].to_pylist() == ["a", "d"]
    assert text.missing == (("t.csv: lines without 2 columns", "b"), ("t.csv: lines without 2 columns", "c,3,4"))


def test_what_cannot_be_read(write, tmp_path: Path):
    with pytest.raises(DataError, match="must be a readable file; No such file or directory. Name another."):
        read_csv(tmp_path / "no.csv")
    for content in ("", "\n", "a,a\n1,2\n"):
        with pytest.raises(DataError, match="t.csv must begin with a line of different column names; got "):
            read_csv(write(content))
    with pytest.raises(DataError, match=r"t.csv must have the column\(s\) y, z; its columns begin arch, x. Name another file."):
        read_csv(write(TEXT)).require("arch", "y", "z")


def test_bytes_that_are_no_text_are_named_and_the_rest_is_read(write):
    text = read_csv(write(b"arch,x\na,1\n\xff\xfe,1\nb,2\n"))
    assert text.columns["arch"].to_pylist() == ["a", "\ufffd\ufffd", "b"]
    assert text.missing == (("t.csv: bytes that are no text", "from line 3"),)
