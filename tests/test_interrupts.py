import os
import signal
import threading

import pytest

from mfsearch.interrupts import interruptible


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
