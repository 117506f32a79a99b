"""YAML as plain data, with the place of every key.

Scalars follow the core schema of YAML 1.2: `1e-3` is a number; `no`, `010` and `2024-01-01` are strings. Aliases, tags that
construct objects, keys that are no strings and keys given twice are refused: nothing in a file can run code, and nothing small
can unfold into something large.
"""

from __future__ import annotations

import re
from typing import Any, TypeAlias

import yaml

from mfsearch.errors import ConfigError

MAX_DEPTH = 32
KeyPath: TypeAlias = "tuple[str | int, ...]"
Places: TypeAlias = "dict[KeyPath, str]"  # a key, as a tuple -> where the user wrote it

_CORE = "tag:yaml.org,2002:"
_INTEGER = r"[-+]?(?:0|[1-9][0-9]*)"
_FLOAT = r"[-+]?(?:(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+|\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN)"


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (PyYAML's own way)

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.get_event()  # type: ignore[no-untyped-call]  # its stubs leave it out
            raise yaml.MarkedYAMLError(problem="aliases are not supported: write the value out", problem_mark=event.start_mark)
        return super().compose_node(parent, index)


for _kind, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", _INTEGER, list("-+0123456789")),
    ("float", _FLOAT, list("-+.0123456789")),
):
    _Loader.add_implicit_resolver(_CORE + _kind, re.compile(rf"(?:{_pattern})\Z"), _first)


def parse_yaml(text: str, label: str) -> tuple[Any, Places]:
    """Read one YAML document.

    Args:
        text: The document.
        label: What to call it in messages: a file's name, an option.

    Returns:
        Plain data (None for an empty document), and `label:line:column` of every key and list item.

    Raises:
        ConfigError: If it is no valid YAML, or uses what is refused; the message has line and column.
    """
    places: Places = {}
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            return (None if node is None else _plain(loader, node, (), places, label)), places
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = label if mark is None else f"{label}:{mark.line + 1}:{mark.column + 1}"
        problem = error.problem or error.context
        raise readable_error(f"{place}: this must be valid YAML; {problem}. Mend it there or just above.") from None
    except yaml.YAMLError as error:
        raise readable_error(f"{label}: this must be valid YAML; {' '.join(str(error).split())}.") from None
    except RecursionError:
        raise _too_deep(label) from None


def _plain(loader: _Loader, node: yaml.Node, path: KeyPath, places: Places, label: str) -> Any:
    """A composed node as plain data; every key's place goes into `places`."""
    place = _place(label, node)
    if len(path) > MAX_DEPTH:
        raise _too_deep(place)
    if node.tag not in {_CORE + kind for kind in ("null", "bool", "int", "float", "str", "map", "seq")}:
        raise readable_error(f"{place}: {dotted(path)} must be plain YAML; got the tag {node.tag!r}. Remove the tag.")
    if isinstance(node, yaml.MappingNode):
        return _mapping(loader, node, path, places, label)
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            places[*path, index] = _place(label, item)
        return [_plain(loader, item, (*path, index), places, label) for index, item in enumerate(node.value)]
    _check_text(node.value, place)
    try:
        return loader.construct_object(node)
    except (ValueError, KeyError, IndexError):  # `!!int x`; an integer of thousands of digits
        raise readable_error(f"{place}: {dotted(path)} must be a plain value; got {shown(node.value)}.") from None


def _mapping(loader: _Loader, node: yaml.MappingNode, path: KeyPath, places: Places, label: str) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key_node, value_node in node.value:
        place = _place(label, key_node)
        if key_node.tag != _CORE + "str":
            raise readable_error(f"{place}: a key must be a string; got {shown(key_node.value)}. Put it in quotes.")
        key = key_node.value
        _check_text(key, place)
        if key in data:
            raise readable_error(f"{place}: a key must be given once; got {dotted((*path, key))} again. Remove one of them.")
        places[*path, key] = place
        data[key] = _plain(loader, value_node, (*path, key), places, label)
    return data


def _check_text(text: str, place: str) -> None:
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise readable_error(f"{place}: text must be valid Unicode; got a lone surrogate in {shown(text)}.")


def _place(label: str, node: yaml.Node) -> str:
    return f"{label}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"


def _too_deep(place: str) -> ConfigError:
    return readable_error(f"{place}: YAML must nest at most {MAX_DEPTH} levels here; this goes deeper. Is it the right file?")


def dotted(path: KeyPath) -> str:
    """A key as people write it: `ladder.0.epochs`."""
    return ".".join(str(part) for part in path) or "the whole"


def shown(value: object) -> str:
    """A value for a message, at most 80 characters."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def readable_error(message: str) -> ConfigError:
    """A ConfigError whose message can be printed: lone surrogates, which YAML escapes can write, are spelt out."""
    return ConfigError(message.encode("utf-8", "backslashreplace").decode("utf-8"))
