"""Values and tables that are odd, from files through whole runs: no crash, and a right result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.pipeline import Place, serving, statuses, task

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROJECT = """\
version: 1
environment: {kind: embedded}
sources: {shop: {from: files, tables: {buyer: buyers.csv, guest: guests.parquet}}}
unify:
  tables:
    - table: shop.buyer
      key: id
      types: {name: Person.FullName}
      deduplicate:
        rules:
          - {name: Name, match: [{column: name, normalize: [unicode_to_ascii, whitespace]}]}
          - {name: Alike, match: [{column: city}, {column: name, precision: high}]}
    - {table: shop.guest, key: id, include_all: true, types: {name: Person.FullName}}
  match:
    - between: [shop.guest, shop.buyer]
      rules: [{name: Name, match: [{columns: [name, name], normalize: [unicode_to_ascii, whitespace]}]}]
engine: {threads: 2}
"""
HEBREW, ARABIC = "דוד רביד", "محمد علي"
MARKED = "\N{RIGHT-TO-LEFT OVERRIDE}" + HEBREW
MEGABYTE = "Wolfeschlegelsteinhausen " * 42_000
Rows = list[tuple[str, str | None, str | None]]


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Place]:
    """A project of two tables of files without rows."""
    (tmp_path / "backstamp.yaml").write_text(PROJECT)
    write(tmp_path, [], [])
    with serving(tmp_path) as place:
        yield place


def write(folder: Path, buyers: Rows, guests: Rows) -> None:
    """Write the rows of both tables: id, name, city."""
    lines = [",".join("" if value is None else f'"{value}"' for value in row) for row in buyers]
    (folder / "buyers.csv").write_text("\n".join(["id,name,city", *lines]) + "\n", encoding="utf-8")
    columns: dict[str, list[Any]] = {name: [row[n] for row in guests] for n, name in enumerate(("id", "name", "city"))}
    schema = pa.schema([(name, pa.string()) for name in columns])
    pq.write_table(pa.Table.from_pydict(columns, schema), folder / "guests.parquet")


def customers(place: Place) -> set[frozenset[str]]:
    """Run, and return the keys of each customer."""
    run = place.run()
    assert "Failed" not in statuses(run).values(), [task.details for task in run.tasks if task.status == "Failed"]
    found: dict[str, set[str]] = {}
    for row in place.published("members"):
        found.setdefault(row["customer_id"], set()).add(row["key"])
    return set(map(frozenset, found.values()))


ODD: dict[str, tuple[Rows, Rows, list[str]]] = {
    "no rows": ([], [], []),
    "one row": ([("a", "Ann", None)], [], ["a"]),
    "one row below": ([], [("b", "Ann", None)], ["b"]),
    "a megabyte": ([("a", MEGABYTE, "x"), ("b", MEGABYTE, "y"), ("c", f"{MEGABYTE}?", "x")], [], ["abc"]),
    "nulls": ([("a", None, None), ("b", None, None)], [("c", None, None)], ["a", "b", "c"]),
    "characters": (
        [("a", "A\x01\x1bnn", None), ("b", "Ann", None), ("h", HEBREW, None), ("i", ARABIC, None)],
        [
            ("c", "A\x01\x1bnn", None),
            ("d", "A\0nn", None),
            ("e", "A\0nn", None),
            ("j", HEBREW, None),
            ("k", MARKED, None),
        ],
        ["ac", "b", "de", "hj", "i", "k"],
    ),
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_values(empty: Place, kind: str) -> None:
    """Rows are together where their normalized values are equal or similar, and apart where not, whatever they hold."""
    buyers, guests, wanted = ODD[kind]
    write(empty.folder, buyers, guests)
    assert customers(empty) == set(map(frozenset, wanted))
    names = {row["shop_buyer_id"] or row["shop_guest_id"]: row["FullName"] for row in empty.published("profiles")}
    written = {key: name for key, name, _ in [*guests, *buyers]}
    assert all(name is None or name in written.values() for name in names.values())


@pytest.mark.parametrize("before", [0, 20_000], ids=["at the beginning", "far below"])
def test_invalid_utf8(empty: Place, before: int) -> None:
    """A value that is no UTF-8 counts as empty and is listed; its row is unified like any other, and has its link."""
    rows = b"".join(b"%d,Ann %d,\n" % (number, number) for number in range(before))
    (empty.folder / "buyers.csv").write_bytes(b"id,name,city\na,Ann,\n" + rows + b"b,J\xfcrgen,\nc,Ann,\n")
    assert {frozenset("ac"), frozenset("b")} <= customers(empty)
    [bad] = empty.published("shop_buyer_corrupt")
    assert (bad["place"], bad["column"], bad["reason"][:26]) == ("b", "name", "The value is not in UTF-8:")
    names = {row["key"]: row["name"] for row in empty.published("source_shop_buyer")}
    assert (names["b"], len(names)) == (None, before + 3)


def test_file_in_another_encoding(empty: Place) -> None:
    """A file of which no row can be read as UTF-8 is not believed; the run before stays as it was."""
    write(empty.folder, [("a", "Ann", None)], [])
    assert customers(empty) == {frozenset("a")}
    (empty.folder / "buyers.csv").write_bytes("id,name,city\na,Jürgen,\nb,Zoë,Köln\n".encode("windows-1252"))
    assert "2 of the 2 rows of shop.buyer cannot be used" in task(empty.run(), "shop.buyer").details
    assert [row["name"] for row in empty.published("source_shop_buyer")] == ["Ann"]


def test_invalid_utf8_in_parquet(empty: Place) -> None:
    """So it is with the text of a Parquet file, which can hold any bytes."""
    texts = pa.array([b"Ann", b"J\xfcrgen"], pa.binary())
    invalid = pa.Array.from_buffers(pa.string(), len(texts), texts.buffers())
    keys = pa.array(["a", "b"])
    pq.write_table(pa.table({"id": keys, "name": invalid, "city": keys}), empty.folder / "guests.parquet")
    assert customers(empty) == {frozenset("a"), frozenset("b")}
    assert [(bad["place"], bad["column"]) for bad in empty.published("shop_guest_corrupt")] == [("b", "name")]
