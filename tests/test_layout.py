"""The layout's rules: floors, no cycle, imports at the top, short modules, a mirror for each, documented registries."""

from __future__ import annotations

import ast
import importlib
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "mfsearch"
MODULES = sorted(PACKAGE.rglob("*.py"))
LAYERS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]["layers"]
# Part of the package -> its height; parts that share a line of the contract share a height, and know nothing of each other.
FLOOR = {part.strip(" ()"): height for height, line in enumerate(reversed(LAYERS)) for part in line.split("|")}


def name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name(path) for path in MODULES}
PACKAGES = sorted(name(path) for path in MODULES if path.name == "__init__.py")


def part(module: str) -> str:
    """The part of the package that a module belongs to, as floors count them."""
    return module.split(".")[1] if "." in module else ""


def imported(tree: ast.AST) -> Iterator[str]:
    """Modules of ours that a tree imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in NAMES)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if inner in NAMES or node.module in NAMES:
                    yield inner if inner in NAMES else str(node.module)


def trees() -> list[tuple[Path, ast.Module]]:
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in MODULES]


def test_imports_go_down():
    wrong = []
    for path, tree in trees():
        here = part(name(path))
        for target in imported(tree):
            there = part(target)
            if here and there and here != there and FLOOR[there] >= FLOOR[here]:
                wrong.append(f"{name(path)} imports {target}")
    assert wrong == []


def test_every_part_has_a_floor():
    assert {part(module) for module in NAMES} - {""} == set(FLOOR)


def test_no_cycles():
    graph = {name(path): {target for target in imported(tree) if target != name(path)} for path, tree in trees()}
    TopologicalSorter(graph).prepare()


def test_imports_stand_at_the_top():
    wrong = []
    for path, tree in trees():
        assert "TYPE_CHECKING" not in path.read_text(encoding="utf-8"), f"{path} imports for type checkers alone"
        if path.name in ("__init__.py", "build.py") or part(name(path)) == "cli":
            continue
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                wrong += [f"{path}:{node.lineno}" for node in ast.walk(function) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert wrong == []


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_module(path: Path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400
    assert path.stem not in ("utils", "helpers")
    assert ast.get_docstring(ast.parse(text)), "a module says what it is for"
    if path.name not in ("__init__.py", "__main__.py"):
        inner = path.relative_to(PACKAGE)
        mirror = ROOT / "tests" / inner.parent / f"test_{inner.name}"
        assert mirror.is_file(), f"{mirror.relative_to(ROOT)} is missing"


def test_every_folder_is_a_package():
    assert [str(path.parent) for path in MODULES if not (path.parent / "__init__.py").is_file()] == []


@pytest.mark.parametrize("package", [package for package in PACKAGES if package != "mfsearch.cli"])
def test_registries_are_documented(package: str):
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    registries = {
        key: value for key, value in vars(importlib.import_module(package)).items() if key.isupper() and isinstance(value, dict)
    }
    for registry, entries in registries.items():
        assert f"`{registry}`" in text
        assert [entry for entry in entries if f"`{entry}`" not in text] == []


def test_optional_libraries_are_wrapped_by_modules_that_only_build_imports():
    code = trees()
    wrappers = {
        name(path)
        for path, tree in code
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom) and "ConfigSpace" in ast.unparse(node).split()[1]
    }
    assert wrappers
    wrong = [f"{name(path)} imports {wrapper}" for path, tree in code for wrapper in wrappers & set(imported(tree))]
    assert [line for line in wrong if not line.startswith("mfsearch.build ")] == []
