"""One thread for small linear algebra."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Within, torch computes with one thread.

    The surrogate's matrices are small: a second thread gains little on idle cores, costs up to eight times the time on busy
    ones (both wait for each other in a spin lock), and may change the last digits, and with them the decisions.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
