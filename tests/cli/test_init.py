from __future__ import annotations

import os
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from mfsearch import cli
from mfsearch.cli import COMMANDS, main
from mfsearch.errors import SearchFailedError


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_the_commands_say(call, name: str):
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.name == name
    assert command.get_short_help_str(200) == COMMANDS[name][2]
    done = call(name, "--help")
    assert done.exit_code == 0
    assert done.stdout.startswith(f"Usage: mfsearch {name} ")


def test_every_option_is_explained():
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        assert command is not None
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{name} {parameter.name}"


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that raises what its argument names."""
    errors: dict[str, BaseException] = {
        "failed": SearchFailedError("all 6 evaluations failed."),
        "odd": ValueError("odd\nvalue"),
        "stop": KeyboardInterrupt(),
    }

    @click.command()
    @click.argument("what")
    def command(what: str) -> None:
        raise errors[what]

    monkeypatch.setattr(cli.LazyGroup, "get_command", lambda self, ctx, name: command)


@pytest.mark.parametrize(
    ("what", "code", "message"),
    [
        ("failed", 1, "Error: all 6 evaluations failed.\n"),
        ("odd", 1, "Error: ValueError: odd value. This should not happen; set MFSEARCH_DEBUG=1 to see where it comes from.\n"),
        ("stop", 130, "Error: interrupted.\n"),
    ],
)
def test_errors_are_one_line_and_a_code(call, broken, what: str, code: int, message: str):
    done = call("anything", what)
    assert (done.exit_code, done.stderr) == (code, message)


def test_a_traceback_is_shown_on_demand(broken, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MFSEARCH_DEBUG", "1")
    done = CliRunner().invoke(main, ["anything", "odd"])
    assert done.exit_code == 1
    assert "Traceback" in done.stderr


def test_an_unknown_command_is_refused(call):
    done = call("serch")
    assert done.exit_code == 2
    assert "No such command 'serch'" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [["status", "x"], ["watch", "x"], ["why", "x", "1"], ["list"], ["config", "show"], ["run", "--budget", "3"]],
    ids=" ".join,
)
def test_quick_commands_do_not_load_torch(tmp_path, arguments: list[str]):
    code = f"""
import sys
from mfsearch.cli import main
try:
    main({arguments!r})
finally:
    print("torch:", "torch" in sys.modules)
"""
    environment = {"MFSEARCH_HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.stdout.endswith("torch: False\n"), done.stderr


def test_the_shell_completes_commands_and_options():
    program = "from mfsearch.cli import main; main(prog_name='mfsearch')"

    def completed(words: str, place: int) -> list[str]:
        environment = {**os.environ, "_MFSEARCH_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(place)}
        done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
        return [line.partition(",")[2] for line in done.stdout.splitlines()]

    assert completed("mfsearch re", 1) == ["resume", "report", "reproduce"]
    assert "--warm-start" in completed("mfsearch run --w", 2)
