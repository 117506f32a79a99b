from __future__ import annotations

import io

from rich.console import Console

from mfsearch.report.live import SHARED, LiveDisplay
from mfsearch.store.events import EventKind


def drawn(display: LiveDisplay) -> str:
    page = Console(file=io.StringIO(), width=100)
    page.print(display.render())
    return page.file.getvalue()  # type: ignore[attr-defined]


def follow(history) -> LiveDisplay:
    display, state = LiveDisplay(Console(file=io.StringIO(), width=100, force_terminal=True)), type(history.state)()
    for event in history.events:
        state.apply(event)
        display.on_event(event, state)
    return display


def test_it_shows_budget_running_best_and_counts(history):
    display = follow(history)
    display.on_progress(6, 0.5, "epoch 2/3")
    page = drawn(display)
    assert "of 1 min 40 s" in page
    assert "#6 few" in page
    assert "epoch 2/3" in page
    assert "78.50% |a~0|" in page
    assert "proxies 3, few 1 (1 failed), full 3 (1 cut)" in page


def test_it_begins_empty_and_prepares(new_history):
    display = LiveDisplay(Console(file=io.StringIO()))
    assert "starting" in drawn(display)
    history = new_history()
    display.on_event(history.events[0], history.state)
    assert "deciding" in drawn(display)
    assert "none at full yet" in drawn(display)
    display.on_progress(SHARED, 0.25, "epoch 10/40")
    assert "epoch 10/40" in drawn(display)
    history.add(EventKind.PREPARED, name="teacher", key="k", seconds=1.0, original_seconds=1.0)
    display.on_event(history.events[-1], history.state)
    assert "epoch 10/40" not in drawn(display)


def test_ended_evaluations_scroll_by_above_it(history):
    with follow(history) as display:
        pass
    assert "#4 full: val_accuracy 78.50% in 6.0 s" in display.console.file.getvalue()  # type: ignore[attr-defined]


def test_markup_in_messages_is_text(new_history):
    history = new_history()
    history.ask(0, "[bold]x[/nonsense]", "few")
    assert "[bold]x[/nonsense]" in drawn(follow(history))


def test_one_that_is_under_way_begins_without_its_past(history):
    display = LiveDisplay(Console(file=io.StringIO(), width=100))
    display.on_state(history.state)
    display.on_beat(6, 20.0)
    page = drawn(display)
    assert "#6 few" in page
    assert "51.4 s of 1 min 40 s" in page  # 31.4 s are spent, and it has run for 20
    assert display.console.file.getvalue() == ""  # type: ignore[attr-defined]
