"""Other people's libraries as policies: each in a Python environment of its own, spoken to in JSON lines.

The protocol and the adapters are those of `benchmarks/peers` in the project's repository; `protocol.py` there has the messages.
The library decides what is evaluated where; budget, charges, the cache of equal cells and the recommendation are the bench's, and
the same for all.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from mfsearch.allocation.base import AbstractPolicy, Proposal, State
from mfsearch.errors import ConfigError, SearchFailedError
from mfsearch.networks.nasbench201 import OPERATIONS
from mfsearch.records import Architecture, EvaluationQuery, Json
from mfsearch.spaces.base import AbstractSearchSpace
from mfsearch.spaces.box import BoxSpace
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.spaces.subset import SubsetSpace

ADAPTERS = Path("benchmarks") / "peers"
PATIENCE = 900.0  # seconds that a library may think about one query
STALLED = 2000  # repeats in a row after which a library has nothing new to ask
_SAMPLE = 200  # architectures whose mean cost is a rung's, as told to the library


@dataclass(frozen=True)
class Library:
    """One library with its adapter and its environment.

    Attributes:
        name: Its folder among the adapters.
        folder: Where the adapter lies.
        environment: Where its virtual environment lies, or will lie.
    """

    name: str
    folder: Path
    environment: Path

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def versions(self) -> dict[str, str]:
        """What was installed for it, by name.

        Raises:
            ConfigError: If it is not set up, or was for other requirements; the message has the command.
        """
        try:
            found: dict[str, Any] = json.loads((self.environment / "installed.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            found = {}
        if not self.python.exists() or found.get("requirements") != self._requirements():
            raise ConfigError(
                f"{self.name} must have an environment of its own, for its requirements of today; there is none in {self.environment}. "
                f"Run: mfsearch bench setup-peers {self.name}"
            )
        versions: dict[str, str] = found["versions"]
        return versions

    def set_up(self, say: Callable[[str], None]) -> None:
        """Create the environment anew: torch first where it is needed, for an index may have one build only.

        Raises:
            SearchFailedError: If pip fails; its last lines are in the message.
        """
        requirements = self._requirements()
        say(f"{self.name}: {', '.join(requirements)}, into {self.environment}")
        self._call([sys.executable, "-m", "venv", "--clear", str(self.environment)])
        pip = [str(self.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        for part in ([line for line in requirements if line.startswith("torch==")], requirements):
            if part:
                self._call([*pip, *part])
        listed = self._call([str(self.python), "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"])
        versions = {entry["name"].lower(): entry["version"] for entry in json.loads(listed)}
        done = json.dumps({"requirements": requirements, "versions": versions}, indent=1)
        (self.environment / "installed.json").write_text(done + "\n", encoding="utf-8")

    def methods(self) -> list[str]:
        """What the adapter offers.

        Raises:
            SearchFailedError: If it does not say.
        """
        told = self._call([str(self.python), str(self.folder / "adapter.py")], self.variables())
        names: list[str] = json.loads(told.splitlines()[-1])["methods"]
        return names

    def pinned(self) -> set[str]:
        """Names of what the requirements name: their versions stand beside every figure."""
        return {re.split(r"[^A-Za-z0-9._-]", line)[0].lower() for line in self._requirements()}

    def variables(self) -> dict[str, str]:
        """Environment variables of the adapter's process."""
        return {**os.environ, "PYTHONPATH": str(self.folder.parent), "PYTHONHASHSEED": "0", "PYTHONWARNINGS": "ignore"}

    def _requirements(self) -> list[str]:
        lines = (self.folder / "requirements.txt").read_text(encoding="utf-8").splitlines()
        return [line.strip() for line in lines if line.strip() and not line.startswith("#")]

    def _call(self, command: Sequence[str], variables: Mapping[str, str] | None = None) -> str:
        done = subprocess.run(command, capture_output=True, text=True, env=variables, stdin=subprocess.DEVNULL, check=False)
        if done.returncode:
            last = " ".join(done.stderr.split())[-400:]
            raise SearchFailedError(f"{self.name}: `{' '.join(command)}` must end well; it said: {last} Mend what it names.")
        return done.stdout


def libraries(adapters: Path, home: Path) -> dict[str, Library]:
    """All libraries that have an adapter, by name.

    Raises:
        ConfigError: If there is no such folder.
    """
    if not adapters.is_dir():
        raise ConfigError(
            f"other libraries need their adapters; there is no folder {adapters}. Run this in a checkout of the project, or give --peers DIR."
        )
    found = sorted(path.parent for path in adapters.glob("*/adapter.py"))
    return {folder.name: Library(folder.name, folder.absolute(), home / "peers" / folder.name) for folder in found}


class Peer(AbstractPolicy):
    """A library's method, in its own process. It lives as long as the run; `close` ends it.

    Args:
        library: Whose.
        method: Which of the adapter's methods.
    """

    name = "peer"

    def __init__(self, library: Library, method: str) -> None:
        self.library, self.method = library, method
        self._process: subprocess.Popen[str] | None = None
        self._errors: IO[str] | None = None

    def propose(self, state: State, n: int, rng: np.random.Generator) -> Proposal:
        """The library's next evaluation; repeats of paid ones are answered on the spot, free of charge."""
        if self._process is None:
            self._begin(state, int(rng.integers(2**31)))
        else:
            last = state.observations[-1]
            self._answer(last.value, last.seconds, repeat=False)
        values = {(o.query.architecture.key, o.query.rung): o.value for o in state.observations}
        for _ in range(STALLED):
            message = self._hear()
            if "evaluate" not in message:
                return Proposal(reason=str(message.get("done", "the library has ended")))
            architecture = _architecture(state, message["evaluate"]["config"])
            rung = state.ladder.evaluations[message["evaluate"]["rung"]].name
            if (architecture.key, rung) in values:
                self._answer(values[architecture.key, rung], 0.0, repeat=True)
                continue
            if not state.affordable(architecture, rung):
                return Proposal(reason="the library's next evaluation is not affordable")
            return Proposal([EvaluationQuery(architecture, rung, why={"reason": f"{self.library.name} asks for it"})])
        return Proposal(reason=f"the library asked {STALLED} times in a row for what is known")

    def close(self) -> None:
        """End the library's process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
        if self._errors is not None:
            self._errors.close()
        self._process = self._errors = None

    def _begin(self, state: State, seed: int) -> None:
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", prefix="mfsearch-peer-")  # noqa: SIM115, `close` does
        command = [str(self.library.python), str(self.library.folder / "adapter.py")]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=self.library.variables(),
        )
        rungs = state.ladder.evaluations
        sample = state.space.sample(_SAMPLE, np.random.default_rng(0))
        seconds = [float(np.mean([rung.expected_cost(a) for a in sample])) for rung in rungs]
        start: dict[str, Json] = {
            "method": self.method,
            "parameters": list(_parameters(state)),
            "resources": [rung.resource or cost for rung, cost in zip(rungs, seconds, strict=True)],
            "seconds": list(seconds),
            "seed": seed,
            "budget": state.total,
        }
        self._say({"start": start})
        ready = self._hear()
        if "ready" not in ready:
            raise ConfigError(str(ready.get("error", f"{self.library.name} must begin with 'ready'; got {ready}.")))

    def _answer(self, value: float | None, seconds: float, repeat: bool) -> None:
        if value is None:
            raise SearchFailedError(f"{self.library.name} must get a value for each evaluation; the last one has none.")
        self._say({"result": {"value": value, "seconds": seconds, "repeat": repeat}})

    def _say(self, message: Mapping[str, Json]) -> None:
        assert self._process is not None and self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self._died()

    def _hear(self) -> dict[str, Any]:
        assert self._process is not None and self._process.stdout is not None
        watch = threading.Timer(PATIENCE, self._process.kill)
        watch.start()
        line = self._process.stdout.readline()
        watch.cancel()
        if not line:
            self._died()
        message: dict[str, Any] = json.loads(line)
        return message

    def _died(self) -> None:
        assert self._process is not None and self._errors is not None
        code = self._process.wait()
        self._errors.seek(0)
        said = " ".join(self._errors.read().split())[-600:] or "nothing"
        raise SearchFailedError(
            f"{self.library.name}, {self.method}: its process must answer within {PATIENCE:.0f} s; it ended with {code} and said: {said}"
        )


def _whole(state: State) -> AbstractSearchSpace:
    return state.space.whole if isinstance(state.space, SubsetSpace) else state.space


def _parameters(state: State) -> list[dict[str, Json]]:
    """The axes of a space, as a user of any library would write them."""
    space = _whole(state)
    if isinstance(space, NASBench201Space):
        return [{"name": f"edge_{edge}", "choices": list(OPERATIONS)} for edge in range(6)]
    if isinstance(space, BoxSpace):
        return [{"name": axis, "low": low, "high": high} for axis, (low, high) in space.bounds.items()]
    raise ConfigError(
        f"other libraries can be given cells of NAS-Bench-201 or a box; got the space {space.name!r}. Leave them out."
    )


def _architecture(state: State, config: Mapping[str, Any]) -> Architecture:
    space = _whole(state)
    if isinstance(space, NASBench201Space):
        chosen = space.canonical(space.architecture([config[f"edge_{edge}"] for edge in range(6)]))
        # No library can be told which cells of a table are missing: it gets the nearest that was measured.
        return state.space.nearest(chosen) if isinstance(state.space, SubsetSpace) else chosen
    assert isinstance(space, BoxSpace)
    return space.architecture([min(max(config[axis], low), high) for axis, (low, high) in space.bounds.items()])
