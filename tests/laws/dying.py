"""A process that begins a run and is killed in it: `python -m tests.laws.dying FOLDER URL SECONDS FULL`.

With `at` before it, the number is that of a request that writes: the process is killed when its answer has come.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from tests.link import meddling
from tests.pipeline import connected, dying


def main(folder: str, url: str, moment: str, full: str) -> None:
    """Do a run, and be killed."""
    with connected(Path(folder), url) as place:
        at = moment.removeprefix("at ")
        if moment == at:
            threading.Timer(float(moment), os.kill, (os.getpid(), signal.SIGKILL)).start()
            place.run(full=bool(full))
        else:
            place.run(lambda sink: meddling.Fails(sink, int(at), dying.Killed, late=True), full=bool(full))


if __name__ == "__main__":
    main(*sys.argv[1:])
