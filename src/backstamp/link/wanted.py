"""How each profile and alternate key is to be, as a digest, kept: so a run spells out only the rows that it writes.

Digests are narrow, and only those of customers that a run touched can be others than those of the run before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from backstamp import shapes
from backstamp.link import known

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from backstamp import engine as engines
    from backstamp.link.desired import Desired, Own
    from backstamp.link.settings import Link

_CUSTOMER = ["customer_id"]
_DEFINITIONS = "wanted_columns"
_DEFINITION = shapes.shape(table=pa.string(), columns=pa.string())


def keep(engine: engines.Engine, desired: Desired, settings: Link) -> ir.Table | None:
    """Keep in the draft how each profile and alternate key is to be.

    Args:
        engine: holds what the run before wanted, and what is known.
        desired: what the environment is to hold.
        settings: of linking.

    Returns:
        `customer_id` of those with a row that is not known to be so, as far as they are few; None for all.
    """
    own, touched = (desired.profiles, desired.keys), desired.touched
    of_columns = [{"table": table.definition.name, "columns": _columns(table)} for table in own]
    are_same = _is_kept(engine, of_columns)
    engine.land(_DEFINITIONS, _DEFINITION, [pa.RecordBatch.from_pylist(of_columns, schema=_DEFINITION)])
    if touched is None or not are_same:
        for table in own:
            engine.keep(_name(table), _digests(table, settings))
        return None
    for table in touched.own(touched.customers) if engine.count(touched.customers) else ():
        engine.patch(_name(table), _CUSTOMER, touched.customers, _digests(table, settings))
    return engine.cache(ibis.union(*(_different(engine, table) for table in own), distinct=True))


def of_table(engine: engines.Engine, table: Own) -> ir.Table:
    """Return how each row of profiles or alternate keys is to be: `shapes.WANTED`."""
    return engine.table(_name(table))


def _digests(table: Own, settings: Link) -> ir.Table:
    key, customer = table.definition.key, f"{settings.prefix}customerid"
    return table.rows.select(
        key=table.rows[key], customer_id=table.rows[customer], digest=known.digest(table.rows, table.definition)
    )


def _different(engine: engines.Engine, table: Own) -> ir.Table:
    """Return `customer_id` of rows that are not known to be as they are to be."""
    now = known.of_table(engine, table.definition.name)
    return of_table(engine, table).anti_join(now, ["key", "digest"]).select(*_CUSTOMER)


def _is_kept(engine: engines.Engine, of_columns: list[dict[str, str]]) -> bool:
    """Tell whether the digests that are kept are of the same columns: they name them."""
    return engine.has(_DEFINITIONS) and engine.rows(engine.table(_DEFINITIONS).order_by("table")) == sorted(
        of_columns, key=lambda row: row["table"]
    )


def _columns(table: Own) -> str:
    return ",".join(column.name for column in table.definition.columns)


def _name(table: Own) -> str:
    return f"wanted_{table.definition.name}"
