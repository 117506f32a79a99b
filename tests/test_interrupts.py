import os
import signal
import threading

import pytest

from mfsearch.errors import InterruptedSearchError, StorageError
from mfsearch.interrupts import interruptible, stoppable


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("before", [signal.SIG_IGN, signal.SIG_DFL])
def test_either_signal_interrupts_and_is_told(number: signal.Signals, before: signal.Handlers):
    """Also one that was ignored before; afterwards it is what it was."""
    own = signal.signal(number, before)
    try:
        with pytest.raises(KeyboardInterrupt), interruptible() as came:
            os.kill(os.getpid(), number)
        assert came == [number]
        assert signal.getsignal(number) == before
    finally:
        signal.signal(number, own)


def test_another_thread_leaves_the_handlers_alone():
    found: list[object] = []

    def look() -> None:
        with interruptible() as came:
            found.extend([signal.getsignal(signal.SIGTERM), came])

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [before, []]


def test_a_signal_ends_in_order_also_where_it_breaks_what_was_being_done():
    with pytest.raises(InterruptedSearchError, match="^kept$"), stoppable("kept"):
        os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(InterruptedSearchError, match="^kept$"), stoppable("kept"):
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            raise StorageError("half written") from None
    with pytest.raises(StorageError, match="^damaged$"), stoppable("kept"):
        raise StorageError("damaged")
