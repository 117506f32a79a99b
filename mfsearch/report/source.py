"""Source of a network that stands on its own: the modules it comes from, in one text that imports no mfsearch."""

from __future__ import annotations

import ast
import importlib
import inspect

_PACKAGE = "mfsearch"


def standalone_source(module: str) -> str:
    """The source of a module with what it imports from this package written out before it.

    Args:
        module: Full name of a module whose imports from this package are all `from ... import ...` at its top.
    """
    sources: dict[str, str] = {}
    futures: set[str] = set()
    _collect(module, sources, futures)
    future = [f"from __future__ import {', '.join(sorted(futures))}"] if futures else []
    parts = [f"# ---- {name} ----\n\n{text}" for name, text in sources.items()]
    return "\n\n".join([*future, *parts]) + "\n"


def _collect(module: str, sources: dict[str, str], futures: set[str]) -> None:
    text = inspect.getsource(importlib.import_module(module))
    lines, tree = text.splitlines(), ast.parse(text)
    needed, dropped = [], set[int]()
    for place, node in enumerate(tree.body):
        ours = isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == _PACKAGE
        future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        docstring = place == 0 and isinstance(node, ast.Expr)
        if isinstance(node, ast.ImportFrom) and ours and node.module:
            needed.append(node.module)
        if isinstance(node, ast.ImportFrom) and future:
            futures.update(alias.name for alias in node.names)
        if ours or future or docstring:
            dropped.update(range(node.lineno - 1, node.end_lineno or node.lineno))
    for other in needed:
        if other not in sources:
            _collect(other, sources, futures)
    sources[module] = "\n".join(line for number, line in enumerate(lines) if number not in dropped).strip()
