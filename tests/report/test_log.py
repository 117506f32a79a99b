from __future__ import annotations

from mfsearch.records import Status
from mfsearch.report.log import PlainLog, counts, describe
from mfsearch.store.events import EventKind


def lines_of(history) -> list[str]:
    """What a log says of a history while it happens."""
    lines: list[str] = []
    log, state = PlainLog(lines.append), type(history.state)()
    for event in history.events:
        state.apply(event)
        log.on_event(event, state)
    log.on_progress(0, 0.5, "half")
    return lines


def test_one_line_for_each_thing_that_ended(history):
    assert lines_of(history) == [
        "[0.0 s of 1 min 40 s] teacher ready in 0.0 s, cached (originally 12.5 s): 79.8% validation accuracy",
        "[0.8 s of 1 min 40 s] scored 3 x proxies in 0.6 s",
        "[2.4 s of 1 min 40 s] #0 few: train_loss 0.9 in 1.0 s | |a~0|+|b~0|`c`~1|",
        "[4.8 s of 1 min 40 s] #1 few: failed in 2.0 s: ValueError: bad | thing at <line> 2 | b",
        "[9.3 s of 1 min 40 s] #2 full: val_accuracy 71.25% in 4.0 s, best 71.25% | b",
        "[14.8 s of 1 min 40 s] #3 full: val_accuracy 70.00% in 5.0 s, best 71.25% | c",
        "[21.4 s of 1 min 40 s] #4 full: val_accuracy 78.50% in 6.0 s, best 78.50% | |a~0|+|b~0|`c`~1|",
        "[30.9 s of 1 min 40 s] #5 full: cut in 9.0 s: stopped after 9.0 s | d",
    ]


def test_what_was_given_is_said(new_history):
    history = new_history()
    row = {"architecture": "w", "rung": "full", "value": 9.0, "values": {"val_accuracy": 9.0}}
    history.add(EventKind.GIVEN, origin="old.csv", observations=[row])
    assert describe(history.events[-1], history.state) == "took 1 observations from old.csv"


def test_counts_name_what_went_wrong(history):
    history.tell(history.ask(7, "f", "few"), 1.0, Status.LOST, "gone")
    assert counts(history.state) == "proxies 3, few 1 (1 failed, 1 lost), full 3 (1 cut)"


def test_a_log_begins_with_what_happens_next(history):
    lines: list[str] = []
    log = PlainLog(lines.append)
    log.on_state(history.state)
    log.on_beat(6, 3.0)
    assert lines == []
