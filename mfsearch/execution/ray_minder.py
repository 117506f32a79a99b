"""On a node of a Ray cluster: what minds a worker process, as `local` does on this machine.

What an evaluation does to its process (hangs, dies, leaves others behind) is dealt with here: no word of it gets lost on the way.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from multiprocessing.connection import wait
from typing import Any

from mfsearch.execution.local import Worker
from mfsearch.execution.worker import WorkerSetting
from mfsearch.records import EvaluationQuery

News = list[tuple[str, Any]]
"""`("beat", seconds)`, `("progress", (fraction, text))` and, last of all, `("done", observation)`."""


class Minder:
    """Minds one worker process; Ray makes an actor of it.

    Args:
        setting: What the process has.
        folder: Working directory of the main process; taken over where it exists, so that relative paths mean the same.
        path: Where the main process looks for modules; looked at here last.
    """

    def __init__(self, setting: WorkerSetting, folder: str, path: Sequence[str]) -> None:
        sys.path.extend(part for part in path if part not in sys.path)
        with contextlib.suppress(OSError):
            os.chdir(folder)
        self._worker = Worker(setting)

    def where(self) -> str:
        """The node's name."""
        return socket.gethostname()

    def run(self, task: bytes, query: EvaluationQuery, limit: float) -> Iterator[News]:
        """Run a task.

        Args:
            task: As `packed` made it.
            query: What it evaluates.
            limit: Device seconds after which it is stopped.

        Yields:
            News as they come.
        """
        news: News = []
        self._worker.begin(task, query, limit, lambda s: news.append(("beat", s)), lambda *told: news.append(("progress", told)))
        while self._worker.query is not None:
            wait(self._worker.ends, timeout=0.2)
            if (seen := self._worker.look()) is not None:
                news.append(("done", seen))
            if news:
                yield news.copy()
                news.clear()
