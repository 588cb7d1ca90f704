"""What puts back what a run wrote (linking.md 6): the differences between what is known and what was before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa
import pyarrow.compute as pc

from backstamp import shapes
from backstamp.link import desired, differences, known, plan, wanted

if TYPE_CHECKING:
    from pathlib import Path

    from backstamp import engine as engines

_KEY = shapes.shape(key=pa.string())
_LINK = shapes.shape(key=pa.string(), before=pa.string(), customer_id=pa.string())


def make_undo(engine: engines.Engine, undone: plan.Plan, state: Path, run: int) -> plan.Plan:
    """Write the work lists that undo a run and its plan; after `acknowledge`.

    Rows of our own tables that it changed or deleted are written as they were, those that it created are deleted, and
    links that are still as it wrote them are put back.

    Args:
        engine: holds what is known.
        undone: the plan of the run that is undone.
        state: the folder under which a run keeps its lists.
        run: the number of the run that undoes it.
    """
    folder = plan.folder_of(state, run)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = {replaced.definition.name: replaced for replaced in undone.replaced}
    written = [
        _put_back(engine, folder, undone, writing, before.get(writing.definition.name)) for writing in undone.writings
    ]
    removals = [_take_away(engine, folder, undone, writing) for writing in undone.writings]
    links = [_link_back(engine, folder, undone, linking) for linking in undone.links]
    profiles, keys, *measures = written
    retired, *others = removals
    made = plan.Plan(
        folder=folder,
        run=run,
        profiles=profiles,
        keys=keys,
        measures=tuple(measures),
        lookup=undone.lookup,
        links=tuple(linking for linking, _ in links),
        skip=undone.skip,
        removals=tuple(others),
        retired=retired,
        emptied=_nothing_emptied(engine, folder, undone),
        held=0,
        customers=plan.Customers(new=profiles.new, changed=profiles.changed, gone=retired.count),
        left=sum(left for _, left in links),
    )
    made.save()
    return made


def _put_back(
    engine: engines.Engine, folder: Path, undone: plan.Plan, written: plan.Writing, replaced: plan.Replaced | None
) -> plan.Writing:
    """List the rows of one of our own tables that the run changed or deleted, as they were."""
    work_list, definition = (replaced.list, replaced.definition) if replaced else (written.list, written.definition)
    rows = engine.load(undone.schema(work_list), undone.rows(work_list))
    if replaced is None:  # nothing is known of what was before
        rows = rows.drop(plan.KIND).limit(0)
    before = {column.name for column in definition.columns}
    emptied = (column.name for column in written.definition.columns if column.name not in before)
    digests = rows.select(key=rows[definition.key], digest=rows[plan.DIGEST])
    own = desired.Own(definition, rows.drop(plan.DIGEST))
    work = wanted.take(own, wanted.compare(engine, definition.name, digests))
    return differences.writing(engine, folder, definition, work, tuple(sorted(emptied)))


def _nothing_emptied(engine: engines.Engine, folder: Path, undone: plan.Plan) -> plan.Writing:
    """List no profile to be emptied: one that the run created, and that rows point to, keeps its values."""
    work_list = undone.emptied.list
    rows = engine.load(undone.schema(work_list), [])
    return replace(undone.emptied, new=0, changed=engine.write_parquet(rows, plan.list_path(folder, work_list)))


def _take_away(engine: engines.Engine, folder: Path, undone: plan.Plan, writing: plan.Writing) -> plan.Removal:
    """List the rows of one of our own tables that the run created."""
    definition = writing.definition
    batches = undone.rows(writing.list, [definition.key, plan.KIND])
    created = (batch.filter(pc.equal(batch[plan.KIND], pa.scalar("new")))[definition.key] for batch in batches)
    keys = engine.load(_KEY, (pa.record_batch([column], schema=_KEY) for column in created))
    there = known.of_table(engine, definition.name).select("key").semi_join(keys, "key")
    return differences.removal(engine, folder, definition.name, there)


def _link_back(
    engine: engines.Engine, folder: Path, undone: plan.Plan, linking: plan.Linking
) -> tuple[plan.Linking, int]:
    """List the links that are as the run wrote them, with those of before; and count the others that it wrote."""
    written = engine.load(_LINK, undone.rows(linking.list, _LINK.names))
    links = known.of_links(engine)
    now = links.filter(links.table == linking.table).select(known_key="key", now="customer_id")
    pairs = written.left_join(now, written.key == now.known_key)
    ours = pairs.now.identical_to(pairs.customer_id)
    left = engine.count(pairs.filter(~ours & ~pairs.now.identical_to(pairs.before)))
    reason = {plan.REASON: ibis.literal(plan.Reason.UNDONE)}
    back = pairs.filter(ours).select("key", before="customer_id", customer_id="before", **reason)
    return differences.linking(engine, folder, linking.table, linking.outer, back, linking.rows), left
