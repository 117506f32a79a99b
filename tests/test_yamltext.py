from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mfsearch.errors import ConfigError
from mfsearch.yamltext import dotted, parse_yaml, shown

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8"))
DATA = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc:- #", max_size=4), inner, max_size=3)
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3), ("-.5", -0.5), ("1.", 1.0), ("-7", -7), ("0", 0), (".inf", float("inf")), ("~", None), ("", None),
        ("true", True), ("False", False), ("no", "no"), ("on", "on"), ("010", "010"), ("1_000", "1_000"), ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"), ("0x1F", "0x1F"), ("'1'", "1"), ("params <= 1.5M", "params <= 1.5M"), ("e5", "e5"),
    ],
)  # fmt: skip
def test_scalars_follow_yaml_1_2(text: str, value: object):
    assert parse_yaml(text, "x")[0] == value
    assert type(parse_yaml(text, "x")[0]) is type(value)


@given(DATA)
def test_reads_back_what_pyyaml_writes(data: object):
    # Flow style with quoted strings: the writer follows YAML 1.1, where more bare words are no strings.
    text = yaml.safe_dump(data, default_style='"' if isinstance(data, str) else None, allow_unicode=True)
    try:
        expected = yaml.safe_load(text)
    except yaml.YAMLError:
        return
    read, _ = parse_yaml(text, "x")
    assert read == expected == data


def test_every_key_and_item_has_its_place():
    _, places = parse_yaml("a: 1\nb:\n  - x\n  - c: 2\n", "f.yaml")
    assert {dotted(path): place for path, place in places.items()} == {
        "a": "f.yaml:1:1",
        "b": "f.yaml:2:1",
        "b.0": "f.yaml:3:5",
        "b.1": "f.yaml:4:5",
        "b.1.c": "f.yaml:4:5",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1, 2", "f:1:9: this must be valid YAML; expected ',' or ']', but got '<stream end>'"),
        ("a: 1\nb: 2\na: 3", "f:3:1: a key must be given once; got a again. Remove one of them."),
        ("a:\n  b: 1\n  b: 2", "f:3:3: a key must be given once; got a.b again. Remove one of them."),
        ("a: &x 1\nb: *x", "f:2:4: this must be valid YAML; aliases are not supported: write the value out."),
        ("&a [*a]", "f:1:5: this must be valid YAML; aliases are not supported"),
        ("1: x", "f:1:1: a key must be a string; got '1'. Put it in quotes."),
        ("? [1]\n: x", "f:1:3: a key must be a string"),
        ("a: !!python/object/apply:os.system [true]", "f:1:4: a must be plain YAML; got the tag"),
        ("a: !!set {b}", "f:1:4: a must be plain YAML; got the tag 'tag:yaml.org,2002:set'. Remove the tag."),
        ("a: !!int x", "f:1:4: a must be a plain value; got 'x'."),
        ("a: " + "9" * 5000, "f:1:4: a must be a plain value; got '9999"),
        ('a: "\\ud800"', "f:1:4: text must be valid Unicode; got a lone surrogate in '\\ud800'."),
        ("a: \x07", "f: this must be valid YAML; unacceptable character #x0007"),
        ("a: 1\n---\nb: 2", "f:2:1: this must be valid YAML; but found another document"),
        ("[" * 40 + "]" * 40, "f:1:34: YAML must nest at most 32 levels here; this goes deeper. Is it the right file?"),
        ("[" * 5000, "f: YAML must nest at most 32 levels here; this goes deeper."),
    ],
)  # fmt: skip
def test_refuses_and_says_where(text: str, message: str):
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, "f")
    assert str(caught.value).startswith(message)


@given(st.text() | st.text("{}[]:,-?!&*'\"\n #ab1.\\|>%@`"))
def test_any_text_is_data_or_a_config_error(text: str):
    try:
        parse_yaml(text, "f")
    except ConfigError as error:
        str(error).encode()


def test_long_values_are_shortened_in_messages():
    assert shown("x" * 500) == "'" + "x" * 76 + "..."
