"""The made-up company in a real embedded CRM, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from backstamp import demo, embedded, errors
from backstamp.connect import dataverse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from backstamp.connect.dataverse import Dataverse


@pytest.fixture
def crm(tmp_path: Path) -> Iterator[Dataverse]:
    """A new CRM, as its administrator sees it."""
    settings = embedded.Settings(database_url=f"sqlite:///{tmp_path}/crm.sqlite")
    with (
        embedded.serving(settings, {"administrator": embedded.ADMINISTRATOR}) as url,
        dataverse.Dataverse(url, lambda: "administrator") as connection,
    ):
        yield connection


def _read(crm: Dataverse, table: str, columns: Sequence[str]) -> tuple[pa.Table, str]:
    """Return the rows of a table in order of their keys, and the token of its feed."""
    pages = list(crm.read(table, columns))
    rows = pa.Table.from_batches([page.rows for page in pages]).select(list(columns))
    assert pages[-1].token
    return rows.sort_by(columns[0]), pages[-1].token


def test_the_crm_has_what_the_company_has(crm: Dataverse, company: demo.Company) -> None:
    """Every value of every row reads back from the CRM as it was made, and progress ends with all rows written."""
    told: list[tuple[str, int, int]] = []
    demo.load(crm, company, lambda *progress: told.append(progress))
    for table in ("contact", "lead"):
        made = getattr(company, table)
        read, _ = _read(crm, table, made.column_names)
        assert read.equals(made.sort_by(made.column_names[0]).cast(read.schema))
        reports = [written for name, written, rows in told if name == table and rows == made.num_rows]
        assert reports == sorted(reports)
        assert reports[-1] == made.num_rows


def test_a_day_changes_three_customers(crm: Dataverse, company: demo.Company) -> None:
    """The feeds tell one new lead, one changed and one deleted contact."""
    changes = demo.choose_changes(company)
    demo.load(crm, company, lambda *_: None)
    _, contacts = _read(crm, "contact", ["contactid", "emailaddress1"])
    _, leads = _read(crm, "lead", changes.new_lead.column_names)
    demo.make_changes(crm, changes)
    [contact] = crm.read("contact", ["contactid", "emailaddress1"], contacts)
    [lead] = crm.read("lead", changes.new_lead.column_names, leads)
    assert contact.rows.to_pylist() == changes.corrected_contact.to_pylist()
    assert contact.deleted == (changes.deleted_contact,)
    assert lead.rows.to_pylist() == changes.new_lead.to_pylist()


def test_truth_follows_the_changes(company: demo.Company) -> None:
    """Truth has the new lead, of somebody known as a contact, and the deleted contact no more."""
    changes = demo.choose_changes(company)
    before, after = (
        dict(zip(truth["key"].to_pylist(), truth["person"].to_pylist(), strict=True))
        for truth in (company.truth, changes.truth)
    )
    new = changes.new_lead["leadid"][0].as_py()
    assert before.keys() ^ after.keys() == {new, changes.deleted_contact}
    known = company.contact.filter(pc.field("emailaddress1") == changes.new_lead["emailaddress1"][0])
    assert after[new] in {before[key] for key in known["contactid"].to_pylist()}
    assert list(before.values()).count(before[changes.deleted_contact]) == 1


def test_a_small_company_has_no_such_day() -> None:
    """Changes need customers who are known in several ways."""
    with pytest.raises(errors.ConfigurationError, match="make it of 500 people or more"):
        demo.choose_changes(demo.make_company(1))


def test_a_row_that_the_crm_refuses(crm: Dataverse, company: demo.Company) -> None:
    """Loading stops with the table and the CRM's code, and without a value of the row."""
    long = company.contact.slice(0, 1).set_column(1, "firstname", pa.array(["Maximiliane" * 30]))
    broken = demo.Company(**(vars(company) | {"contact": long}))
    with pytest.raises(errors.RefusedError, match="did not take 1 of 1 rows of contact") as refusal:
        demo.load(crm, broken, lambda *_: None)
    assert "Maximiliane" not in str(refusal.value)
