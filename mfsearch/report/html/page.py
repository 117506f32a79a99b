"""The page around the charts: one file that needs no network, for every width of screen, for paper, light and dark."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from string import Template
from typing import Final

from plotly.offline import get_plotlyjs

from mfsearch import __version__
from mfsearch.report.html.parts import Chart, Section, paragraph
from mfsearch.report.html.style import DARK
from mfsearch.report.html.text import safe

_FOLDER: Final = files("mfsearch.report.html")


def page(title: str, lead: str, sections: Sequence[Section]) -> str:
    """A whole page.

    Args:
        title: Plain text.
        lead: What it is about, plain text; empty for none.
        sections: In order.

    Returns:
        HTML with plotly.js in it, once.
    """
    links = "".join(f'<a href="#{section.name}">{safe(section.title)}</a>' for section in sections)
    charts = any(section.charts for section in sections)
    return Template(_read("page.html")).substitute(
        title=safe(title),
        lead=paragraph(lead, "lead") if lead else "",
        style=_read("page.css"),
        links=links,
        sections="\n".join(_section(section) for section in sections),
        version=safe(__version__),
        plotly=f"<script>{get_plotlyjs()}</script>" if charts else "",
        dark=_script_json(json.dumps(DARK)),
        script=_read("page.js"),
    )


def _section(section: Section) -> str:
    body: list[str] = []
    row: list[str] = []
    for part in section.parts:
        if isinstance(part, Chart):
            row.append(_chart(part))
            continue
        body += [*_row(row), part]
        row = []
    inside = "\n".join([*body, *_row(row)])
    return f'<section id="{section.name}"><h2>{safe(section.title)}</h2>\n{inside}\n</section>'


def _row(charts: list[str]) -> list[str]:
    return [f'<div class="charts">{"".join(charts)}</div>'] if charts else []


def _chart(chart: Chart) -> str:
    note = f"<figcaption>{safe(chart.note)}</figcaption>" if chart.note else ""
    height = int(chart.figure.layout.height)
    return (
        f'<figure><h3>{safe(chart.title)}</h3><div class="chart" id="chart-{chart.name}" style="min-height:{height}px"></div>'
        f'<script type="application/json">{_script_json(chart.figure.to_json())}</script>{note}</figure>'
    )


def _script_json(text: str) -> str:
    """JSON that may stand in a script element: nothing in it ends the element or begins a comment."""
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
