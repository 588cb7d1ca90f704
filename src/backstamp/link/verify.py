"""Check links: what rows of the environment hold beside what its own table of alternate keys says (linking.md 6, 7)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from backstamp import runs, shapes
from backstamp.link import hydrate

if TYPE_CHECKING:
    from collections.abc import Iterator

    import ibis.expr.types as ir

    from backstamp import engine as engines
    from backstamp.link.plan import Linking, Plan

_EXCUSED = shapes.shape(key=pa.string(), excuse=pa.string())


class Finding(StrEnum):
    """What a link is, held against the alternate keys."""

    RIGHT = "right"  # it is what they say, or there is none and they know none
    WRONG = "wrong"  # it leads to another profile
    MISSING = "missing"  # there is none
    SUPERFLUOUS = "superfluous"  # they know none
    ORPHAN = "orphan"  # the profile that it leads to is not there


MEANINGS = {
    Finding.WRONG: "it leads to another profile than the alternate keys say",
    Finding.MISSING: "there is none, though they know a profile",
    Finding.SUPERFLUOUS: "there is one, though they know no profile",
    Finding.ORPHAN: "the profile that it leads to is not there",
}
"""What is wrong with a link, as people say it."""


def findings(links: ir.Table, keys: ir.Table, profiles: ir.Table, excused: ir.Table) -> ir.Table:
    """Return (key, found, expected, finding, excuse) of every row of a table; found and expected are CustomerIds.

    Args:
        links: `key` of every row of the table, and `customer_id`, null without a link.
        keys: `key` and `customer_id` of the table's alternate keys.
        profiles: `key` of every profile.
        excused: `key` of rows that the last run could not write, and `excuse`, the reason that it gave.
    """
    expected = keys.select(known="key", expected="customer_id")
    there = profiles.select(profile="key").distinct()
    rows = links.select("key", found="customer_id").left_join(expected, ibis._.key == expected.known)
    rows = rows.select("key", "found", "expected").left_join(there, ibis._.found == there.profile)
    finding = ibis.cases(
        (rows.found.notnull() & rows.profile.isnull(), Finding.ORPHAN.value),
        (rows.found.identical_to(rows.expected), Finding.RIGHT.value),
        (rows.found.isnull(), Finding.MISSING.value),
        (rows.expected.isnull(), Finding.SUPERFLUOUS.value),
        else_=Finding.WRONG.value,
    )
    judged = rows.select("key", "found", "expected", finding=finding)
    excuses = excused.select(excused="key", excuse="excuse")
    told = judged.left_join(excuses, judged.key == excuses.excused)
    excuse = (told.finding != Finding.RIGHT.value).ifelse(told.excuse, ibis.null("string"))
    return told.select("key", "found", "expected", "finding", excuse=excuse)


def excused(engine: engines.Engine, plan: Plan, journal: runs.Journal, table: str) -> ir.Table:
    """Return (key, excuse) of the rows of a table that a run wanted to link and did not.

    Args:
        engine: holds them.
        plan: of the run.
        journal: of its requests.
        table: as the project names it.
    """
    found = (_excuses(plan, journal, linking) for linking in plan.links if linking.table == table)
    return engine.load(_EXCUSED, (batch for batches in found for batch in batches))


def _excuses(plan: Plan, journal: runs.Journal, linking: Linking) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a list that have an excuse: what the journal says of them, or that they wait for a profile."""
    listed = [one for work_list, one in journal.exceptions(plan.run) if work_list == linking.list]
    states = {one.position: one.state.value for one in listed if one.state is not runs.RowState.GONE}
    missing = hydrate.missing_profiles(plan, journal)
    if not states and not missing:
        return
    first = 0
    for batch in plan.rows(linking.list, ["key", "customer_id"]):
        rows = enumerate(batch.to_pylist(), first)
        excuses = (
            (row["key"], "waiting" if row["customer_id"] in missing else states.get(place)) for place, row in rows
        )
        told = [{"key": key, "excuse": excuse} for key, excuse in excuses if excuse]
        yield pa.RecordBatch.from_pylist(told, schema=_EXCUSED)
        first += batch.num_rows
