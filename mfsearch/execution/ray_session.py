"""The connection of this process to a Ray cluster, made and ended in an orderly way."""

from __future__ import annotations

import importlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any, Final

from mfsearch.errors import ConfigError, MissingExtraError

_REACH: Final = 15.0  # seconds that a cluster may take to answer; Ray itself tries for two minutes, and then ends the process
_STORE: Final = 100 * 2**20  # bytes for what travels in a cluster of our own: hardly anything


class RaySession:
    """Connected or not; a session that the program has connected by itself is used, and left as it is.

    Args:
        address: HOST:PORT of a cluster that this machine is a node of, or `auto` for the one that runs here; None: one is started,
            of this machine alone, that ends with the session.
        cpus: How many CPUs a cluster that is started offers; they are counted, not measured.

    Attributes:
        ray: The module.

    Raises:
        MissingExtraError: If Ray is not installed.
    """

    def __init__(self, address: str | None, cpus: int) -> None:
        try:
            self.ray: Any = importlib.import_module("ray")
        except ImportError as error:
            raise MissingExtraError("Ray", "ray", "An executor on a Ray cluster") from error
        self._address, self._cpus, self._ours = address, cpus, False

    @property
    def connected(self) -> bool:
        """Whether there is a session."""
        return bool(self.ray.is_initialized())

    def connect(self) -> None:
        """Connect, where there is no session.

        Raises:
            ConfigError: If the cluster cannot be reached.
        """
        if self.connected:
            return
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if self._address is None:
            options |= {"address": "local", "num_cpus": self._cpus, "object_store_memory": _STORE, "include_dashboard": False}
        else:
            _check_answers(self._address)
            options["address"] = self._address
        before = signal.getsignal(signal.SIGTERM) if threading.current_thread() is threading.main_thread() else None
        try:
            self.ray.init(**options)
        except Exception as error:  # of many classes
            raise _unreachable(self._address or "one of its own", one_line(error)) from error
        finally:
            if before is not None:
                signal.signal(signal.SIGTERM, before)  # Ray puts its own in its place
        self._ours = True

    def disconnect(self) -> None:
        """End the session, if it was begun here."""
        if self._ours:
            self.ray.shutdown()
        self._ours = False

    def nodes(self) -> list[Mapping[str, float]]:
        """What each node that is alive has: `CPU`, `GPU` and more."""
        return [node["Resources"] for node in self.ray.nodes() if node["Alive"]]

    def check_room(self, cpus: int, gpus: float) -> None:
        """Check that some node has so much, be it in use or not.

        Raises:
            ConfigError: If none has.
        """
        nodes = [(node.get("CPU", 0.0), node.get("GPU", 0.0)) for node in self.nodes()]
        if not any(has_cpus >= cpus and has_gpus >= gpus for has_cpus, has_gpus in nodes):
            have = ", ".join(f"{has_cpus:g} and {has_gpus:g}" for has_cpus, has_gpus in nodes) or "no node is left"
            raise ConfigError(
                f"a node of the Ray cluster must have the CPUs and GPUs of one evaluation, {cpus} and {gpus:g}; got {have}. Lower "
                "execution.threads or execution.gpus_per_rung, or add a node with 'ray start --address=HOST:PORT'."
            )


def one_line(error: object) -> str:
    """What Ray says went wrong, on one line without colours; of a long text the two ends, for the cause comes last."""
    text = " ".join(re.sub(r"\x1b\[\d*m|\^{2,}", "", str(error)).split())
    return text if len(text) <= 600 else f"{text[:250]} ... {text[-350:]}"


def _check_answers(address: str) -> None:
    """Ask a cluster whether it is there.

    Raises:
        ConfigError: If it is not, or the address cannot be one.
    """
    words: list[str] = []
    try:
        if address != "auto":
            host, _, port = address.rpartition(":")
            if not (host and "/" not in host and port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
                raise ConfigError(
                    f"the address of a Ray cluster must be HOST:PORT, or 'auto'; got {address!r}. 'ray start --head' says which."
                )
            socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH / 3).close()
            words = ["--address", address]
        command = [sys.executable, "-m", "ray.scripts.scripts", "health-check", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_REACH)
    except subprocess.TimeoutExpired as error:
        raise _unreachable(address, f"what listens there did not answer as Ray does within {_REACH:g} s") from error
    except OSError as error:
        raise _unreachable(address, str(error)) from error
    if done.returncode:
        raise _unreachable(address, "".join(done.stderr.strip().splitlines()[-1:]) or "it is not healthy")


def _unreachable(address: str, why: str) -> ConfigError:
    return ConfigError(
        f"the Ray cluster must be reachable; got {address}: {why.rstrip('.')}. Start one with 'ray start --head', and run this on one of "
        "its nodes, with the same versions of Ray and Python."
    )
