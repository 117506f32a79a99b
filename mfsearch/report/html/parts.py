"""What a page is made of: sections of prose, tables and charts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mfsearch.report.html.text import safe

_LONG = 24  # characters from which a cell of a table may break anywhere


@dataclass(frozen=True)
class Chart:
    """A chart on the page.

    Attributes:
        name: Its file as an image, and its place on the page: letters, digits and dashes.
        title: What it shows, plain text.
        figure: The plotly figure.
        note: How to read it, plain text.
    """

    name: str
    title: str
    figure: Any
    note: str = ""


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        name: Its anchor: letters, digits and dashes.
        title: Its heading, plain text.
        parts: HTML and charts, in order; charts in a row share it where the screen is wide.
    """

    name: str
    title: str
    parts: Sequence[str | Chart]

    @property
    def charts(self) -> list[Chart]:
        """Its charts."""
        return [part for part in self.parts if isinstance(part, Chart)]


def paragraph(text: str, kind: str = "") -> str:
    """Plain text as a paragraph; `kind` is a class of the style sheet."""
    return f"<p{_kind(kind)}>{safe(text)}</p>"


def nothing(text: str) -> str:
    """The sentence that stands where there is nothing to show, and says why."""
    return paragraph(text, "nothing")


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = ()) -> str:
    """A table of plain texts that scrolls by itself where the screen is narrow; columns in `right` to the right."""
    right = set(right)

    def cells(tag: str, row: Sequence[str]) -> str:
        kinds = ("right" if i in right else "long" if len(text) > _LONG else "" for i, text in enumerate(row))
        return "".join(f"<{tag}{_kind(kind)}>{safe(text)}</{tag}>" for kind, text in zip(kinds, row, strict=True))

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f'<div class="table"><table><thead><tr>{cells("th", head)}</tr></thead><tbody>{body}</tbody></table></div>'


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Labels with their values, plain texts."""
    return "<dl>" + "".join(f"<div><dt>{safe(label)}</dt><dd>{safe(value)}</dd></div>" for label, value in pairs) + "</dl>"


def commands(lines: Iterable[str]) -> str:
    """What to type, one command a line."""
    return f'<pre class="commands"><code>{safe(chr(10).join(lines))}</code></pre>'


def _kind(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
