"""What the environment is to hold after a run: our own tables' rows, and the link of every row of a linked table.

Nothing here knows what it holds now. The tables are those of dataverse-webapi.md 9.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING
from uuid import UUID

import ibis
import ibis.expr.datatypes as dt

from backstamp.connect import ports
from backstamp.engine import functions
from backstamp.link import columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import ibis.expr.types as ir

    from backstamp.link.settings import Link

CUT = "_cut"
"""The last column of each table of desired rows: how many of the row's values did not fit."""

_KEY_IDS = UUID("0f5b8a4e-7c1d-5d0a-9f0e-3b8f6b1c2d47")
"""Where the ids of alternate keys are named: never to be changed, or every alternate key is written anew."""

_ROW_IDS = UUID("5c1d7a52-3f0b-5e7e-8a55-6b8f0a4f9d10")
"""Where the ids of activities and of rows of business measures are named: never to be changed either."""

_TAKEN = (
    "customer",  # its key would be called as the CustomerId is
    "customerprofile",
    "alternatekey",
    "customermeasure",
    "segmentmembership",
    "unifiedactivity",
    "enrichment",
    "prediction",
)
"""Names that no measure's table gets: those of the tables of dataverse-webapi.md 9."""

_NOT_PLAIN = r'[\x01-\x1f"\\]'
_ESCAPES = (("\\", r"\\"), ('"', r"\""), *((chr(code), f"\\u{code:04x}") for code in range(1, 32)))


@dataclass(frozen=True)
class Own:
    """One of our own tables as it is to be: what it is, and its rows under the environment's names, with `CUT`."""

    definition: ports.TableDefinition
    rows: ir.Table


@dataclass(frozen=True)
class LinkedTable:
    """A table of the environment whose rows are linked.

    Attributes:
        table: as the project names it (`crm.contact`).
        outer: as the environment does (`contact`).
        keys: `key` of every row that is known.
        links: `key` and `customer_id` of those that are to have a link, perhaps of others that nobody knows.
    """

    table: str
    outer: str
    keys: ir.Table
    links: ir.Table


@dataclass(frozen=True)
class Desired:
    """Everything that the environment is to hold.

    Attributes:
        profiles: the profile table, a row for each profile.
        keys: the table of alternate keys.
        own: gives both for some customers alone: `customer_id`.
        touched: `customer_id` of those whose profiles and alternate keys may be others than before; None for all.
        measures: the tables of measures and of activities; those by customer have a lookup to the profile.
        skip: why no table may be linked (`Eligibility.skip`), or "".
    """

    profiles: Own
    keys: Own
    own: Callable[[ir.Table], tuple[Own, Own]]
    measures: tuple[Own, ...] = ()
    links: tuple[LinkedTable, ...] = ()
    skip: str = ""
    touched: ir.Table | None = None


@dataclass(frozen=True)
class _OwnColumns:
    """The project's own columns of a table, by name, beside those that are always there and its key."""

    names: Sequence[str]
    fixed: Sequence[columns.Field]
    key: str


def profile_table(settings: Link) -> str:
    """Return the name of the profile table in the environment."""
    return f"{settings.prefix}customerprofile"


def key_table(settings: Link) -> str:
    """Return the name of the table of alternate keys in the environment."""
    return f"{settings.prefix}alternatekey"


def measure_table(settings: Link) -> str:
    """Return the name of the table of customer attributes in the environment."""
    return f"{settings.prefix}customermeasure"


def activity_table(settings: Link) -> str:
    """Return the name of the table of activities in the environment."""
    return f"{settings.prefix}unifiedactivity"


def tables_of_measures(settings: Link, names: Iterable[str]) -> dict[str, str]:
    """Return the names in the environment of the tables of measures that have one of their own, by measure."""
    return columns.logical_names(settings.prefix, names, [settings.prefix + name for name in _TAKEN])


def surviving_name(settings: Link) -> str:
    """Return the name of the profile's column with the ids of the profiles in its place, once it is gone."""
    return f"{settings.prefix}survivingcustomerid"


def lookup_name(settings: Link) -> str:
    """Return the name of the lookup that every linked table gets."""
    return f"{settings.prefix}lookupfield_customerprofile"


def desired_profiles(settings: Link, profiles: ir.Table, there: ports.TableDefinition | None = None) -> Own:
    """Return the profile table: one row for each row of `shapes.PROFILES`, each profile column a column.

    The full name stands first, so that it becomes what people read as the name of a row.

    Args:
        settings: of linking.
        profiles: `shapes.PROFILES`.
        there: the table as the environment has it, None where it has it not.
    """
    fixed = [
        columns.fit(f"{settings.prefix}customerid", profiles.customer_id, display_name="CustomerId"),
        columns.fit(
            f"{settings.prefix}previouscustomerid",
            profiles.previous_customer_id,
            display_name="PreviousCustomerId",
            memo=True,
        ),
        columns.fit(surviving_name(settings), ibis.null("string"), display_name="SurvivingCustomerId"),
        columns.fit(f"{settings.prefix}madeinrun", profiles.made_in_run.cast(dt.int32), display_name="Made in run"),
    ]
    shared = ("customer_id", "previous_customer_id", "made_in_run")
    own = sorted((name for name in profiles.columns if name not in shared), key=lambda name: name.lower() != "fullname")
    table = profile_table(settings)
    fields = _fields(settings, profiles, _OwnColumns(own, fixed, f"{table}id"), there)
    return _own(table, "Customer Profile", profiles, [*fields, *fixed])


def desired_attributes(settings: Link, attributes: ir.Table, there: ports.TableDefinition | None = None) -> Own:
    """Return the table of customer attributes: one row for each row of `shapes.MEASURES`, a column an attribute."""
    return desired_measure(settings, (measure_table(settings), "Customer_Measure"), attributes, there)


def desired_measure(
    settings: Link, named: tuple[str, str], rows: ir.Table, there: ports.TableDefinition | None = None
) -> Own:
    """Return a table of measures by customer: one row for each of `rows`, a column a value.

    Args:
        settings: of linking.
        named: the table's name in the environment, and the measure's.
        rows: `shapes.MEASURES` or `shapes.CUSTOMER_MEASURE`, without dimensions.
        there: the table as the environment has it, None where it has it not.
    """
    (table, name), prefix = named, settings.prefix
    fixed = [
        columns.fit(f"{prefix}identifier", ibis.literal(f"{name}|") + rows.customer_id, display_name="Identifier"),
        columns.fit(f"{prefix}customerid", rows.customer_id, display_name="CustomerId"),
        _to_profile(settings, rows),
    ]
    own = [column for column in rows.columns if column != "customer_id"]
    fields = _fields(settings, rows, _OwnColumns(own, fixed, f"{table}id"), there)
    return _own(table, name.replace("_", " "), rows, [*fixed, *fields])


def desired_business(
    settings: Link,
    named: tuple[str, str],
    rows: ir.Table,
    dimensions: Sequence[str],
    there: ports.TableDefinition | None = None,
) -> Own:
    """Return the table of a business measure: a row for each combination of dimensions, which its key comes from.

    Args:
        settings: of linking.
        named: the table's name in the environment, and the measure's.
        rows: `shapes.BUSINESS_MEASURE`.
        dimensions: which of its columns are dimensions.
        there: the table as the environment has it, None where it has it not.
    """
    table, name = named
    texts = [rows[dimension].cast(dt.string) for dimension in dimensions]
    parts = [(ibis.literal("=") + text).fill_null("") for text in texts]
    rows = rows.mutate(id=functions.uuid5(_ROW_IDS, ibis.literal(name), *parts))
    shown = ibis.literal("|").join([ibis.literal(name), *(text.fill_null("") for text in texts)])
    fixed = [columns.fit(f"{settings.prefix}identifier", shown, display_name="Identifier")]
    own = [column for column in rows.columns if column != "id"]
    fields = _fields(settings, rows, _OwnColumns(own, fixed, f"{table}id"), there)
    return _own(table, name, rows, [*fixed, *fields], key="id")


def desired_activities(settings: Link, activities: ir.Table) -> Own:
    """Return the table of activities: one row for each row of `shapes.ACTIVITIES`."""
    rows = activities.mutate(id=functions.uuid5(_ROW_IDS, activities.activity_id))
    shown = {
        "title": ("Title", ibis.coalesce(rows.title, rows.type)),
        "activityid": ("ActivityId", rows.activity_id),
        "sourcetablename": ("Source table", rows.table),
        "sourceactivityid": ("Source activity", rows.key),
        "activitytype": ("Activity type", rows.type),
        "activitytime": ("Activity time", rows.time),
        "customerid": ("CustomerId", rows.customer_id),
    }
    fields = [columns.fit(settings.prefix + name, value, display_name=label) for name, (label, value) in shown.items()]
    fields += [
        columns.fit(f"{settings.prefix}description", rows.detail, display_name="Description", memo=True),
        _to_profile(settings, rows),
    ]
    return _own(activity_table(settings), "Unified Activity", rows, fields, key="id")


def without_rows(settings: Link, table: str, none: ir.Table) -> Own:
    """Return that a table of ours in the environment is to have no rows; `none` is a table without any.

    Of its columns only the CustomerId is named, that of every other column being nobody's wish any more.
    """
    field = columns.fit(f"{settings.prefix}customerid", none.customer_id, display_name="CustomerId")
    return _own(table, table, none, [field])


def desired_keys(settings: Link, members: ir.Table, profiles: ir.Table, preferred: Mapping[str, str]) -> Own:
    """Return the table of alternate keys: one row for each row of `shapes.MEMBERS`.

    Args:
        settings: of linking.
        members: which row belongs to which profile.
        profiles: `shapes.PROFILES`.
        preferred: for each unified table the profile column with the key of its first winner.
    """
    rings = _key_rings(members, profiles, preferred)
    source, table = members.table.split(".")[0], members.table.split(".")[1]
    rows = members.select(
        "customer_id",
        identifier=source + "|" + table + "|" + members.key,
        datasourcename=source,
        tablename=table,
        alternatevalue=members.key,
    )
    rows = rows.mutate(id=functions.uuid5(_KEY_IDS, rows.identifier)).join(rings, "customer_id")
    texts = ("identifier", "datasourcename", "tablename", "alternatevalue")
    fields = [columns.fit(settings.prefix + text, rows[text]) for text in texts]
    fields += [
        columns.fit(f"{settings.prefix}customerid", rows.customer_id, display_name="CustomerId"),
        columns.fit(f"{settings.prefix}keyring", rows.keyring, memo=True),
        _to_profile(settings, rows),
    ]
    return _own(key_table(settings), "Alternate Key", rows, fields, key="id")


def desired_links(table: str, outer: str, source: ir.Table, members: ir.Table) -> LinkedTable:
    """Return the link of every row of a source table: its profile's, or none for a row in no profile."""
    links = members.filter(members.table == table).select("key", "customer_id")
    return LinkedTable(table, outer, source.select("key"), links)


def cleared_links(table: str, known: ir.Table) -> LinkedTable:
    """Return that no row of a table is to have a link: it is unified no more.

    Args:
        table: the table, which is called as in the environment, or it had never been linked.
        known: the links that are known, as `shapes.KNOWN_LINKS`.
    """
    rows = known.filter(known.table == table).select("key", "customer_id")
    return LinkedTable(table, table.partition(".")[2], rows.select("key"), rows.limit(0))


def _to_profile(settings: Link, rows: ir.Table) -> columns.Field:
    table = profile_table(settings)
    return columns.point(table, rows.customer_id, table, "Customer Profile")


def _fields(
    settings: Link, rows: ir.Table, own: _OwnColumns, there: ports.TableDefinition | None
) -> list[columns.Field]:
    """Fit the project's own columns, beside those that are always there."""
    taken = [own.key, *(name for field in own.fixed for name in _spoken_for(field.column))]
    spelled = columns.logical_names(settings.prefix, own.names, taken)
    fields = [
        columns.fit(spelled[name], rows[name], display_name=name, memo=name.lower().endswith("_alternate"))
        for name in own.names
    ]
    return [columns.renamed(field, [*taken, *spelled.values()], there) for field in fields]


def _spoken_for(column: ports.Column) -> tuple[str, ...]:
    """Return the names that a column takes: a lookup has the name of its row beside it (dataverse-webapi.md 2.2)."""
    return (column.name, f"{column.name}name") if column.lookup_to else (column.name,)


def _own(
    table: str, display_name: str, rows: ir.Table, fields: Sequence[columns.Field], key: str = "customer_id"
) -> Own:
    definition = ports.TableDefinition(
        table, f"{table}id", tuple(field.column for field in fields), display_name=display_name
    )
    cut = reduce(lambda total, field: total + field.is_cut, fields, ibis.literal(0))
    values = {field.column.name: field.value for field in fields}
    return Own(definition, rows.select(**{definition.key: rows[key], **values, CUT: cut.cast(dt.int64)}))


def _key_rings(members: ir.Table, profiles: ir.Table, preferred: Mapping[str, str]) -> ir.Table:
    """Return (customer_id, keyring): all keys of a profile, table by table, as JSON."""
    parts = [
        _keys_of(table, members, profiles.select("customer_id", preferred=profiles[column].cast(dt.string)))
        for table, column in preferred.items()
    ]
    every = ibis.union(*parts)
    return every.group_by("customer_id").aggregate(keyring=ibis.literal("[") + _listed(every.text) + "]")


def _keys_of(table: str, members: ir.Table, preferred: ir.Table) -> ir.Table:
    source, _, name = table.partition(".")
    mine = members.filter(members.table == table)
    keys = mine.group_by("customer_id").aggregate(keys=_listed(_quoted(mine.key)))
    rows = keys.left_join(preferred, "customer_id")
    head = ibis.literal(f'{{"dataSourceName":"{source}","tableName":"{name}","preferredKey":')
    text = head + _quoted(rows.preferred).fill_null("null") + ',"keys":[' + rows["keys"] + "]}"
    return rows.select("customer_id", text=text)


def _listed(texts: ir.Value) -> ir.Value:
    """Join the texts of a group, in order; sorting each list is much faster than an ordered aggregate."""
    return texts.collect().sort().join(",")


def _quoted(text: ir.Value) -> ir.Value:
    """Spell text as a JSON string; few keys hold what must be escaped."""
    escaped = reduce(lambda value, pair: value.replace(*pair), _ESCAPES, text)
    return ibis.literal('"') + text.re_search(_NOT_PLAIN).ifelse(escaped, text) + '"'
