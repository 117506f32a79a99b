"""Events are JSON that survives the way to the database and back."""

from __future__ import annotations

import gc
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfsearch.errors import StorageError
from mfsearch.records import Architecture, EvaluationQuery, Observation, Status
from mfsearch.store.events import asked, dump, load, told, uncollected

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), _JSON, max_size=4))
def test_round_trip(payload: dict[str, object]) -> None:
    assert load(dump(payload)) == payload


def test_figures_that_json_lacks_become_null() -> None:
    assert load(dump({"a": math.nan, "b": [math.inf], "c": (1, np.float64(2.5)), "d": np.int64(3)})) == {
        "a": None,
        "b": [None],
        "c": [1, 2.5],
        "d": 3,
    }


@pytest.mark.parametrize("text", ["{", "[1]", "3", ""])
def test_damaged_events_are_named(text: str) -> None:
    with pytest.raises(StorageError, match="an event must be"):
        load(text)


def test_collection_goes_on_as_it_was_however_a_history_ends() -> None:
    assert gc.isenabled()
    with pytest.raises(StorageError), uncollected(), uncollected():
        assert not gc.isenabled()
        load("{")
    assert gc.isenabled()


def test_asked_and_told_hold_everything() -> None:
    query = EvaluationQuery(Architecture("s", ("a",), "a"), "full", 7, {"gain": 0.5}, 3)
    assert asked(query, 2.0, 5.0, 1.5) == {
        "id": 3, "architecture": "a", "rung": "full", "seed": 7, "reserved": 2.0, "limit": 5.0, "expected": 1.5, "why": {"gain": 0.5},
    }  # fmt: skip
    payload = told(Observation(query, Status.FAILED, 1.0, message="no"))
    assert (payload["id"], payload["status"], payload["message"], payload["value"]) == (3, "failed", "no", None)
