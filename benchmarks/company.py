"""The demo's people as Parquet, with the columns that the rules compare normalized beside them, and the rules.

python benchmarks/company.py make FOLDER PEOPLE            the tables and the truth
python benchmarks/company.py skew FOLDER TO                the same people; one phone and one e-mail on very many rows
python benchmarks/company.py take-out FOLDER               Splink's columns, without values that too many rows hold
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from backstamp import demo
from backstamp.unify import normalize
from backstamp.unify.settings import Condition, Match, Rule, UnifiedTable, Unify
from measured import Stopwatch, tell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backstamp.unify.settings import Normalizer

TRUTH = "truth.parquet"

_MEANINGS: Mapping[str, str] = {
    "first": "Person.FirstName",
    "last": "Person.LastName",
    "email": "Identity.Service.Email",
    "phone": "Identity.Service.Phone",
    "born": "Person.BirthDate",
    "street": "Location.Street",
    "city": "Location.City",
    "code": "Location.PostalCode",
    "country": "Location.Country",
}
_CRM = (
    "firstname lastname emailaddress1 mobilephone {} address1_line1 address1_city address1_postalcode address1_country"
)
_COLUMNS: Mapping[str, Mapping[str, str]] = {
    table: dict(zip(_MEANINGS, columns.split(), strict=True))
    for table, columns in {
        "crm.contact": _CRM.format("birthdate"),
        "crm.lead": _CRM.format("new_birthdate"),
        "loyalty.member": "firstname lastname email phone birthdate street city postalcode country",
    }.items()
}
_KEYS: Mapping[str, str] = {"crm.contact": "contactid", "crm.lead": "leadid", "loyalty.member": "memberid"}
NORMALIZERS: Mapping[str, tuple[Normalizer, ...]] = {
    "email": ("lowercase", "whitespace"),
    "phone": ("phone",),
    "first": ("lowercase",),
    "last": ("lowercase",),
    "born": (),
}
# The demo's junk, such as 0000000000, is on hundreds of rows a table; at the default of 1,000 a part of it would pass,
# another one for each of the two, and make a giant customer: accuracy would tell of this number and of nothing else.
_MOST_ROWS_PER_KEY = 20


def normal(value: str) -> str:
    """Return the name of the column with a value as the rules compare it."""
    return f"normal_{value}"


def _match(lower: str, upper: str) -> Match:
    def same(value: str) -> Condition:
        return Condition(columns=(normal(value), normal(value)))

    def similar(value: str) -> Condition:
        return Condition(columns=(normal(value), normal(value)), precision="high")

    def rule(name: str, *conditions: Condition) -> Rule:
        return Rule(name, conditions, max_rows_per_key=_MOST_ROWS_PER_KEY)

    return Match(
        between=(lower, upper),
        rules=(
            rule("Email", same("email")),
            rule("Phone and name", same("phone"), similar("last")),
            rule("Name and birth date", same("first"), same("last"), same("born")),
        ),
    )


SETTINGS = Unify(
    tables=tuple(
        UnifiedTable(
            table, _KEYS[table], types={column: _MEANINGS[value] for value, column in columns.items()}, include_all=True
        )
        for table, columns in _COLUMNS.items()
    ),
    match=(
        _match("crm.lead", "crm.contact"),
        _match("loyalty.member", "crm.contact"),
        _match("loyalty.member", "crm.lead"),
    ),
)
"""The rules of experiments.md, on normalized columns. A table without rules is deduplicated by those of the match."""


def file_of(folder: Path, table: str) -> Path:
    """Return the file with the rows of a table."""
    return folder / f"{table}.parquet"


def normalized_file_of(folder: Path, table: str) -> Path:
    """Return the file with a table's key and normalized columns."""
    return folder / f"{table}.normalized.parquet"


def make(folder: Path, people: int) -> None:
    """Make the demo's people: a file for each table, with normalized columns, and the truth."""
    folder.mkdir(parents=True, exist_ok=True)
    company = demo.make_company(people)
    rows = {"crm.contact": company.contact, "crm.lead": company.lead, "loyalty.member": company.member}
    watch = Stopwatch()
    for table, columns in _COLUMNS.items():
        made = rows[table].select([_KEYS[table], *columns.values()]).combine_chunks()
        with watch.phase(table):
            normalized = _normalized(made, columns)
        for name, column in normalized.items():
            made = made.append_column(normal(name), column)
        parquet.write_table(made, file_of(folder, table))
    parquet.write_table(company.truth, folder / TRUTH)
    tell(phases=watch.phases)


def _normalized(rows: pa.Table, columns: Mapping[str, str]) -> dict[str, pa.Array[Any]]:
    """Return the columns that the rules compare; a date needs no normalizing."""
    values: dict[str, Any] = {name: rows[columns[name]].chunk(0) for name in NORMALIZERS}
    made = {name: normalize.comparable(values[name], steps) for name, steps in NORMALIZERS.items() if name != "born"}
    return {**made, "born": values["born"].cast(pa.date32())}


def skew(folder: Path, to: Path) -> None:
    """Write the same people with one phone on 100 000 contacts of a million, and one e-mail on 50 000."""
    to.mkdir(parents=True, exist_ok=True)
    for table in _COLUMNS:
        rows = parquet.read_table(file_of(folder, table))
        if table == "crm.contact":
            rows = _shared_by(rows, normal("phone"), "5550100", len(rows) // 10)
            rows = _shared_by(rows, normal("email"), "info@example.com", len(rows) // 20)
        parquet.write_table(rows, file_of(to, table))


def _shared_by(rows: pa.Table, column: str, value: str, count: int) -> pa.Table:
    """Return the rows with one value on this many of them, spread over the table."""
    is_shared = pa.array(np.arange(len(rows)) % (len(rows) // count) == 0)
    shared: Any = pc.if_else(is_shared, value, rows[column])
    return rows.set_column(rows.schema.get_field_index(column), column, shared)


def take_out(folder: Path) -> None:
    """Write every table as Splink gets it: normalized, without values that more rows hold than a rule allows."""
    tables = {table: _for_splink(folder, table) for table in _COLUMNS}
    crowded = {name: _crowded([table[name] for table in tables.values()]) for name in ("email", "phone")}
    for table, rows in tables.items():
        for name, values in crowded.items():
            kept: Any = pc.if_else(pc.is_in(rows[name], values), None, rows[name])
            rows = rows.set_column(rows.schema.get_field_index(name), name, kept)  # noqa: PLW2901 - column by column
        parquet.write_table(rows, normalized_file_of(folder, table))
    found = {name: len(values) for name, values in crowded.items()}
    tell(crowded=found, most_rows_per_key=_MOST_ROWS_PER_KEY)


def _for_splink(folder: Path, table: str) -> pa.Table:
    columns = {"key": _KEYS[table], **{name: normal(name) for name in NORMALIZERS}}
    rows = parquet.read_table(file_of(folder, table), columns=list(columns.values()))
    return rows.select(list(columns.values())).rename_columns(list(columns))


def _crowded(columns: list[pa.ChunkedArray[Any]]) -> pa.Array[Any]:
    counted = pa.chunked_array([chunk for column in columns for chunk in column.chunks]).value_counts()
    is_crowded = pa.array(counted.field("counts").to_numpy() > _MOST_ROWS_PER_KEY)
    return counted.field("values").filter(is_crowded).drop_null()


if __name__ == "__main__":
    step, folder = sys.argv[1], Path(sys.argv[2])
    if step == "make":
        make(folder, int(sys.argv[3]))
    elif step == "skew":
        skew(folder, Path(sys.argv[3]))
    else:
        take_out(folder)
