from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import mfsearch


@pytest.mark.parametrize("name", [name for name in mfsearch.__all__ if name != "__version__"])
def test_every_name_resolves_to_what_is_called_so(name: str):
    found = getattr(mfsearch, name)
    assert found.__name__ == name
    assert inspect.getdoc(found)


def test_all_is_sorted_and_complete():
    names = list(mfsearch.__all__)
    assert names == ["__version__", *sorted(set(names) - {"__version__"})]
    assert set(dir(mfsearch)) == set(names)


def test_all_errors_are_public():
    from mfsearch import errors

    public = {name for name, value in vars(errors).items() if inspect.isclass(value)}
    assert public <= set(mfsearch.__all__)


def test_nothing_else_is_there():
    with pytest.raises(AttributeError, match="module 'mfsearch' has no attribute 'nothing'"):
        getattr(mfsearch, "nothing")  # noqa: B009 (a type checker knows that it is not there)
    code = "from mfsearch import *; print(sorted(name for name in globals() if not name.startswith('__')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(sorted(set(mfsearch.__all__) - {"__version__"}))


def test_the_types_are_those_of_the_exports():
    tree = ast.parse(Path(mfsearch.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    typed = {alias.name: node.module for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert set(typed) == set(mfsearch.__all__) - {"__version__"}
    for name, module in typed.items():
        assert getattr(sys.modules.get(str(module)) or __import__(str(module), fromlist=[name]), name) is getattr(mfsearch, name)
