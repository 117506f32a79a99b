from __future__ import annotations

from mfsearch.report.answer import answer_lines
from mfsearch.report.markdown import to_markdown
from mfsearch.report.summary import summarise
from mfsearch.store.events import EventKind


def test_the_end_of_a_run_says_all_that_matters(history, recommendation):
    lines = answer_lines(summarise("toy-1", history.state, recommendation), "out/report.md", "out/weights.safetensors")
    assert lines[:2] == ["Recommended architecture", "  |a~0|+|b~0|`c`~1|"]
    assert "  validation accuracy 78.50% measured; 78.10% expected, 95% interval 77.00% to 79.20%" in lines
    assert "  test accuracy       77.77%, computed once" in lines
    assert "  regret              0.5" in lines
    assert "  spent               31.4 s of 1 min 40 s" in lines
    assert "    evaluation full          4 in 24 s" in lines
    assert "    teacher teacher          0.0 s (cached, originally 12.5 s; 79.8% validation accuracy)" in lines
    assert "  report              out/report.md" in lines
    assert "  weights             out/weights.safetensors" in lines
    assert "  mfsearch resume toy-1 --budget +10min" in lines
    assert lines[-1] == "  mfsearch export toy-1 --out DIR"


def test_what_was_searched_is_said_where_it_is_known(history, recommendation):
    known = answer_lines(summarise("toy-1", history.state, recommendation, about="A toy."))
    assert "  searched            A toy." in known
    assert not any("searched" in line for line in answer_lines(summarise("toy-1", history.state, recommendation)))


def test_without_an_answer_nothing_is_exported(new_history):
    lines = answer_lines(summarise("toy-1", new_history().state, None))
    assert lines[0] == "No evaluation succeeded: there is nothing to recommend."
    assert not any("export" in line or "weights" in line for line in lines)


def test_what_was_not_evaluated_at_the_target_is_not_called_measured(history, recommendation):
    summary = summarise("toy-1", history.state, recommendation)
    summary["answer"] |= {"evaluated_at_target": False, "rung": None}
    line = next(line for line in answer_lines(summary) if "validation accuracy" in line)
    assert line.endswith("not evaluated at full: it was never evaluated")
    assert "measured" not in line


def test_a_useless_rung_is_named_with_when_it_was_found(history, recommendation):
    known = {"few": {"since_seconds": 12.0, "correlation": 0.114}}
    history.add(EventKind.SCORED, scores=[], memory={"useless": known}, optimiser_seconds=0.0)
    summary = summarise("toy-1", history.state, recommendation)
    assert summary["useless"] == known
    sentence = (
        "few, found after 12 s of the budget: its values correlate by 0.11 with those at full, so nothing was paid for it since"
    )
    assert f"  not worth its cost  {sentence}" in answer_lines(summary)
    assert f"- not worth its cost: {sentence}" in to_markdown(summary)
