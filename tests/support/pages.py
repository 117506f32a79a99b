"""Reads a report's page back, with the parser of the standard library."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

_BLOCKS = ("div", "dd", "dt", "figcaption", "h1", "h2", "h3", "p", "pre", "td", "th")


class Page(HTMLParser):
    """A page, read.

    Attributes:
        tags: Every tag with its attributes, in order.
        text: All text that a reader sees, by section; the key of what stands outside is empty.
        charts: Name of a chart -> its figure.
        scripts: Text of every script that runs.
        cells: Texts of the cells of every table, row by row, by section.
    """

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, str] = {"": ""}
        self.charts: dict[str, Any] = {}
        self.scripts: list[str] = []
        self.cells: dict[str, list[list[str]]] = {}
        self._section, self._chart, self._inside, self._cell = "", "", "", False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = dict(attrs)
        self.tags.append((tag, own))
        if tag == "section":
            self._section = str(own["id"])
            self.text[self._section] = ""
        if str(own.get("id")).startswith("chart-"):
            self._chart = str(own["id"]).removeprefix("chart-")
        if tag in ("script", "style"):
            self._inside = "json" if own.get("type") == "application/json" else tag
            if tag == "script" and self._inside == "script":
                self.scripts.append("")
        if tag == "tr":
            self.cells.setdefault(self._section, []).append([])
        if tag in ("td", "th"):
            self.cells[self._section][-1].append("")
            self._cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "section":
            self._section = ""
        if tag in ("script", "style"):
            self._inside = ""
        if tag in ("td", "th"):
            self._cell = False
        if tag in _BLOCKS:
            self.text[self._section] += "\n"

    def handle_data(self, data: str) -> None:
        if self._inside == "json":
            if self._chart:
                self.charts[self._chart], self._chart = json.loads(data), ""
        elif self._inside == "script":
            self.scripts[-1] += data
        elif not self._inside:
            self.text[self._section] += data
            if self._cell:
                self.cells[self._section][-1][-1] += data


def trace(figure: Any, name: str) -> Any:
    """The trace of a figure whose name begins so."""
    (found,) = [t for t in figure["data"] if str(t.get("name", "")).startswith(name)]
    return found
