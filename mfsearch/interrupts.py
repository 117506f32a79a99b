"""Ctrl-C and SIGTERM, as clusters send it, alike."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from mfsearch.errors import InterruptedSearchError, MfsearchError


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


@contextmanager
def stoppable(message: str) -> Iterator[None]:
    """Ctrl-C and SIGTERM end what is within in order, also while an event is being written.

    Args:
        message: What is kept, and how to go on.

    Raises:
        InterruptedSearchError: If one came.
    """
    with interruptible() as came:
        try:
            yield
        except (KeyboardInterrupt, MfsearchError) as error:
            if came or isinstance(error, KeyboardInterrupt):
                raise InterruptedSearchError(message) from None
            raise
