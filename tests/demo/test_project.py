"""The demo's project file and the company's tables fit each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from backstamp import demo, measures, project
from backstamp.unify import describe

if TYPE_CHECKING:
    from pathlib import Path


def _types(company: demo.Company) -> dict[str, dict[str, pa.DataType]]:
    """Return what each source says of its columns; a CSV file has text only."""
    tables = {
        "crm.contact": company.contact,
        "crm.lead": company.lead,
        "loyalty.member": company.member,
        "shop.purchase": company.purchase,
        "service.case": company.case,
    }
    found = {name: dict(zip(table.column_names, table.schema.types, strict=True)) for name, table in tables.items()}
    return found | {"loyalty.member": dict.fromkeys(found["loyalty.member"], pa.string())}


def test_the_project_file_fits_the_tables(company: demo.Company, tmp_path: Path) -> None:
    """The file has no mistake, and every column that it names is there and is of a kind that fits."""
    file = tmp_path / "backstamp.yaml"
    file.write_text(demo.PROJECT, encoding="utf-8")
    read = project.load(file)
    types = _types(company)
    unified = [table.table for table in read.unify.tables]
    keys = {table.table: table.key for table in read.unify.tables}
    assert describe.problems(read.unify, types) == []
    assert measures.problems(read.measures, read.relationships, types, unified, keys) == []
    assert set(read.measures) == {"LifetimePurchases", "LastPurchase", "OpenCases"}
