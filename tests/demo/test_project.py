"""The demo's project file and the company's tables fit each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backstamp import demo, measures, project
from backstamp.connect import files
from backstamp.unify import describe

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa


def _types(company: demo.Company, settings: project.Project) -> dict[str, dict[str, pa.DataType]]:
    """Return what each source says of its columns: files say it themselves, the CRM has those of the company."""
    crm = {"crm.contact": company.contact, "crm.lead": company.lead}
    found = {name: dict(zip(rows.column_names, rows.schema.types, strict=True)) for name, rows in crm.items()}
    for source, read in settings.sources.items():
        if isinstance(read, project.FileSource):
            system = files.Files(settings.folder, read.tables)
            for table in read.tables:
                columns = system.define(table).columns
                found[f"{source}.{table}"] = {column.name: column.type for column in columns}
    return found


def test_the_project_file_fits_the_tables(company: demo.Company, tmp_path: Path) -> None:
    """The file has no mistake, and every column that it names is there and is of a kind that fits."""
    file = tmp_path / "backstamp.yaml"
    file.write_text(demo.PROJECT, encoding="utf-8")
    demo.write_files(company, tmp_path)
    read = project.load(file)
    types = _types(company, read)
    keys = {table.table: table.key for table in read.unify.tables}
    assert describe.problems(read.unify, types) == []
    assert measures.problems(read.definitions, types, keys) == []
    assert {measure.kind for measure in read.measures.values()} == {"attribute", "customer", "business"}
    assert read.measures["LifetimePurchases"].value == 'sum("amount")'
