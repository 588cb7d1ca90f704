"""What became of CustomerIds from one run to the next (unification.md 7, *resolve*).

Ids are resolved by rows: a vanished id stands for the profiles that hold its last rows now, followed from run to run.
The changes of all runs together say this of every id ever given out, without any row: the last of them that tell where
an id went tell what it stands for today.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis

from backstamp.engine import built, functions

if TYPE_CHECKING:
    import ibis.expr.types as ir

NEW = "new"
"""`new_id` was made, for rows of which none was in a profile."""
SPLIT = "split"
"""`new_id` was made, for rows of which some were in the profile `old_id`, which goes on."""
MERGED = "merged"
"""`old_id` vanished, and all its rows that are left are in the profile `new_id`."""
DIVIDED = "divided"
"""`old_id` vanished, and its rows are in several profiles, one line for each."""
MOVED = "moved"
"""`old_id` vanished in an earlier run, and its rows are in other profiles than before, one line for each."""
GONE = "gone"
"""`old_id` stands for no profile any more, for good."""
ANEW = "all anew"
"""Every id that a run before this one gave is gone, as someone asked for new ids; no id is named."""
RESTORED = "restored"
"""`new_id` was found in the environment, or is back as a run was undone; or `old_id`, for which `new_id` stands."""

WORDS = {
    NEW: "made for rows that were in no profile",
    SPLIT: "made for rows that were in another profile, which goes on",
    MERGED: "all its rows came into one other profile",
    DIVIDED: "its rows came into several profiles",
    MOVED: "its last rows came into other profiles",
    GONE: "none of its rows is left",
    ANEW: "all CustomerIds were made anew with --new-ids",
    RESTORED: "found in the CRM, or back as a run was undone",
}
"""The reasons as people say them."""


@dataclass(frozen=True)
class Before:
    """What the run before published.

    Attributes:
        members: `shapes.MEMBERS`.
        made: customer_id, made_in_run, derived, as in `shapes.IDS`.
        previous_ids: `shapes.PREVIOUS_IDS`.
        followed: `shapes.FOLLOWED`.
        clusters: `shapes.CLUSTERS`; None if it had none.
        profile_values: `shapes.PROFILE_VALUES`; None where that is not known.
    """

    members: ir.Table
    made: ir.Table
    previous_ids: ir.Table
    followed: ir.Table
    clusters: ir.Table | None = None
    profile_values: ir.Table | None = None


def begun(ids: ir.Table, run: int) -> ir.Table:
    """Return `shapes.ID_CHANGES` of a run without one before it: all ids (`shapes.IDS`) are new."""
    return _changes(ids, functions.whole(run), ibis.null("string"), ids.customer_id, NEW)


@built.once
def changes(
    before: Before,
    made: ir.Table,
    shared: ir.Table,
    vanished: ir.Table,
    followed: ir.Table,
    members: ir.Table,
    run: ir.IntegerScalar,
) -> ir.Table:
    """Return `shapes.ID_CHANGES` of a run.

    Args:
        before: what the run before published.
        made: `shapes.IDS`, those that this run made.
        shared: customer_id and customer: old profiles and new customers with rows in common.
        vanished: `customer_id` of the profiles that are no more.
        followed: `shapes.FOLLOWED`, after this run.
        members: `shapes.MEMBERS`, after this run.
        run: its number.
    """
    parents = shared.select("customer", old_id="customer_id")
    born = made.select("customer", "customer_id").left_join(parents, "customer")
    born = _changes(born, run, born.old_id, born.customer_id, born.old_id.isnull().ifelse(NEW, SPLIT))
    now, was = _heirs(followed, members), _heirs(before.followed, before.members)
    was = was.anti_join(made, was.old_id == made.customer_id)  # an id that is derived from a column may come back
    moved = ibis.union(now.anti_join(was, now.columns).semi_join(was, "old_id"), was.anti_join(now, was.columns))
    gone = vanished.select(old_id="customer_id", has_vanished=ibis.literal(True))
    touched = gone.union(moved.select("old_id").distinct().mutate(has_vanished=ibis.literal(False)))
    ends = touched.left_join(now, "old_id").select("old_id", "has_vanished", "new_id")
    several = ends.old_id.count().over(group_by="old_id") > 1
    reason = ibis.cases((ends.new_id.isnull(), GONE), (~ends.has_vanished, MOVED), (several, DIVIDED), else_=MERGED)
    return born.union(_changes(ends, run, ends.old_id, ends.new_id, reason))


def restored(before: Before, run: int) -> ir.Table:
    """Return `shapes.ID_CHANGES` of what the environment told: the ids that profiles have, and what they stand for."""
    number = functions.whole(run)
    living = _changes(before.made, number, ibis.null("string"), before.made.customer_id, RESTORED)
    previous = before.previous_ids.anti_join(before.made, before.previous_ids.previous_id == before.made.customer_id)
    return living.union(_changes(previous, number, previous.previous_id, previous.customer_id, RESTORED))


def undone(made: ir.Table, ids: ir.Table, living: ir.Table, run: int) -> ir.Table:
    """Return `shapes.ID_CHANGES` of a run that undoes another one: ids come back, and those that it made are gone.

    Args:
        made: `customer_id` of the profiles that there were before the run that is undone.
        ids: `customer_id` of all profiles that it is about.
        living: `shapes.IDS` of today.
        run: the number of the run that undoes it.
    """
    back = made.anti_join(living, "customer_id")
    gone = ids.anti_join(made, "customer_id")
    number = functions.whole(run)
    returned = _changes(back, number, ibis.null("string"), back.customer_id, RESTORED)
    return returned.union(_changes(gone, number, gone.customer_id, ibis.null("string"), GONE))


def _heirs(followed: ir.Table, members: ir.Table) -> ir.Table:
    """Return old_id and new_id: the profiles that hold the rows by which vanished ids are followed."""
    rows = followed.select("table", "key", old_id="customer_id")
    return rows.inner_join(members.rename(new_id="customer_id"), ["table", "key"]).select("old_id", "new_id").distinct()


def _changes(rows: ir.Table, run: ir.IntegerScalar, old: ir.Value, new: ir.Value, reason: ir.Value | str) -> ir.Table:
    told = ibis.literal(reason) if isinstance(reason, str) else reason
    return rows.select(run=run, old_id=old, new_id=new, reason=told)
