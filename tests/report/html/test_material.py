from __future__ import annotations

import pytest

from mfsearch.records import Json, Observation, Status
from mfsearch.report.html.material import Curve, gather
from mfsearch.report.summary import summarise
from mfsearch.store.events import EventKind, told


def test_what_the_summary_leaves_out_is_collected(history, material):
    assert len(material.known_at) == len(material.evaluations) == 6
    assert material.known_at[0] == pytest.approx(0.6 + 0.25 + 0.5 + 1.0)
    assert material.columns == {"proxies": ("params",)}
    assert material.scores["proxies"]["b"] == (2.0,)
    assert material.signals == {"few": "train_loss", "full": "val_accuracy"}
    assert material.target == "full"


def test_places_are_those_that_brought_a_figure(material):
    assert [material.evaluations[i]["evaluation"] for i in material.of_rung("full")] == [2, 3, 4]
    assert [material.evaluations[i]["evaluation"] for i in material.of_rung("few")] == [0]


def test_curves_are_lists_of_figures_by_name(new_history):
    h = new_history()
    query = h.ask(0, "a", "full")
    extras: dict[str, Json] = {
        "train_loss_curve": [3.0, 2, 1.5],
        "one_curve": [1.0],
        "odd_curve": [1.0, "x"],
        "text_curve": "abc",
        "list": [1.0, 2.0],
    }
    h.add(EventKind.TOLD, **told(Observation(query, Status.OK, 1.0, 70.0, None, {"val_accuracy": 70.0}, "", extras)))
    assert gather(summarise("toy-1", h.state, None), h.state).curves == [Curve("train_loss", 0, (3.0, 2.0, 1.5))]


def test_a_hover_text_says_what_and_why_and_escapes_it(new_history):
    h = new_history()
    h.tell(h.ask(0, "<b>a</b>", "full", reason="<i>because</i>", gain=0.5), 4.0, val_accuracy=71.25)
    h.tell(h.ask(1, "b", "full"), 4.0, Status.FAILED, "x")
    found = gather(summarise("toy-1", h.state, None), h.state)
    assert found.told(0, why=True) == (
        "#0 at full: 71.25%, 4.0 s<br>architecture: &lt;b&gt;a&lt;/b&gt;<br>why: &lt;i&gt;because&lt;/i&gt;: gain 0.5"
    )
    assert found.told(0, worth="1") == "#0 at full: 71.25%, 4.0 s<br>architecture: &lt;b&gt;a&lt;/b&gt;<br>worth: 1"
    assert found.told(1).startswith("#1 at full: failed, 4.0 s")
