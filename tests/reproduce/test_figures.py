from __future__ import annotations

from pathlib import Path

from mfsearch.reproduce.correlation import correlations
from mfsearch.reproduce.figures import draw_correlations


def test_a_figure_a_benchmark_and_the_same_again(tmp_path: Path, mfkd_home: Path):
    found = correlations(mfkd_home)
    paths = draw_correlations(tmp_path, found)
    assert [path.name for path in paths] == ["nst240.svg", "mobilenetv2.svg"]
    before = [path.read_bytes() for path in paths]
    assert all(text.startswith(b"<?xml") and b"</svg>" in text for text in before)
    draw_correlations(tmp_path, found)
    assert [path.read_bytes() for path in paths] == before
