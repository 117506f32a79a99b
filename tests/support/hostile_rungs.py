"""Rungs that behave, and rungs that do not: of a module, so that worker processes find them."""

from __future__ import annotations

import itertools
import math
import os
import resource
import signal
import subprocess
import time
import zlib
from pathlib import Path

import torch

from mfsearch.fidelities.base import AbstractEvaluation, Context
from mfsearch.fidelities.function import fidelity
from mfsearch.records import Architecture, Measurement


class Rung(AbstractEvaluation):
    """Its value is its process; what it does is told by the architecture's key: a name below, and a number after a colon."""

    name, signal = "full", "val_accuracy"

    def expected_cost(self, architecture: Architecture) -> float:
        return 1.0

    def evaluate(self, architecture: Architecture, context: Context) -> Measurement:
        began = time.monotonic()
        what, _, number = architecture.key.partition(":")
        extras = getattr(self, what)(context, float(number or 0)) or {}
        times = {"pid": float(os.getpid()), "began": began, "ended": time.monotonic()}
        return Measurement({"val_accuracy": 50.0, **times}, extras=extras)

    def nap(self, context: Context, seconds: float) -> None:
        context.progress(0.5, "half way")
        time.sleep(seconds)

    def see(self, context: Context, number: float) -> dict[str, object]:
        gpus, leads = os.environ.get("CUDA_VISIBLE_DEVICES", ""), os.getsid(0) == os.getpid()
        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        return {"gpus": gpus, "leads": leads, "threads": torch.get_num_threads(), "memory": limit}

    def fail(self, context: Context, number: float) -> None:
        raise ValueError("no such thing")

    def nothing(self, context: Context, number: float) -> dict[str, object]:
        return {"unsendable": lambda: None}

    def die(self, context: Context, number: float) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def leave(self, context: Context, code: float) -> None:
        os._exit(int(code))

    def die_once(self, context: Context, number: float) -> None:
        been = Path(context.workdir).parent / "been"
        if not been.exists():
            been.touch()
            self.die(context, number)

    def hang(self, context: Context, seconds: float) -> None:
        """Holds the interpreter: no signal and no thread of this process gets through."""
        sum(itertools.repeat(1, int(seconds * 10**10)))

    def shout(self, context: Context, megabytes: float) -> None:
        for _ in range(int(megabytes)):
            os.write(1, b"x" * 2**20)
        print("the last words", flush=True)
        raise ValueError("shouted")

    def fork(self, context: Context, number: float) -> dict[str, object]:
        kept = subprocess.Popen(["sleep", "300"], start_new_session=True)
        orphan = (
            subprocess.run(
                ["sh", "-c", "sleep 300 >/dev/null 2>&1 & echo $!"], capture_output=True, text=True, stdin=subprocess.DEVNULL
            )
            if number
            else None
        )
        return {"child": kept.pid, "orphan": int(orphan.stdout) if orphan else kept.pid}

    def eat(self, context: Context, gibibytes: float) -> None:
        len(bytearray(int(gibibytes) << 30))


class Low(Rung):
    """Another of them."""

    name = "low"


class Fragile(AbstractEvaluation):
    """Takes its worker down at the first try of one architecture in twelve."""

    name, signal = "full", "val_accuracy"

    def expected_cost(self, architecture: Architecture) -> float:
        return 0.05

    def evaluate(self, architecture: Architecture, context: Context) -> Measurement:
        number = zlib.crc32(architecture.key.encode())
        been = context.workdir.parent / f"been-{number}"
        if number % 12 == 0 and not been.exists():
            been.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.05)
        return Measurement({"val_accuracy": number % 100.0})


@fidelity(cost=0.1)
def decorated(architecture: Architecture, context: Context) -> float:
    """A rung in its function's place."""
    return 42.0


class HostileOnce(Rung):
    """Well-behaved, but for its evaluation number `at`, which does `act`."""

    def __init__(self, folder: Path, act: str, at: int, longest: float = math.inf) -> None:
        self.folder, self.act, self.at, self.longest = folder, act, at, longest

    def expected_cost(self, architecture: Architecture) -> float:
        return 0.2

    def evaluate(self, architecture: Architecture, context: Context) -> Measurement:
        with (self.folder / "count").open("a+") as count:
            count.write(".")
            number = count.tell()
        if number == self.at:
            what, _, argument = self.act.partition(":")
            if what == "give":
                return Measurement({"val_accuracy": float(argument)})
            extras = getattr(self, what)(context, float(argument or 0))
            return Measurement({"val_accuracy": 50.0}, extras=extras or {})
        time.sleep(0.05)
        return Measurement({"val_accuracy": 50.0})


class Telltale(AbstractEvaluation):
    """Says, after its first heartbeat, below which process of a Ray node it runs; where that one is to die, it waits for it."""

    name, signal = "full", "val_accuracy"

    def expected_cost(self, architecture: Architecture) -> float:
        return 1.2

    def evaluate(self, architecture: Architecture, context: Context) -> Measurement:
        time.sleep(1.1)
        raylet, doomed = os.environ["RAY_RAYLET_PID"], context.workdir.parent / "doomed"
        context.progress(0.9, raylet)
        time.sleep(0.1)
        if doomed.exists() and doomed.read_text() == raylet:
            time.sleep(60.0)
        return Measurement({"val_accuracy": zlib.crc32(architecture.key.encode()) % 100.0})
