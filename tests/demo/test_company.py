"""The tables of the made-up company, and the files that hold them."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from statistics import mean
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from backstamp import demo
from backstamp.connect.files import Files, FileTable
from backstamp.demo import rows, tables

from .conftest import PEOPLE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

KEYS = {"contact": "contactid", "lead": "leadid", "member": "memberid"}
NAMES = {"contact": "crm.contact", "lead": "crm.lead", "member": "loyalty.member"}
LINES_PER_PERSON = {"contact": 0.92, "lead": 0.55, "member": 0.41}


def test_the_same_seed_gives_the_same_tables(company: demo.Company) -> None:
    """Equal arguments give equal tables, another seed gives others."""
    again, other = demo.make_company(PEOPLE), demo.make_company(PEOPLE, seed=2)
    for table in fields(company):
        assert getattr(again, table.name).equals(getattr(company, table.name))
        assert not getattr(other, table.name).equals(getattr(company, table.name))


@pytest.mark.parametrize("table", KEYS)
def test_truth_covers_each_row_once(company: demo.Company, table: str) -> None:
    """Truth names every row of the three tables of people once, and each of its people exists."""
    told = company.truth.filter(pc.field("table") == NAMES[table])
    keys = getattr(company, table)[KEYS[table]].to_pylist()
    assert len(set(keys)) == len(keys)
    assert Counter(told["key"].to_pylist()) == Counter(keys)
    assert set(company.truth["person"].to_pylist()) == set(range(PEOPLE))


def test_truth_is_in_no_table(company: demo.Company) -> None:
    """No table has a column that says who a person is, and a key says nothing either."""
    for table in fields(company):
        names = set(getattr(company, table.name).column_names)
        assert table.name == "truth" or "person" not in names
    by_key = company.truth.filter(pc.field("table") == "loyalty.member").sort_by("key")["person"].to_numpy()
    assert (np.diff(by_key) < 0).any()


@pytest.mark.parametrize("table", KEYS)
def test_how_many_rows_a_person_has(company: demo.Company, table: str) -> None:
    """Rows per person, and people with a second row, are as many as `rows` states."""
    people = company.truth.filter(pc.field("table") == NAMES[table])["person"]
    times = pc.value_counts(people).field("counts").to_numpy()
    assert len(people) / PEOPLE == pytest.approx(LINES_PER_PERSON[table], abs=0.04)
    assert (times > 1).mean() == pytest.approx(rows.TWICE[table], abs=0.03)
    assert times.max() <= 3


@pytest.mark.parametrize(
    ("table", "missing", "columns"),
    [
        ("contact", tables.CONTACT_MISSING, {"email": "emailaddress1", "mobile": "mobilephone"}),
        ("lead", tables.LEAD_MISSING, {"email": "emailaddress1", "birthdate": "new_birthdate"}),
        ("member", tables.MEMBER_MISSING, {"email": "email", "phone": "phone", "address": "city"}),
    ],
)
def test_how_many_values_are_missing(
    company: demo.Company, table: str, missing: dict[str, float], columns: dict[str, str]
) -> None:
    """The share of values that nobody filled in is what `tables` states."""
    read = getattr(company, table)
    for name, column in columns.items():
        assert read[column].null_count / read.num_rows == pytest.approx(missing[name], abs=0.04)


def test_how_many_values_are_spoiled(company: demo.Company) -> None:
    """Values are padded, in capitals and mistyped about as often as `rows` states."""
    emails = [str(email) for email in company.contact["emailaddress1"].drop_null().to_pylist()]
    assert _share(email == email.upper() for email in emails) == pytest.approx(0.02, abs=0.015)
    assert _share(email != email.strip() for email in emails) == pytest.approx(0.02, abs=0.015)
    countries = [str(country) for country in company.member["country"].drop_null().to_pylist()]
    assert _share(len(country) == 2 for country in countries) == pytest.approx(rows.COUNTRY_CODE, abs=0.04)


def _share(flags: Iterable[bool]) -> float:
    return mean(map(int, flags))


def test_files_read_back(company: demo.Company, tmp_path: Path) -> None:
    """Members are CSV, all else Parquet, and the connector reads from them what was written."""
    demo.write_files(company, tmp_path)
    files = Files(
        tmp_path,
        {
            "member": FileTable("data/members.csv", "memberid"),
            "purchase": FileTable("data/purchases/*.parquet", "purchaseid"),
            "case": FileTable("data/cases.parquet", "caseid"),
            "score": FileTable("data/scores.parquet", "scoreid"),
        },
    )
    for name in ("member", "purchase", "case", "score"):
        written = getattr(company, name)
        pages = [change.rows.select(written.column_names) for change in files.read(name, written.column_names)]
        read = pa.Table.from_batches(pages)
        if name == "member":
            written = written.cast(pa.schema([(column, pa.string()) for column in written.column_names]))
            read, written = read.drop(["lastvisit"]), written.drop(["lastvisit"])  # written with a Z for UTC
        assert read.equals(written.cast(read.schema))
