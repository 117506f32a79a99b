"""Which tasks a predictor learns from: all different, and what is held out is held out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mfsearch.config import presets, read_section
from mfsearch.errors import ConfigError
from mfsearch.tabulate.lessons import MetaConfig, lessons

TEXT = """
base:
  space: nasbench201
  task: {use: pictures, train: 64, network: {channels: 4, cells: 1, reduction: light}, teacher: {cells: 1, training: {epochs: 2}}}
  ladder:
  - {use: distillation, name: full, epochs: 1, loss: kd, expected_seconds: 1}
  data: somewhere
classes: {total: 10, each: [3, 4], held_out: [2, 5, 7]}
vary: {size: [8, 16], grey: [false, true]}
teachers: {channels: [8, 12, 16]}
tasks: {learn: 12, validate: 2, test: 4}
seed: 3
"""


def load(folder: Path, text: str = TEXT, *overrides: str) -> MetaConfig:
    path = folder / "meta.yaml"
    path.write_text(text)
    return read_section(MetaConfig, path, overrides)[1]


def test_tasks_differ_and_keep_what_is_held_out(tmp_path: Path):
    found = lessons(load(tmp_path))
    assert [lesson.group for lesson in found] == ["learn"] * 12 + ["validate"] * 2 + ["test"] * 4
    assert [lesson.name for lesson in found][11:13] == ["learn-11", "validate-00"]
    tasks: list[Any] = [lesson.config.task.options for lesson in found if lesson.config.task]
    assert len({str(task) for task in tasks}) == 18
    for lesson, task in zip(found, tasks, strict=True):
        held_out = {2, 5, 7} & set(task["classes"])
        assert len(task["classes"]) in (3, 4) and task["classes"] == sorted(task["classes"])
        assert len(held_out) == (0 if lesson.group == "learn" else 3)
        assert task["size"] in (8, 16) and task["grey"] in (False, True)
        assert task["teacher"]["channels"] in (8, 12, 16) and task["teacher"]["training"] == {"epochs": 2}
        assert task["train"] == 64 and lesson.config.data == "somewhere"
    assert len({lesson.config.seed for lesson in found}) == 18, "each task has students of its own"
    assert {len(task["classes"]) for task in tasks} == {3, 4} and {task["size"] for task in tasks} == {8, 16}


def test_further_kinds_leave_the_others_as_they_are(tmp_path: Path):
    before = lessons(load(tmp_path))
    kind = "{learn: 2, vary: {view: [turns], flip: [false]}}"
    found = lessons(load(tmp_path, f"{TEXT}further: [{kind}, {{learn: 1, each: [6], vary: {{size: [4]}}}}]\n"))
    assert found[: len(before)] == before
    assert [(lesson.name, lesson.group) for lesson in found[len(before) :]] == [(f"learn-{n}", "learn") for n in (12, 13, 14)]
    options: list[Any] = [lesson.config.task.options for lesson in found[len(before) :] if lesson.config.task]
    assert (
        [task.get("view") for task in options] == ["turns", "turns", None]
        and "size" not in options[0]
        and options[2]["size"] == 4
    )
    assert not any({2, 5, 7} & set(task["classes"]) for task in options)
    assert [len(task["classes"]) in (3, 4) for task in options] == [True, True, False] and len(options[2]["classes"]) == 6
    assert len({lesson.config.seed for lesson in found}) == len(found)


@pytest.mark.parametrize("name", presets("meta"))
def test_presets_can_be_planned(name: str):
    _, config = read_section(MetaConfig, name, (), "meta")
    further = sum(kind.learn for kind in config.further)
    assert len(lessons(config)) == config.tasks.learn + config.tasks.validate_by + config.tasks.test + further
    assert presets("meta")[name].read_text().startswith("# ") and name not in presets()


def test_the_seed_decides(tmp_path: Path):
    first, again, other = (lessons(load(tmp_path, TEXT, f"seed={seed}")) for seed in (3, 3, 4))
    assert first == again != other


def test_more_tasks_begin_with_the_same_ones(tmp_path: Path):
    assert lessons(load(tmp_path, TEXT, "tasks.test=9"))[:18] == lessons(load(tmp_path))


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("classes.each=[8]", "each must be from 2 to the 7 classes that are not held out; got [8]"),
        ("classes.held_out=[10]", "held_out must be numbers from 0 to 9, each once"),
        ("vary.size=[]", "what is drawn for 'size' must be a list of one or more values"),
        ("base={problem: digits}", "base must have a space, a task and a ladder; it names a problem"),
        ("tasks.train=3", "a key must be one of"),
        ("students=2", "students must"),
        ("recipe.width=0", "recipe.width must"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, override: str, says: str):
    with pytest.raises(ConfigError) as error:
        load(tmp_path, TEXT, override)
    assert says in str(error.value)


def test_too_few_different_tasks_are_said(tmp_path: Path):
    few = ("vary={size: [8]}", "teachers={channels: [8]}", "classes.each=[7]", "tasks.learn=2")
    with pytest.raises(ConfigError, match="the tasks must all differ; 1 were found"):
        lessons(load(tmp_path, TEXT, *few))


def test_classes_of_a_kind_must_be_there(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"each must be from 2 to the 7 classes that are not held out; got \[8\]"):
        load(tmp_path, f"{TEXT}further: [{{learn: 1, each: [8], vary: {{}}}}]\n")
