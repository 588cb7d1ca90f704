"""The environments of the peers that benchmarks run beside ours: made once, each beside the project's own.

Nothing but the standard library is imported: the peak memory of a process is never less than that of the one that
started it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def splink(*, pinned: bool = False) -> Path:
    """Return the Python that has Splink as pyproject.toml pins it, on the newest DuckDB or on the one that we pin."""
    suffix = "-pinned" if pinned else ""
    python = ROOT / f".venv-splink{suffix}" / "bin" / "python"
    if not python.exists():
        uv = str(Path(sys.executable).parent / "uv")
        for command in (
            ["venv", "--quiet", "--python", sys.executable, str(python.parent.parent)],
            ["pip", "install", "--quiet", "--python", str(python), "--group", f"benchmark{suffix}"],
        ):
            subprocess.run([uv, *command], check=True, cwd=ROOT)
    return python
