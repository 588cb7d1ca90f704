"""How this process runs Python: set where a command or a server begins."""

from __future__ import annotations

import gc
import sys

_COLLECTED_AT = (700, 10, 1_000)
"""After how many new objects Python looks for garbage among these; how many such looks make one among older objects,
and how many of those a look through everything."""
_TURN = 0.0005
"""Seconds."""


def search_seldom() -> None:
    """Let Python look through everything for garbage a hundredth as often as usual.

    Rows and expressions come by the ten thousand, and hardly any is garbage that only such a search finds. At the usual
    ten they were a tenth of a run's work, and held up for up to a third of a second whatever a server had to answer.
    """
    gc.set_threshold(*_COLLECTED_AT)


def take_short_turns() -> None:
    """Let a thread that works give way to one that waits after half a millisecond, not after the usual five.

    A request takes turns with a run in the same process some twenty times; it waited most of its time for them.
    """
    sys.setswitchinterval(_TURN)
