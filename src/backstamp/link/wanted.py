"""How rows of our own tables are to be, as digests, beside what is known: only rows that are written are spelled out.

Digests are narrow. Those of profiles and alternate keys are kept, since only those of customers that a run touched can
be others than those of the run before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from backstamp import shapes
from backstamp.link import known, plan

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import ibis.expr.types as ir

    from backstamp import engine as engines
    from backstamp.link.desired import Desired, Own
    from backstamp.link.settings import Link

_CUSTOMER = ["customer_id"]
_DEFINITIONS = "wanted_columns"
_DEFINITION = shapes.shape(table=pa.string(), columns=pa.string())


def keep(engine: engines.Engine, desired: Desired, settings: Link, listed: Mapping[str, Path]) -> None:
    """Keep in the draft how each profile and alternate key is to be.

    Args:
        engine: holds what the run before wanted.
        desired: what the environment is to hold.
        settings: of linking.
        listed: the work lists of tables all of whose rows are in one, by table: they hold the digests.
    """
    own, touched = (desired.profiles, desired.keys), desired.touched
    of_columns = [{"table": table.definition.name, "columns": _columns(table)} for table in own]
    are_same = _is_kept(engine, of_columns)
    engine.land(_DEFINITIONS, _DEFINITION, [pa.RecordBatch.from_pylist(of_columns, schema=_DEFINITION)])
    if touched is None or not are_same:
        for table in own:
            _keep_all(engine, table, settings, listed.get(table.definition.name))
        return
    for table in desired.own(touched) if engine.count(touched) else ():
        engine.patch(_name(table.definition.name), _CUSTOMER, touched, _digests(table, settings))


def of_table(engine: engines.Engine, table: str) -> ir.Table:
    """Return how each row of profiles or alternate keys, by their table's name, is to be: `shapes.WANTED`."""
    return engine.table(_name(table))


def digested(table: Own) -> ir.Table:
    """Return the rows of one of our own tables with their digests."""
    return table.rows.mutate(**{plan.DIGEST: known.digest(table.rows, table.definition)})


def narrow(table: Own) -> ir.Table:
    """Return how each row of one of our own tables is to be: `key` and `digest`."""
    rows = digested(table)
    return rows.select(key=rows[table.definition.key], digest=rows[plan.DIGEST])


def compare(engine: engines.Engine, table: str, wanted: ir.Table) -> ir.Table:
    """Return what is wanted of one of our own tables, or known of it, and not both.

    Args:
        engine: holds what is known.
        table: its name.
        wanted: `key` and `digest` of its rows as they are to be, and columns that come along.

    Returns:
        `wanted` with `known`, the digest that is known: null for a row that is not known to be there, and `digest` null
        for one that is not to be there.
    """
    now = known.of_table(engine, table).select(known_key="key", known="digest")
    pairs = wanted.outer_join(now, wanted.key == now.known_key)
    different = pairs.filter(~pairs.digest.identical_to(pairs.known))
    key = ibis.coalesce(different.key, different.known_key)
    return different.mutate(key=key).select(*wanted.columns, "known")


def take(table: Own, differences: ir.Table) -> ir.Table:
    """Return the rows of one of our own tables that are to be written, with `plan.DIGEST` and `plan.KIND`.

    Args:
        table: has them.
        differences: as `compare` gives them.
    """
    written = differences.filter(differences.digest.notnull())
    is_new = written.known.fill_null(known.UNKNOWN) == known.UNKNOWN
    told = {plan.DIGEST: written.digest, plan.KIND: is_new.ifelse("new", "changed")}
    written = written.select(different="key", **told)
    return table.rows.join(written, table.rows[table.definition.key] == written.different).drop("different")


def _keep_all(engine: engines.Engine, table: Own, settings: Link, listed: Path | None) -> None:
    if listed is None:
        engine.keep(_name(table.definition.name), _digests(table, settings))
        return
    columns = [table.definition.key, _customer(settings), plan.DIGEST]
    batches = plan.batches(listed, columns)
    told = (pa.record_batch([rows[name] for name in columns], schema=shapes.WANTED) for rows in batches)
    engine.land(_name(table.definition.name), shapes.WANTED, told)


def _digests(table: Own, settings: Link) -> ir.Table:
    rows = digested(table)
    return rows.select(key=rows[table.definition.key], customer_id=rows[_customer(settings)], digest=rows[plan.DIGEST])


def _customer(settings: Link) -> str:
    return f"{settings.prefix}customerid"


def _is_kept(engine: engines.Engine, of_columns: list[dict[str, str]]) -> bool:
    """Tell whether the digests that are kept are of the same columns: they name them."""
    return engine.has(_DEFINITIONS) and engine.rows(engine.table(_DEFINITIONS).order_by("table")) == sorted(
        of_columns, key=lambda row: row["table"]
    )


def _columns(table: Own) -> str:
    return ",".join(column.name for column in table.definition.columns)


def _name(table: str) -> str:
    return f"wanted_{table}"
