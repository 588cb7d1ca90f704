"""Pages that show what commands print."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tests.cli import backstamp

PAGE = Path(__file__).parents[2] / "docs" / "explain.md"
_ID = re.compile(r"(?<=customer, )[0-9a-f-]{36}|(?<=customer )[0-9a-f-]{36}|(?<=belongs to )[0-9a-f-]{36}")


def test_explain(file: Path) -> None:
    """Under each command of the page stands what it prints on the demo; with WRITE_PAGES it is written there."""
    told: list[str] = []
    is_printed = False
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("    $ backstamp "):
            said = backstamp(*line.split()[2:], "--project", file)
            assert said.code == 0, said
            printed = _ID.sub("(a CustomerId)", said.out).splitlines()
            told += [line, *(f"    {one}".rstrip() for one in printed), ""]
            is_printed = True
        elif not is_printed or line.startswith("#"):
            told.append(line)
            is_printed = False
    page = "\n".join(told).strip() + "\n"
    if os.environ.get("WRITE_PAGES"):
        PAGE.write_text(page, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page
