"""What ships: the wheel's content, what it needs, and that it runs without the checkout."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import mfsearch

ROOT = Path(__file__).resolve().parents[1]


def run(*command: str | Path, cwd: Path) -> str:
    """Run without the checkout on the path; fail with what was printed."""
    env = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "MFSEARCH_DATA")}
    env |= {"MFSEARCH_HOME": str(cwd / "home"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([str(part) for part in command], cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of what it is made from: a build leaves folders behind."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "mfsearch", "configs", "tests"):
        run("cp", "-r", ROOT / name, source, cwd=ROOT)
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, source, cwd=source)
    return next(out.glob("*.whl"))


def environment(folder: Path, *, pip: bool) -> Path:
    """An empty virtual environment; its Python."""
    venv.create(folder, with_pip=pip, symlinks=True)
    return folder / "bin" / "python"


def searches(python: Path, cwd: Path) -> None:
    """The installed package, from anywhere but the checkout, runs a preset."""
    assert not Path(run(python, "-c", "import mfsearch; print(mfsearch.__file__)", cwd=cwd)).is_relative_to(ROOT)
    command = python.parent / "mfsearch"
    printed = run(command, "run", "branin", "--budget", "60s", "--seed", "1", "--json", cwd=cwd)
    result = json.loads(printed.splitlines()[-1])
    assert result["architecture"] and 0 < result["spent_seconds"] <= 60.0 == result["budget_seconds"]


def test_the_wheel_holds_the_package_its_presets_and_nothing_else(wheel: Path):
    files = set(zipfile.ZipFile(wheel).namelist())
    code = {str(path.relative_to(ROOT)) for path in (ROOT / "mfsearch").rglob("*.py*") if path.suffix in (".py", ".pyi")}
    presets = {f"mfsearch/configs/{path.relative_to(ROOT / 'configs')}" for path in (ROOT / "configs").rglob("*.yaml")}
    page = {f"mfsearch/report/html/page.{kind}" for kind in ("css", "html", "js")}
    data = {"mfsearch/py.typed", "mfsearch/fidelities/dass.safetensors", "mfsearch/problems/kd_table.parquet", *page}
    assert presets and code and files >= code | presets | data
    info = f"mfsearch-{mfsearch.__version__}.dist-info/"
    assert {name for name in files - code - presets if not name.startswith(info)} == data
    assert f"{info}licenses/LICENSE" in files


def test_the_wheel_runs_a_preset_in_an_environment_without_the_checkout(wheel: Path, tmp_path: Path):
    """The dependencies come from the environment of the tests, through a path that admits no editable install."""
    python = environment(tmp_path / "venv", pip=False)
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path).strip())
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=tmp_path)
    searches(python, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_wheel_installs_with_its_dependencies_into_an_empty_environment(wheel: Path, tmp_path: Path):
    python = environment(tmp_path / "venv", pip=True)
    torch = os.environ.get("TORCH", "torch==2.13.0").split()
    run(python, "-m", "pip", "install", "--quiet", *torch, cwd=tmp_path)
    run(python, "-m", "pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt", wheel, cwd=tmp_path)
    searches(python, tmp_path)


def requirements() -> tuple[set[str], set[str]]:
    """Names of install_requires, and of all extras, as setup.py writes them."""
    call = next(
        node
        for node in ast.walk(ast.parse((ROOT / "setup.py").read_text()))
        if getattr(getattr(node, "func", None), "id", "") == "setup"
    )
    assert isinstance(call, ast.Call)
    arguments = {word.arg: word.value for word in call.keywords}
    extras = [item for group in ast.literal_eval(arguments["extras_require"]).values() for item in group]
    return tuple(
        {re.split(r"[<>=[]", item)[0] for item in items} for items in (ast.literal_eval(arguments["install_requires"]), extras)
    )  # type: ignore[return-value]


def test_every_import_is_a_declared_dependency():
    needed, optional = requirements()
    providers = metadata.packages_distributions()
    for path in sorted((ROOT / "mfsearch").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in {name.split(".")[0] for name in names} - {"mfsearch"} - sys.stdlib_module_names:
                assert set(providers.get(name, [name])) & (needed | optional), f"{path.relative_to(ROOT)} imports {name}"


def test_the_constraints_pin_every_dependency():
    pinned = {line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")}
    needed, optional = requirements()
    assert needed | optional <= pinned


def test_versions_agree():
    version = mfsearch.__version__
    assert re.search(rf"^## \[{re.escape(version)}\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert re.search(rf"^version: {re.escape(version)}$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert metadata.version("mfsearch") == version


def test_the_floors_are_checked_with_nothing_left_out():
    (contract,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert contract["exhaustive"] and "ignore_imports" not in contract
