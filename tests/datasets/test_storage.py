from pathlib import Path

import pytest

from mfsearch.datasets.storage import write_atomically


def test_makes_the_folder_and_replaces(tmp_path: Path):
    path = tmp_path / "a" / "b.bin"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert [p.name for p in path.parent.iterdir()] == ["b.bin"]


def test_failure_leaves_nothing_behind(tmp_path: Path):
    (tmp_path / "b.bin").mkdir()
    with pytest.raises(OSError, match="b.bin"):
        write_atomically(tmp_path / "b.bin", b"one")
    assert [p.name for p in tmp_path.iterdir()] == ["b.bin"]
