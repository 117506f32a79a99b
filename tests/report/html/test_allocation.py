from __future__ import annotations

from pages import Page, trace

from mfsearch.report.html.allocation import allocation, spent_chart, timeline_chart


def test_every_line_of_the_books_is_a_bar(material, figure_of):
    (bars,) = figure_of(spent_chart(material))["data"]
    lines = [line for line in material.summary["spent"] if line["seconds"] > 0]
    assert sorted(bars["x"]) == sorted(line["seconds"] for line in lines)
    assert sum(bars["x"]) == material.summary["budget"]["spent_seconds"]
    names = figure_of(spent_chart(material))["layout"]["yaxis"]["ticktext"]
    assert dict(zip(names, bars["x"], strict=True))["score proxies"] == 0.6


def test_every_evaluation_is_a_point_on_its_rung_with_its_reason(material, figure_of):
    figure = figure_of(timeline_chart(material))
    assert figure["layout"]["yaxis"]["ticktext"] == ["few", "full"]
    ok, bad = trace(figure, "few (1)"), trace(figure, "few, not ok (1)")
    assert (ok["y"], bad["y"]) == ([0], [0])
    assert ok["text"] == ["#0 at few: 0.9, 1.0 s<br>architecture: |a~0|+|b~0|`c`~1|<br>why: at random"]
    assert "gain 0.1235, cost 1" in bad["text"][0]
    assert trace(figure, "full (3)")["x"] == [material.known_at[i] for i in (2, 3, 4)]
    assert trace(figure, "full, not ok (1)")["x"] == [material.known_at[5]]


def test_the_table_counts_all_of_them(material):
    rows = Page(str(allocation(material).parts[-1])).cells[""]
    assert rows[0] == ["rung", "kind", "ok", "failed", "cut", "lost", "running", "median", "in all"]
    assert rows[1] == ["proxies", "score", "3", "", "", "", "", "", ""]
    assert rows[2] == ["few", "evaluation", "1", "1", "0", "0", "1", "1.5 s", "3.0 s"]
    assert rows[3] == ["full", "evaluation, target", "3", "0", "1", "0", "0", "5.5 s", "24 s"]


def test_rungs_of_one_beginning_stay_apart(make, figure_of):
    names = ["x" * 40 + "1", "x" * 40 + "2"]
    ladder = [{"name": name, "kind": "evaluation", "role": "level", "signal": "-train_loss"} for name in names]
    material = make([("a", names[0], 1.0, 2.0, {}), ("b", names[1], 1.0, 2.0, {})], ladder=ladder)
    assert [points["y"] for points in figure_of(timeline_chart(material))["data"]] == [[0], [1]]


def test_nothing_spent_and_nothing_evaluated_is_said(empty):
    section = allocation(empty)
    assert section.charts == []
    assert "No device time has been charged yet." in str(section.parts[0])
    assert "No evaluation has ended yet." in str(section.parts[1])


def test_many_points_are_thinned_and_counted(make, figure_of):
    material = make([(str(i), "full", 1.0, 50.0, {}) for i in range(1500)], budget_seconds=1e4)
    chart = timeline_chart(material)
    assert len(trace(figure_of(chart), "full (1,500)")["x"]) == 1000
    assert "1,000 of 1,500 evaluations at full drawn: evenly spaced. All are counted." in chart.note
