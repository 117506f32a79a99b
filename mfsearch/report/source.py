"""Source of a network that stands on its own: the module it comes from, and of our other modules what that one uses."""

from __future__ import annotations

import ast
import importlib
import inspect

_PACKAGE = "mfsearch"


def standalone_source(module: str) -> str:
    """The source of a module that imports nothing of this package: what it takes from there is written out before it.

    Args:
        module: Full name of a module whose imports from this package are all `from ... import ...` at its top.
    """
    parts: dict[str, str] = {}
    _collect(module, None, parts, {})
    return "\n\n\n".join(["from __future__ import annotations", *parts.values()]) + "\n"


def _collect(module: str, wanted: set[str] | None, parts: dict[str, str], taken: dict[str, set[str]]) -> None:
    """Add the source of a module, or of the wanted names and what they use, after what it needs from our other modules."""
    if wanted is not None:
        wanted = taken[module] = wanted | taken.get(module, set())  # more than one module may take from it
    text = inspect.getsource(importlib.import_module(module))
    tree = ast.parse(text)
    body = [node for node in tree.body[1:] if not (isinstance(node, ast.ImportFrom) and node.module == "__future__")]
    kept = body if wanted is None else _used(body, wanted)
    for node in kept:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == _PACKAGE:
            _collect(node.module, {alias.name for alias in node.names}, parts, taken)
    ours = [node for node in kept if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == _PACKAGE]
    lines = text.splitlines()
    if wanted is None:
        dropped = {line for node in [tree.body[0], *(n for n in tree.body if n not in body), *ours] for line in _lines(node)}
        parts[module] = "\n".join(line for number, line in enumerate(lines) if number not in dropped).strip()
    else:
        imports = [node for node in kept if isinstance(node, ast.Import | ast.ImportFrom) and node not in ours]
        others = [node for node in kept if not isinstance(node, ast.Import | ast.ImportFrom)]
        texts = ["\n".join("\n".join(lines[i] for i in _lines(node)) for node in imports)] if imports else []
        parts[module] = "\n\n\n".join([*texts, *("\n".join(lines[i] for i in _lines(node)) for node in others)])


def _used(body: list[ast.stmt], wanted: set[str]) -> list[ast.stmt]:
    """The statements that define these names, and those that define what they use, in order."""
    defined = {name: node for node in body for name in _names(node)}
    kept: list[ast.stmt] = []
    open_names = list(wanted)
    while open_names:
        node = defined.get(open_names.pop())
        if node is not None and node not in kept:
            kept.append(node)
            open_names += [inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)]
    return [node for node in body if node in kept]


def _names(node: ast.stmt) -> list[str]:
    """Names that a statement at the top of a module defines."""
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [(alias.asname or alias.name).split(".")[0] for alias in node.names]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [inner.id for target in targets for inner in ast.walk(target) if isinstance(inner, ast.Name)]


def _lines(node: ast.stmt) -> range:
    """Places of a statement's lines, its decorators included."""
    decorators = getattr(node, "decorator_list", [])
    return range(min([node.lineno, *(d.lineno for d in decorators)]) - 1, node.end_lineno or node.lineno)
