"""The demo's people as Parquet, the rules of the benchmark, and the same rows normalized for Splink.

python benchmarks/company.py make FOLDER PEOPLE
python benchmarks/company.py normalize FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
_NORMALIZERS: Mapping[str, tuple[Normalizer, ...]] = {
    "email": ("lowercase", "whitespace"),
    "phone": ("phone",),
    "first": ("lowercase",),
    "last": ("lowercase",),
    "born": (),
}
# The demo's junk, such as 0000000000, is on hundreds of rows a table; at the default of 1,000 a part of it would pass,
# another one for each of the two, and make a giant customer: accuracy would tell of this number and of nothing else.
_MOST_ROWS_PER_KEY = 20


def _match(lower: str, upper: str) -> Match:
    def same(value: str) -> Condition:
        return Condition(columns=(_COLUMNS[lower][value], _COLUMNS[upper][value]), normalize=_NORMALIZERS[value])

    def similar(value: str) -> Condition:
        exact = same(value)
        return Condition(columns=exact.columns, normalize=exact.normalize, precision="high")

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
"""The rules of experiments.md. A table without rules of its own is deduplicated by those of the match."""


def file_of(folder: Path, table: str) -> Path:
    """Return the file with the rows of a table."""
    return folder / f"{table}.parquet"


def normalized_file_of(folder: Path, table: str) -> Path:
    """Return the file with a table's key and normalized columns."""
    return folder / f"{table}.normalized.parquet"


def make(folder: Path, people: int) -> None:
    """Make the demo's people: a file for each table, and the truth."""
    company = demo.make_company(people)
    rows = {"crm.contact": company.contact, "crm.lead": company.lead, "loyalty.member": company.member}
    for table, columns in _COLUMNS.items():
        parquet.write_table(rows[table].select([_KEYS[table], *columns.values()]), file_of(folder, table))
    parquet.write_table(company.truth, folder / TRUTH)


def normalize_all(folder: Path) -> None:
    """Write every table as Splink gets it: normalized, without values that more rows hold than a rule allows."""
    watch = Stopwatch()
    with watch.phase("normalize"):
        tables = {table: _normalized(folder, table) for table in _COLUMNS}
    crowded = {name: _crowded([table[name] for table in tables.values()]) for name in ("email", "phone")}
    for table, rows in tables.items():
        for name, values in crowded.items():
            kept = pc.if_else(pc.is_in(rows[name], values), None, rows[name])
            rows = rows.set_column(rows.schema.get_field_index(name), name, kept)  # noqa: PLW2901 - column by column
        parquet.write_table(rows, normalized_file_of(folder, table))
    found = {name: len(values) for name, values in crowded.items()}
    tell(phases=watch.phases, crowded=found, most_rows_per_key=_MOST_ROWS_PER_KEY)


def _normalized(folder: Path, table: str) -> pa.Table:
    rows = parquet.read_table(file_of(folder, table)).combine_chunks()
    values = {
        name: normalize.comparable(rows[_COLUMNS[table][name]].combine_chunks(), steps)
        for name, steps in _NORMALIZERS.items()
        if name != "born"
    }
    # A date needs no normalizing, and Splink compares it as it is.
    return pa.table({"key": rows[_KEYS[table]], **values, "born": rows[_COLUMNS[table]["born"]].cast(pa.date32())})


def _crowded(columns: list[pa.ChunkedArray[Any]]) -> pa.Array[Any]:
    counted = pa.chunked_array([chunk for column in columns for chunk in column.chunks]).value_counts()
    is_crowded = pa.array(counted.field("counts").to_numpy() > _MOST_ROWS_PER_KEY)
    return counted.field("values").filter(is_crowded).drop_null()


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        normalize_all(Path(sys.argv[2]))
