"""What one process of a benchmark costs: wall and CPU time of its phases, and its peak memory.

Nothing but the standard library is imported, so that a peer can use it from an environment of its own.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNITS_PER_GIB = 1 << (30 if sys.platform == "darwin" else 20)  # ru_maxrss: bytes on macOS, KiB elsewhere


class Stopwatch:
    """Measures phases: `phases` has the wall and CPU seconds (all threads) of each by its name, in their order."""

    def __init__(self) -> None:
        self.phases: dict[str, dict[str, float]] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure what is done inside."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.phases[name] = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def peak_memory() -> float:
    """Return the peak of this process so far in GiB. It is never less than that of the process that started it."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _UNITS_PER_GIB


def tell(**facts: object) -> None:
    """Give facts to the process that started this one: its last line of output is read as JSON."""
    print(json.dumps(facts))


def versions(*names: str) -> dict[str, str]:
    """Return the versions of the packages in this environment, and of Python."""
    return {"python": sys.version.partition(" ")[0], **{name: version(name) for name in names}}
