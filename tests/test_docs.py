"""Documents say what is true: Python blocks run, commands and their options exist, links lead somewhere."""

from __future__ import annotations

import inspect
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from sphinx.util.inventory import InventoryFile

import mfsearch
from mfsearch.build import build_problem
from mfsearch.cli import main
from mfsearch.config import load_config, read_section
from mfsearch.fidelities.dass import DaSS
from mfsearch.fidelities.distillation import Distillation
from mfsearch.fidelities.zero_cost import ZeroCost
from mfsearch.tabulate.lessons import MetaConfig, lessons

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(*languages: str) -> list[Any]:
    """Every code block in one of the languages: its text, and file and line as the test's name."""
    found = []
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        for match in BLOCK.finditer(text):
            if match[1] in languages:
                line = text[: match.start()].count("\n") + 1
                found.append(pytest.param(match[2], id=f"{path.relative_to(ROOT)}:{line}"))
    return found


def commands(text: str) -> Iterator[list[str]]:
    """Arguments of each call of mfsearch in a shell block, prompts and comments left out."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True)
        if words[:1] == ["mfsearch"]:
            yield words[1:]


@pytest.mark.parametrize("text", blocks("python"))
def test_python_blocks_run(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(text, "block", "exec"), {"__name__": "block"})


@pytest.mark.parametrize("text", blocks("bash", "console", "sh"))
def test_commands_exist_with_their_options(text: str):
    for words in commands(text):
        # Help comes after the options were read: an unknown command or option is a usage error, and nothing runs.
        result = CliRunner().invoke(main, [*words, "--help"])
        assert result.exit_code == 0, f"mfsearch {shlex.join(words)}: {result.output}"


LADDERS = [block for block in blocks("yaml") if "ladder:" in str(block.values)]


@pytest.mark.parametrize("text", [block for block in LADDERS if "base:" not in str(block.values)])
def test_ladders_can_be_built(text: str, tmp_path: Path):
    (tmp_path / "config.yaml").write_text(text)
    config = load_config(tmp_path / "config.yaml")
    assert [rung.name for rung in build_problem(config, tmp_path).ladder] == [part.options["name"] for part in config.ladder]


@pytest.mark.parametrize("text", [block for block in LADDERS if "base:" in str(block.values)])
def test_tasks_to_learn_from_can_be_planned(text: str, tmp_path: Path):
    (tmp_path / "meta.yaml").write_text(text)
    _, config = read_section(MetaConfig, tmp_path / "meta.yaml")
    further = sum(kind.learn for kind in config.further)
    assert len(lessons(config)) == config.tasks.learn + config.tasks.validate_by + config.tasks.test + further


@pytest.mark.parametrize(("rung", "kind"), [("zero_cost", ZeroCost), ("dass", DaSS), ("distillation", Distillation)])
def test_every_option_of_a_rung_is_on_the_page(rung: str, kind: type):
    page = (ROOT / "docs" / "ladders.md").read_text(encoding="utf-8")
    table = page.split(f"| `{rung}` | | default |")[1].split("\n\n")[0]
    assert [name for name in inspect.signature(kind).parameters if name != "live" and f"`{name}`" not in table] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path):
    targets = re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8"))
    assert [target for target in targets if "://" not in target and not (path.parent / target).exists()] == []


def test_every_fault_of_the_table_is_injected_by_a_test():
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8").partition("## Faults that are tested")[2]
    names = [row.split(" | ")[0].removeprefix("| ").partition(" (")[0] for row in text.splitlines() if row.startswith("| ")][1:]
    sources = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py") if path.name != "test_docs.py"
    )
    assert len(names) >= 16
    assert [name for name in names if f'"{name}' not in sources] == []


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built without a warning."""
    folder = tmp_path_factory.mktemp("site")
    words = ["--quiet", "--fail-on-warning", "--keep-going", "--builder", "html", str(ROOT / "docs"), str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-m", "sphinx", *words], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_command_reference_is_the_help(site: Path):
    page = unescape(re.sub(r"<[^>]+>", "", (site / "commands.html").read_text(encoding="utf-8")))
    words = " ".join(page.split())

    def check(command: click.Command, name: str) -> None:
        assert name in words
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                assert option.opts[0] in words, f"{name} {option.opts[0]}"
                if option.help:
                    # Quotes and dashes are set as print has them.
                    assert " ".join(re.findall(r"\w+", option.help)) in " ".join(re.findall(r"\w+", words)), option.help
        if isinstance(command, click.Group):
            context = click.Context(command)
            for sub in command.list_commands(context):
                found = command.get_command(context, sub)
                assert found is not None
                check(found, f"{name} {sub}")

    check(main, "mfsearch")


def test_every_public_name_is_in_the_reference(site: Path):
    with (site / "objects.inv").open("rb") as file:
        inventory = InventoryFile.load(file, "", os.path.join)
    known = {name.rpartition(".")[2] for kind in ("py:class", "py:function", "py:exception") for name in inventory[kind]}
    assert set(mfsearch.__all__) - {"__version__"} <= known


@pytest.mark.parametrize("picture", ["cokriging.svg", "gain.svg", "budget.svg"])
def test_pictures_are_drawn_by_the_code_as_it_is(picture: str, drawn: Path):
    """What is drawn holds as many lines, areas and words as the file that the page shows; coordinates may differ in the last digits."""
    texts = [(folder / picture).read_text(encoding="utf-8") for folder in (ROOT / "docs" / "images", drawn)]
    parts = [re.findall(r'id="([a-z]+)\w*_\d+"', text) for text in texts]
    assert parts[0] == parts[1] and len(parts[0]) > 20


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pictures of the concepts' page, drawn anew."""
    folder = tmp_path_factory.mktemp("pictures")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, str(ROOT / "docs" / "figures.py"), str(folder)], env=environment, check=True)
    return folder
