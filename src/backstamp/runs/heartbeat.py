"""Signs of life while a process is busy with something long."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from backstamp.errors import BusyError, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EVERY_SECONDS = 10.0
# A process on another host that was silent for so long is taken for dead.
SILENCE = timedelta(minutes=5)


@contextmanager
def beating(beat: Callable[[], None]) -> Iterator[None]:
    """Call `beat` every few seconds, in a thread, as long as the block lasts."""
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(EVERY_SECONDS):
            with suppress(BusyError, TransientError):  # one beat missed is no harm
                beat()

    thread = threading.Thread(target=work, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
