from __future__ import annotations

import contextlib
import csv
import gzip
import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from mfsearch.errors import SpaceError
from mfsearch.networks.nasbench201 import EDGES, OPERATIONS
from mfsearch.records import Architecture, Task
from mfsearch.spaces.nasbench201 import NASBench201Space, cell_string

SPACE = NASBench201Space()
FIRST = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
needs_data = pytest.mark.skipif("MFSEARCH_DATA" not in os.environ, reason="needs the reference data in MFSEARCH_DATA")


def cell(numbers: str) -> Architecture:
    return SPACE.architecture([OPERATIONS[int(n)] for n in numbers])


def reference() -> dict[str, str]:
    with gzip.open(Path(os.environ["MFSEARCH_DATA"]) / "nasbench201.csv.gz", "rt") as file:
        return {row["arch"]: row["isomorph"] for row in csv.DictReader(file)}


@needs_data
def test_classes_are_those_of_the_benchmark() -> None:
    theirs = reference()
    ours = {key: SPACE.canonical(SPACE.parse(key)).key for key in theirs}
    assert len(theirs) == 15_625
    assert (
        len(set(zip(theirs.values(), ours.values(), strict=True))) == len(set(theirs.values())) == len(set(ours.values())) == 6466
    )


def test_every_cell_is_counted_once() -> None:
    found = SPACE.enumerate()
    assert len(found) == len(set(found)) == 6466
    members = [member.key for architecture in found for member in SPACE.members(architecture)]
    assert sorted(members) == sorted(cell_string(ops) for ops in itertools.product(OPERATIONS, repeat=6))


def test_members_compute_the_same_function() -> None:
    """Nodes as random linear maps of a vector: equal output for every member of a class, whatever the maps."""
    generator = np.random.default_rng(0)
    maps = {op: generator.normal(size=(4, 4)) for op in OPERATIONS[2:]} | {"none": np.zeros((4, 4)), "skip_connect": np.eye(4)}
    start = generator.normal(size=4)

    def output(architecture: Architecture) -> np.ndarray:
        nodes = [start, np.zeros(4), np.zeros(4), np.zeros(4)]
        for operation, (target, source) in zip(architecture.genotype, EDGES, strict=True):
            nodes[target] = (
                nodes[target] + np.tanh(maps[str(operation)] @ nodes[source])
                if operation in OPERATIONS[2:]
                else (nodes[target] + maps[str(operation)] @ nodes[source])
            )
        return nodes[3]

    for architecture in SPACE.enumerate()[::7]:
        for member in SPACE.members(architecture):
            np.testing.assert_allclose(output(member), output(architecture), rtol=1e-10, atol=1e-12)


def test_representative_is_the_smallest_member() -> None:
    for architecture in SPACE.enumerate()[::5]:
        members = SPACE.members(architecture)
        numbers = [[OPERATIONS.index(str(op)) for op in member.genotype] for member in members]
        assert members[0] == architecture
        assert numbers[0] == min(numbers)
        assert all(SPACE.canonical(member) == architecture for member in members)


def test_neighbours_are_the_union_over_members() -> None:
    architecture = SPACE.canonical(cell("311000"))
    expected = set()
    for member in SPACE.members(architecture):
        for edge, operation in itertools.product(range(6), OPERATIONS):
            changed = list(member.genotype)
            changed[edge] = operation
            expected.add(SPACE.canonical(SPACE.architecture([str(op) for op in changed])))
    found = SPACE.neighbours(architecture)
    assert set(found) == expected - {architecture}
    assert len(found) == len(set(found))
    assert found == [a for a in SPACE.enumerate() if a in set(found)]
    assert found == SPACE.neighbours(SPACE.members(architecture)[-1])


def test_being_a_neighbour_is_mutual() -> None:
    for architecture in SPACE.sample(20, np.random.default_rng(3)):
        assert all(architecture in SPACE.neighbours(other) for other in SPACE.neighbours(architecture)[:10])


def test_sample_is_uniform_over_cells() -> None:
    """A class is drawn as often as it has members: chi-square over the sizes' groups, 5 sigma."""
    drawn = SPACE.sample(4000, np.random.default_rng(0))
    sizes = np.array([len(SPACE.members(architecture)) for architecture in drawn])
    population = np.array([len(SPACE.members(architecture)) for architecture in SPACE.enumerate()])
    for size in np.unique(population):
        share = size * np.sum(population == size) / 15_625
        assert abs(np.mean(sizes == size) - share) < 5 * np.sqrt(share * (1 - share) / 4000) + 1e-3


def test_encoding_is_one_hot_of_the_representative() -> None:
    architecture = SPACE.canonical(SPACE.parse(FIRST))
    encoding = SPACE.encode([SPACE.parse(FIRST), architecture])
    assert encoding.shape == (2, 74)
    assert encoding.dtype == np.float64
    assert (encoding[0] == encoding[1]).all()
    assert [OPERATIONS[i] for i in encoding[0, :30].reshape(6, 5).argmax(1)] == list(architecture.genotype)
    assert SPACE.encode([]).shape == (0, 74)


def ways(cell: tuple[str, ...], node: int = 3) -> list[tuple[int, ...]]:
    """Every way from the input to a node without a `none`, as places in EDGES: walked backwards."""
    if node == 0:
        return [()]
    into = [i for i, (target, _) in enumerate(EDGES) if target == node and cell[i] != "none"]
    return [(*way, i) for i in into for way in ways(cell, EDGES[i][1])]


def test_encoding_counts_what_lies_on_paths() -> None:
    trained, live = (
        ("nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"),
        ("nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3", "skip_connect"),
    )
    sequences = [s for length in range(4) for s in itertools.product(trained, repeat=length)]
    architectures = SPACE.enumerate()[::23]
    encodings = SPACE.encode(architectures)
    for architecture, row in zip(architectures, encodings, strict=True):
        cell = tuple(str(operation) for operation in architecture.genotype)
        found = ways(cell)
        on_a_path = [cell[i] for i in {i for way in found for i in way}]
        assert [on_a_path.count(operation) for operation in live] == row[30:34].tolist()
        paths = [tuple(cell[i] for i in way if cell[i] != "skip_connect") for way in found]
        assert [paths.count(sequence) for sequence in sequences] == row[34:].tolist()
    groups = SPACE.layout.structure
    assert [len(group) for group in groups] == [1, 1, 1, 1, 1, 3, 9, 27]
    assert [column for group in groups for column in group] == list(range(30, 74))


def test_strings_are_the_benchmarks() -> None:
    architecture = SPACE.parse(FIRST)
    assert architecture.key == FIRST
    assert architecture.genotype == (
        "avg_pool_3x3",
        "nor_conv_1x1",
        "skip_connect",
        "nor_conv_1x1",
        "skip_connect",
        "skip_connect",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("|none~0|+|none~0|none~1|", "must have 3 nodes joined by '+'; got 2"),
        (FIRST.replace("|+", "+", 1), "node 1 must begin and end with '|'; got '|avg_pool_3x3~0'"),
        (FIRST.replace("|skip_connect~1|+", "|+"), r"node 2 must have 2 incoming edge(s); got 1 in '|nor_conv_1x1~0|'"),
        (FIRST.replace("skip_connect~2", "skip_connect~1"), "edge 3 of node 3 must come from node 2 and read 'operation~2'"),
        (FIRST.replace("skip_connect~2", "skip_conect~2"), "the operation of edge 3<-2 must be one of none, skip_connect"),
        (FIRST.replace("skip_connect~2", "skip_conect~2"), "Did you mean skip_connect?"),
        ("", "must have 3 nodes joined by '+'; got 1"),
    ],
)
def test_wrong_strings_say_where_and_why(text: str, message: str) -> None:
    with pytest.raises(SpaceError) as error:
        SPACE.parse(text)
    assert message in str(error.value)
    assert "Write for example |nor_conv_3x3~0|+" in str(error.value)


def test_foreign_architectures_are_refused() -> None:
    with pytest.raises(SpaceError, match=r"must be a NAS-Bench-201 cell; got '\[1\]' of space 'other'"):
        SPACE.canonical(Architecture("other", (1,), "[1]"))
    with pytest.raises(SpaceError, match="must have 6 operations; got 2"):
        SPACE.architecture(["none", "none"])
    with pytest.raises(SpaceError, match="the operation of edge 1<-0 must be one of"):
        SPACE.architecture(["conv"] * 6)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ("000000", False),
        ("000100", True),
        ("300040", True),
        ("300000", False),
        ("030001", True),
        ("301000", False),
        ("000011", False),
    ],
)
def test_connected(numbers: str, expected: bool) -> None:
    assert SPACE.connected(cell(numbers)) is expected


def test_build_follows_the_task() -> None:
    task = Task("digits", (1, 16, 16), 7, network={"channels": 4, "cells": 1})
    architecture = SPACE.parse(FIRST)
    network = SPACE.build(architecture, task).eval()
    assert network(torch.zeros(2, 1, 16, 16)).shape == (2, 7)
    assert SPACE.parameters(architecture, task) == sum(parameter.numel() for parameter in network.parameters())


@needs_data
def test_counts_are_those_of_the_benchmark() -> None:
    task = Task("cifar10", (3, 32, 32), 10)
    with gzip.open(Path(os.environ["MFSEARCH_DATA"]) / "nasbench201.csv.gz", "rt") as file:
        for row in itertools.islice(csv.DictReader(file), 0, None, 97):
            architecture = SPACE.parse(row["arch"])
            assert SPACE.parameters(architecture, task) == pytest.approx(1e6 * float(row["params_m"]), abs=0.5)
            assert SPACE.flops(architecture, task) == pytest.approx(1e6 * float(row["flops_m"]), abs=0.5)


def test_enumerating_is_fast() -> None:
    code = (
        "import time; from mfsearch.spaces.nasbench201 import NASBench201Space as S; "
        "t = time.process_time(); S().enumerate(); print(time.process_time() - t)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert float(done.stdout) < 1.0


def measured(n: int = 400) -> list[str]:
    """Some cells in an order of its own, several of one class among them."""
    every = [cell_string(ops) for ops in itertools.product(OPERATIONS, repeat=6)]
    return [every[i] for i in np.random.default_rng(1).permutation(len(every))[:n]]


def test_of_measured_cells_the_first_represents_its_class() -> None:
    cells = measured()
    space = NASBench201Space(cells)
    classes: dict[str, list[str]] = {}
    for text in cells:
        classes.setdefault(SPACE.canonical(SPACE.parse(text)).key, []).append(text)
    assert max(map(len, classes.values())) > 1
    assert [a.key for a in space.enumerate()] == [group[0] for group in classes.values()]
    for group in classes.values():
        assert {space.canonical(space.parse(text)).key for text in group} == {group[0]}
        assert [a.key for a in space.members(space.parse(group[-1]))] == group


def test_measured_cells_are_drawn_uniformly() -> None:
    cells = measured(40)
    space = NASBench201Space(cells)
    drawn = [a.key for a in space.sample(8_000, np.random.default_rng(0))]
    for a in space.enumerate():
        share = len(space.members(a)) / 40
        assert abs(drawn.count(a.key) / 8_000 - share) < 5 * np.sqrt(share * (1 - share) / 8_000)


def test_neighbours_of_measured_cells_are_measured() -> None:
    space = NASBench201Space(measured())
    place = {a: i for i, a in enumerate(space.enumerate())}
    for architecture in space.enumerate()[:40]:
        expected = set()
        for member in space.members(architecture):
            for edge, operation in itertools.product(range(6), OPERATIONS):
                changed = [str(op) for op in member.genotype]
                changed[edge] = operation
                with contextlib.suppress(SpaceError):
                    expected.add(space.canonical(SPACE.architecture(changed)))
        found = space.neighbours(architecture)
        assert set(found) == expected - {architecture}
        assert found == sorted(found, key=place.__getitem__)


def test_cells_that_were_not_measured_are_refused() -> None:
    cells = measured()
    other = next(cell_string(ops) for ops in itertools.product(OPERATIONS, repeat=6) if cell_string(ops) not in cells)
    space = NASBench201Space(cells)
    for refused in (
        lambda: space.parse(other),
        lambda: space.canonical(SPACE.parse(other)),
        lambda: space.encode([SPACE.parse(other)]),
    ):
        with pytest.raises(SpaceError) as error:
            refused()
        assert "must be one of the 400 cells that the table has measured; got " in str(error.value)
    with pytest.raises(SpaceError, match="the cells of a space must be at least one, each once; got none. Mend the table."):
        NASBench201Space([])
    with pytest.raises(SpaceError, match="each once; got 2 with 1 for the second time"):
        NASBench201Space(cells[:1] * 2)
    with pytest.raises(SpaceError, match="must have 3 nodes"):
        NASBench201Space(["x"])


@needs_data
def test_the_benchmarks_index_decides() -> None:
    """All cells in the benchmark's order: the lowest index of a class represents it."""
    with gzip.open(Path(os.environ["MFSEARCH_DATA"]) / "nasbench201.csv.gz", "rt") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: int(row["index"]))
    first: dict[str, str] = {}
    for row in rows:
        first.setdefault(row["isomorph"], row["arch"])
    space = NASBench201Space([row["arch"] for row in rows])
    assert [a.key for a in space.enumerate()] == list(first.values())
    assert all(space.canonical(space.parse(row["arch"])).key == first[row["isomorph"]] for row in rows[::50])
