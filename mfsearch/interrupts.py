"""Ctrl-C and SIGTERM, as clusters send it, alike."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interruptible() -> Iterator[list[int]]:
    """Within, Ctrl-C and SIGTERM raise KeyboardInterrupt; outside of the main thread nothing is changed.

    So it is, too, where a shell that put the process into the background had Ctrl-C ignored: what can be resumed may be stopped.

    Yields:
        Numbers of the signals that came, so far.
    """
    came: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        came.append(number)
        raise KeyboardInterrupt

    signals = [signal.SIGINT, signal.SIGTERM] if threading.current_thread() is threading.main_thread() else []
    before = {number: signal.signal(number, stop) for number in signals}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
