from __future__ import annotations

import io
import sys

import click
from click.testing import CliRunner

from mfsearch.cli.output import watching, write_json, write_table


def test_tables_line_up():
    @click.command()
    def show() -> None:
        write_table(["a", "long head"], [["wide cell", "x"], ["y", ""]])

    assert CliRunner().invoke(show).stdout == "a          long head\nwide cell  x\ny\n"


def test_json_is_one_line():
    @click.command()
    def show() -> None:
        write_json({"text": "é\n", "none": None})

    assert CliRunner().invoke(show).stdout == '{"text": "é\\n", "none": null}\n'


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_live_display_and_anything_else_lines(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    for stream, kind in ((Terminal(), "LiveDisplay"), (io.StringIO(), "PlainLog")):
        monkeypatch.setattr(sys, "stderr", stream)
        with watching() as watcher:
            assert type(watcher.on_event.__self__).__name__ == kind  # type: ignore[attr-defined]
            watcher.say("a note [with] brackets")
        assert "a note [with] brackets" in stream.getvalue()
