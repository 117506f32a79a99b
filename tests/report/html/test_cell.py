from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest
from pages import Page

from mfsearch.networks.nasbench201 import EDGES
from mfsearch.report.html.cell import Edge, drawn_cell, edges_of, listed_choices
from mfsearch.spaces.nasbench201 import NASBench201Space


def test_the_edges_are_those_of_the_network():
    space = NASBench201Space()
    for architecture in space.sample(50, np.random.default_rng(0)):
        found = edges_of(architecture.key)
        assert found == [Edge(source, node, str(op)) for op, (node, source) in zip(architecture.genotype, EDGES, strict=True)]


@pytest.mark.parametrize(
    "key",
    ["", "abc", '{"x": 1}', "16,9|8|12,12|10", "|a~0", "|a~1|", "|a~0|+|b~2|", "|a~0|x", "+".join(["|a~0|"] * 40), "|a~0|+||"],
)
def test_what_is_no_cell_is_not_drawn(key: str):
    assert edges_of(key) is None
    assert drawn_cell(key) is None


def test_a_drawing_has_every_node_and_every_operation_inside_its_frame():
    key = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|nor_conv_3x3~2|"
    svg = ElementTree.fromstring(drawn_cell(key) or "")
    texts = [element.text for element in svg.iter("text")]
    assert sorted(t for t in texts if t) == sorted(
        ["nor_conv_3x3", "none", "skip_connect", "avg_pool_3x3", "nor_conv_1x1", "nor_conv_3x3", "in", "1", "2", "out"]
    )
    left, top, width, height = map(float, svg.attrib["viewBox"].split())
    boxes = [tuple(float(r.attrib[name]) for name in ("x", "y", "width", "height")) for r in svg.iter("rect")]
    assert all(left <= x and x + w <= left + width and top <= y and y + h <= top + height for x, y, w, h in boxes)
    for i, (x, y, w, h) in enumerate(boxes):
        assert not any(abs(x - a) < w and abs(y - b) < h for a, b, _, _ in boxes[:i]), "labels overlap"
    assert "nor_conv_3x3 from node 2 to node 3" in svg.attrib["aria-label"]


def test_operations_are_escaped():
    page = Page(drawn_cell('|<img src=x onerror="alert(1)">~0|') or "")
    assert "img" not in {tag for tag, _ in page.tags}


@pytest.mark.parametrize(
    ("key", "rows"),
    [
        ('{"x": 0.123456789, "kind": "<b>"}', [["choice", "value"], ["x", "0.12346"], ["kind", "<b>"]]),
        ("16,9|8", [["stage", "choice"], ["1", "16,9"], ["2", "8"]]),
        ("cell-7", [["architecture"], ["cell-7"]]),
        ("[1]", [["architecture"], ["[1]"]]),
    ],
)
def test_other_architectures_are_tables_of_their_choices(key: str, rows: list[list[str]]):
    assert Page(listed_choices(key)).cells[""] == rows
