"""The page that shows what becomes of CustomerIds, from real runs."""

from __future__ import annotations

import os
from pathlib import Path
from string import ascii_uppercase
from typing import TYPE_CHECKING

import pyarrow.parquet
from tests import pipeline as places

from backstamp import pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PAGE = Path(__file__).parents[2] / "docs" / "ids.md"
PROJECT = """\
version: 1
environment: {kind: embedded}
sources: {loyalty: {from: files, tables: {member: members.csv}}}
unify:
  tables:
    - table: loyalty.member
      key: memberid
      types: {email: Identity.Service.Email}
      deduplicate: {rules: [{name: E-mail, match: [{column: email}]}]}
"""
FIRST = {"m1": "ann@x", "m2": "bob@x", "m3": "cid@x", "m4": "ann@x", "m5": "eve@x"}
STEPS: tuple[tuple[str, str, Mapping[str, str | None]], ...] = (
    ("The first run", "Every customer gets an id.", {}),
    ("Merge", "m2 has Ann's address now. The profile with more rows keeps its id.", {"m2": "ann@x"}),
    (
        "Split",
        "m2 has an address of its own again. It gets a new id: B is not given out twice, but stands for it.",
        {"m2": "bob@x"},
    ),
    ("Move", "m2 has Cid's address. Of two profiles with one row each the older one keeps its id.", {"m2": "cid@x"}),
    (
        "Rename of a key",
        "m5 becomes m6: a row is known by its key, so this is another row.",
        {"m5": None, "m6": "eve@x"},
    ),
    ("Deletion", "m6 is deleted.", {"m6": None}),
    ("Creation again", "m6 is back. What is gone stays gone: the row gets a new id.", {"m6": "eve@x"}),
)
HEAD = """# What becomes of CustomerIds

This page is made by `tests/pipeline/test_ids.py` from real runs (`make pages`), and a test fails where it is not what
they do. Letters stand for CustomerIds, in the order in which they were made. `backstamp resolve ID` says what an id
stands for, `backstamp export id-changes FILE` writes what each run changed, as the second table of each run shows it.
"""


def test_page(tmp_path: Path) -> None:
    """What the page says of each run is what it does; with WRITE_PAGES it is written there."""
    (tmp_path / "backstamp.yaml").write_text(PROJECT)
    page = HEAD + "".join(_told(tmp_path))
    if os.environ.get("WRITE_PAGES"):
        PAGE.write_text(page, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page


def _told(folder: Path) -> Iterator[str]:
    """Do the runs, and yield what to say of each."""
    rows: dict[str, str] = dict(FIRST)
    letters: dict[str | None, str] = {None: ""}
    with places.serving(folder) as place:
        for number, (title, words, change) in enumerate(STEPS, start=1):
            rows = {key: email for key, email in {**rows, **change}.items() if email is not None}
            (folder / "members.csv").write_text("memberid,email\n" + "".join(f"{k},{e}\n" for k, e in rows.items()))
            assert place.run().number == number
            owners = {row["key"]: row["customer_id"] for row in place.published("members")}
            for key in sorted(owners):
                letters.setdefault(owners[key], ascii_uppercase[len(letters) - 1])
            held = [(key, rows[key], letters[owners[key]]) for key in sorted(rows)]
            yield f"\n## {number}. {title}\n\n{words}\n\n" + _table("row | e-mail | CustomerId", held)
            changes = pyarrow.parquet.read_table(folder / ".backstamp" / "ids" / f"{number}.parquet").to_pylist()
            named = sorted((letters[one["old_id"]], letters[one["new_id"]], one["reason"]) for one in changes)
            yield "\n" + _table("old | new | reason", named) + _resolved(folder / ".backstamp", letters)


def _table(heading: str, rows: Sequence[tuple[str, ...]]) -> str:
    ruler = " | ".join("---" for _ in heading.split("|"))
    return "".join(f"| {row} |\n" for row in (heading, ruler, *map(" | ".join, rows)))


def _resolved(state: Path, letters: Mapping[str | None, str]) -> str:
    """Say what the ids stand for that no profile has any more."""
    found = [pipeline.resolve(state, own) for own in letters if own is not None]
    heirs = {now: " and ".join(letters[own] for own in now.customer_ids) or "nobody" for now in found}
    words = [
        f"{letters[now.customer_id]} stands for {heirs[now]} (since run {now.run})"
        for now in found
        if now.state != "current"
    ]
    return f"\n{'; '.join(words)}.\n" if words else ""
