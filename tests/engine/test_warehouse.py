"""A warehouse, on every engine: what a run keeps is seen by nobody until it is published, then whole."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from tests import engines
from tests.engine import land, numbers

from backstamp import engine, errors, shapes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Open = Callable[[], engine.Engine]


@pytest.fixture(params=engines.EVERY)
def kind(request: pytest.FixtureRequest) -> str:
    """The name of each engine."""
    return str(request.param)


@pytest.fixture
def reopen(kind: str, tmp_path: Path) -> Open:
    """Opens a warehouse whose tables `old` and `both` are published."""
    with engines.opened(kind, tmp_path) as warehouse:
        land(warehouse, "old", 1, 2)
        land(warehouse, "both", 3)
        warehouse.publish()
    return lambda: engines.opened(kind, tmp_path)


def test_draft(reopen: Open) -> None:
    """A run sees its draft where it has a table, the published one elsewhere; `published` never shows the draft."""
    with reopen() as warehouse:
        land(warehouse, "both", 4)
        land(warehouse, "new", 5)
        assert [numbers(warehouse.table(name), warehouse) for name in ("old", "both", "new")] == [[1, 2], [4], [5]]
        assert numbers(warehouse.published("both"), warehouse) == [3]
        assert warehouse.published("new") is None
        assert [warehouse.has(name) for name in ("old", "new", "none")] == [True, True, False]
        with pytest.raises(KeyError):
            warehouse.table("none")


def test_retiring(reopen: Open) -> None:
    """A table that is retired is there until the draft is published, also one that was put aside meanwhile."""
    with reopen() as warehouse:
        warehouse.retire("old")
        assert not warehouse.has("old")
        assert numbers(warehouse.published("old"), warehouse) == [1, 2]
        warehouse.put_aside(7)
    with reopen() as warehouse:
        assert warehouse.has("old")
        warehouse.take_up()
        warehouse.publish()
        assert set(warehouse.names()) == {"both"}
    with reopen() as warehouse:
        assert not warehouse.has("old")
        land(warehouse, "old", 3)
        warehouse.publish()
        assert numbers(warehouse.table("old"), warehouse) == [3]


def test_publishing_makes_the_draft_the_published_one(reopen: Open) -> None:
    """After `publish` its tables are the published ones, and those that it has no table for stay."""
    with reopen() as warehouse:
        land(warehouse, "both", 4)
        land(warehouse, "new", 5)
        warehouse.publish()
        assert numbers(warehouse.published("both"), warehouse) == [4]
    with reopen() as warehouse:
        assert [numbers(warehouse.table(name), warehouse) for name in ("old", "both", "new")] == [[1, 2], [4], [5]]


def test_a_table_made_of_its_own_last_state(reopen: Open) -> None:
    """A table can be kept under its own name as often as a run likes; the last one counts."""
    with reopen() as warehouse:
        for _ in range(3):
            table = warehouse.table("both")
            warehouse.keep("both", table.mutate(n=table.n + 1))
        assert numbers(warehouse.published("both"), warehouse) == [3]
        warehouse.publish()
        assert numbers(warehouse.table("both"), warehouse) == [6]


def test_views(reopen: Open) -> None:
    """A view shows kept tables as they are; it is published with them and is there after reopening."""
    with reopen() as warehouse:
        land(warehouse, "both", 4, 5)
        table = warehouse.table("both")
        warehouse.view("large", table.filter(table.n > 4))
        warehouse.publish()
    with reopen() as warehouse:
        assert numbers(warehouse.table("large"), warehouse) == [5]


def test_discarding(reopen: Open) -> None:
    """What a run discards is not published with the rest; the published table stays."""
    with reopen() as warehouse:
        land(warehouse, "both", 4)
        land(warehouse, "old", 5)
        warehouse.discard("both")
        assert numbers(warehouse.table("both"), warehouse) == [3]
        warehouse.publish()
        assert [numbers(warehouse.table(name), warehouse) for name in ("old", "both")] == [[5], [3]]


def test_a_draft_that_was_not_published_is_forgotten(reopen: Open) -> None:
    """Closing without publishing leaves the run before."""
    with reopen() as warehouse:
        land(warehouse, "both", 4)
        land(warehouse, "new", 5)
    with reopen() as warehouse:
        assert numbers(warehouse.table("both"), warehouse) == [3]
        assert not warehouse.has("new")


WRITER = textwrap.dedent("""
    import sys
    from pathlib import Path
    import pyarrow as pa
    from backstamp import shapes
    from tests import engines

    schema = shapes.shape(n=pa.int64())

    def batches():
        for number in range(1_000_000):
            yield pa.RecordBatch.from_pydict({"n": [number] * 1000}, schema=schema)
            if number == 100:
                print("writing", flush=True)

    with engines.opened(sys.argv[1], Path(sys.argv[2])) as warehouse:
        warehouse.land("both", schema, [pa.RecordBatch.from_pydict({"n": [4]}, schema=schema)])
        warehouse.land("old", schema, batches())
        warehouse.publish()
""")


def test_killed_while_it_writes(kind: str, reopen: Open, tmp_path: Path) -> None:
    """A process that is killed in the middle of writing leaves the run before, whole; another waits no longer."""
    command = [sys.executable, "-c", WRITER, kind, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=engines.ROOT) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        with pytest.raises(errors.BusyError, match="open in another process"):
            reopen()
        writer.kill()
    with reopen() as warehouse:
        assert numbers(warehouse.table("old"), warehouse) == [1, 2]
        assert numbers(warehouse.table("both"), warehouse) == [3]


def test_names_are_no_code(kind: str, tmp_path: Path) -> None:
    """A table's name, and the folder's, may hold anything that is no end of a name."""
    name = 'crm.contact "; DROP TABLE x'
    folder = tmp_path / "ware-house [1] {a} %20"
    folder.mkdir()
    with engines.opened(kind, folder) as warehouse:
        land(warehouse, name, 1)
        warehouse.publish()
    with engines.opened(kind, folder) as warehouse:
        table = warehouse.table(name)
        assert numbers(warehouse.cache(table.mutate(n=table.n + 1)), warehouse) == [2]


def test_a_draft_put_aside(reopen: Open) -> None:
    """It outlives its process unseen, and is published when it is taken up."""
    with reopen() as warehouse:
        land(warehouse, "both", 4)
        warehouse.put_aside(7)
    with reopen() as warehouse:
        assert warehouse.aside() == 7
        assert numbers(warehouse.table("both"), warehouse) == [3]
        warehouse.take_up()
        warehouse.publish()
    with reopen() as warehouse:
        assert warehouse.aside() is None
        assert [numbers(warehouse.table(name), warehouse) for name in ("old", "both")] == [[1, 2], [4]]


def test_an_empty_draft_put_aside(reopen: Open) -> None:
    """It waits like any other, and is published as nothing."""
    with reopen() as warehouse:
        warehouse.put_aside(7)
    with reopen() as warehouse:
        assert warehouse.aside() == 7
        warehouse.take_up()
        warehouse.publish()
        assert warehouse.aside() is None


def test_what_forgets_a_draft_put_aside(reopen: Open) -> None:
    """Another one put aside, a publication, and the wish."""
    with reopen() as warehouse:
        for number in (1, 2):
            land(warehouse, "both", number)
            warehouse.put_aside(number)
        assert warehouse.aside() == 2
    with reopen() as warehouse:
        land(warehouse, "new", 5)
        warehouse.publish()
        assert warehouse.aside() is None
        assert numbers(warehouse.table("both"), warehouse) == [3]
        land(warehouse, "both", 6)
        warehouse.put_aside(3)
    with reopen() as warehouse:
        warehouse.forget_aside()
        assert warehouse.aside() is None


def test_patches_that_can_be_put_aside(kind: str, tmp_path: Path) -> None:
    """Where patches are not made in place, the published table stays as it is until the draft is published."""
    with engines.opened(kind, tmp_path) as warehouse:
        land(warehouse, "some", 1, 2)
        warehouse.publish()
    with engine.open_warehouse(tmp_path, engines.SETTINGS[kind], patches_in_place=False) as warehouse:
        some = warehouse.table("some")
        removed = warehouse.cache(some.filter(some.n == 1))
        warehouse.patch("some", ["n"], removed, warehouse.cache(removed.mutate(n=removed.n + 2)))
        assert warehouse.can_put_aside
        assert numbers(warehouse.published("some"), warehouse) == [1, 2]
        warehouse.put_aside(1)
    with engines.opened(kind, tmp_path) as warehouse:
        warehouse.take_up()
        warehouse.publish()
        assert numbers(warehouse.table("some"), warehouse) == [2, 3]


def test_rows_that_were_picked_are_replaced(kind: str, tmp_path: Path) -> None:
    """All rows with a key go, also those that came with another patch since the others were picked."""
    with engines.opened(kind, tmp_path) as warehouse:
        land(warehouse, "some", *range(100))
        warehouse.publish()
        some = warehouse.table("some")
        odd, few = warehouse.cache(some.filter(some.n % 2 == 1)), warehouse.cache(some.filter(some.n < 3))
        warehouse.pick(some, ["n"], odd)
        land(warehouse, "other", 1)
        assert numbers(warehouse.pick(some, ["n"], few), warehouse) == [0, 1, 2]
        warehouse.patch("some", ["n"], few, warehouse.cache(few.mutate(n=few.n + 101)))
        now = warehouse.table("some")
        assert numbers(now, warehouse) == [*range(3, 100), 101, 102, 103]
        warehouse.pick(now, ["n"], odd)
        warehouse.patch("some", ["n"], few, warehouse.cache(few.mutate(n=few.n - few.n + 5)))
        warehouse.patch("some", ["n"], odd, warehouse.cache(few.filter(few.n == 1)))
        warehouse.publish()
        assert numbers(warehouse.table("some"), warehouse) == [1, *range(4, 100, 2), 101, 102, 103]


def test_a_column_that_is_called_as_the_engine_calls_its_own(kind: str, tmp_path: Path) -> None:
    """Rows are picked and replaced by their keys, whatever their columns are called."""
    rows = [{"n": n, "RowId": n // 2, "place": 7} for n in range(200)]
    schema = shapes.shape(n=pa.int64(), RowId=pa.int64(), place=pa.int64())
    with engines.opened(kind, tmp_path) as warehouse:
        warehouse.land("some", schema, [pa.RecordBatch.from_pylist(rows, schema=schema)])
        warehouse.publish()
        some = warehouse.table("some")
        keys = warehouse.cache(some.filter(some.n.isin([5, 8, 13])).select("n", "place"))
        assert numbers(warehouse.pick(some, ["n", "place"], keys), warehouse) == [5, 8, 13]
        warehouse.patch("some", ["n", "place"], keys, warehouse.cache(some.filter(some.n == 5)))
        assert numbers(warehouse.table("some"), warehouse) == [n for n in range(200) if n not in {8, 13}]


@pytest.mark.parametrize("count", [3, 20_000], ids=["few", "many"])
def test_rows_are_picked_by_their_values(kind: str, tmp_path: Path, count: int) -> None:
    """Rows are picked out of a kept table, or any other, also those that a patch has just put there."""
    with engines.opened(kind, tmp_path) as warehouse:
        land(warehouse, "some", *range(count))
        warehouse.publish()
        some = warehouse.table("some")
        removed = warehouse.cache(some.filter(some.n == 1))
        warehouse.patch("some", ["n"], removed, warehouse.cache(removed.mutate(n=removed.n - 2)))
        every = warehouse.table("some")
        assert numbers(warehouse.pick(every, ["n"], removed), warehouse) == []
        keys = warehouse.cache(every.filter(every.n != 0))
        assert numbers(warehouse.pick(every, ["n"], keys), warehouse) == [-1, *range(2, count)]
        assert numbers(warehouse.pick(keys, ["n"], every.filter(every.n < 1)), warehouse) == [-1]
