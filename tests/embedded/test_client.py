"""Microsoft's own client, unmodified, over https: definitions, relationships, keys, batches, jobs, files."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

import pytest
from PowerPlatform.Dataverse.models.relationship import ManyToManyRelationshipMetadata
from PowerPlatform.Dataverse.models.upsert import UpsertItem

if TYPE_CHECKING:
    from pathlib import Path

    from PowerPlatform.Dataverse.client import DataverseClient


class Size(enum.IntEnum):
    """A choice as the client takes it."""

    SMALL = 1
    LARGE = 2


@pytest.fixture(scope="module")
def product(client: DataverseClient) -> str:
    """A table with a column of every type that the client makes."""
    columns = {
        "new_Code": "string",
        "new_Notes": "memo",
        "new_Count": "int",
        "new_Price": "money",
        "new_Weight": "float",
        "new_Since": "datetime",
        "new_Active": "bool",
        "new_Size": Size,
        "new_Manual": "file",
    }
    info = client.tables.create("new_Product", columns, display_name="Product")
    assert (info.entity_set_name, info.primary_id_attribute) == ("new_products", "new_productid")
    return "new_Product"


def test_tables_and_columns(client: DataverseClient, product: str) -> None:
    """Tables are found and listed; columns are read plainly and typed, added, changed, and removed."""
    assert client.tables.get("new_Unknown") is None
    found = client.tables.get(product)
    assert found is not None
    assert found.logical_name == "new_product"
    owned = "OwnershipType eq Microsoft.Dynamics.CRM.OwnershipTypes'UserOwned'"
    assert "new_product" in {each["LogicalName"] for each in client.tables.list(filter=owned, select=["LogicalName"])}
    client.tables.add_columns(product, {"new_Extra": "string"})
    assert "new_extra" in {column["LogicalName"] for column in client.tables.list_columns(product)}
    client.tables.update_column(product, "new_Extra", {"max_length": 321, "display_name": "More"})
    typed = client.tables.get_column(product, "new_extra", typed=True)
    assert typed is not None
    assert typed["MaxLength"] == 321
    client.tables.remove_columns(product, ["new_Extra"])
    assert client.tables.get_column(product, "new_extra") is None


def test_rows_of_every_type(client: DataverseClient, product: str) -> None:
    """Values come back as they went; a choice may be written by its label."""
    values = {"new_code": "T", "new_count": 3, "new_price": 1.25, "new_weight": 0.5, "new_active": True}
    key = client.records.create(product, {**values, "new_size": "LARGE", "new_notes": "text"})
    row = client.records.retrieve(product, key)
    assert row is not None
    assert {name: row[name] for name in values} == values
    assert row["new_size"] == Size.LARGE


def test_relationships(client: DataverseClient, product: str) -> None:
    """A lookup and a many-to-many relationship are made, found, listed and deleted."""
    made = client.tables.create_lookup_field("contact", "new_FavoriteId", "new_product", display_name="Favorite")
    found = client.tables.get_relationship(made.relationship_schema_name)
    assert found is not None
    assert found.relationship_id == made.relationship_id
    several = ManyToManyRelationshipMetadata("new_product_lead", "new_product", "lead")
    tied = client.tables.create_many_to_many_relationship(several)
    found = client.tables.get_relationship("new_product_lead")
    assert found is not None
    assert found.relationship_type == "many_to_many"
    listed = {each["SchemaName"] for each in client.tables.list_table_relationships(product)}
    assert {made.relationship_schema_name, "new_product_lead"} <= listed
    for identity in (made.relationship_id, tied.relationship_id):
        client.tables.delete_relationship(str(identity))
    assert client.tables.get_relationship("new_product_lead") is None


def test_alternate_keys(client: DataverseClient, product: str) -> None:
    """A key becomes active; single and bulk upserts go by it; it can be deleted."""
    client.tables.create_alternate_key(product, "new_ByCode", ["new_code"])
    [key] = client.tables.get_alternate_keys(product)
    assert (key.schema_name, key.status) == ("new_ByCode", "Active")
    for count in (1, 2):
        client.records.upsert(product, [UpsertItem({"new_code": "O'Hara 1"}, {"new_count": count})])
    items: list[UpsertItem | dict[str, Any]] = [
        UpsertItem({"new_code": f"O'Hara {number}"}, {"new_count": 9}) for number in (1, 2)
    ]
    client.records.upsert(product, items)
    pages = client.records.list(product, filter="contains(new_code,'Hara')", select=["new_count"])
    assert [row["new_count"] for row in pages] == [9, 9]
    client.tables.delete_alternate_key(product, key.metadata_id)
    assert client.tables.get_alternate_keys(product) == []


def test_batches(client: DataverseClient, product: str) -> None:
    """Rows, definitions and queries go in one batch; a change set refers to what it made, and fails as a whole."""
    batch = client.batch.new()
    batch.records.create(product, {"new_code": "B1"})
    batch.records.create(product, [{"new_code": "B2"}, {"new_code": "B3"}])
    batch.tables.add_columns(product, {"new_Later": "string"})
    with batch.changeset() as together:
        lead = together.records.create("lead", {"lastname": "L"})
        contact = together.records.create("contact", {"lastname": "C"})
        together.records.create("account", {"name": "A", "originatingleadid@odata.bind": lead})
        together.records.update("contact", contact, {"firstname": "Changed"})
    result = batch.execute()
    assert not result.has_errors
    assert len(result.entity_ids) >= 4

    failing = client.batch.new()
    with failing.changeset() as together:
        together.records.create(product, {"new_code": "never"})
        together.records.delete(product, "00000000-0000-0000-0000-000000000009")
    failing.tables.get(product)
    result = failing.execute(continue_on_error=True)
    assert [response.status_code for response in result.responses] == [404, 200]
    assert list(client.records.list(product, filter="new_code eq 'never'")) == []


def test_bulk_deletion(client: DataverseClient, product: str) -> None:
    """A list of rows is deleted by a job."""
    keys = client.records.create(product, [{"new_code": f"D{number}"} for number in range(3)])
    assert client.records.delete(product, keys)
    assert client.records.retrieve(product, keys[0]) is None


def test_files(client: DataverseClient, product: str, tmp_path: Path) -> None:
    """A file goes in whole or in pieces."""
    key = client.records.create(product, {"new_code": "F"})
    path = tmp_path / "manual.bin"
    path.write_bytes(bytes(range(256)) * 20_000)
    for mode in ("small", "chunk"):
        client.files.upload(product, key, "new_Manual", str(path), mode=mode, if_none_match=False)
        row = client.records.retrieve(product, key, select=["new_manual"])
        assert row is not None
        assert row["new_manual"]


def test_a_table_goes(client: DataverseClient) -> None:
    """A table has the primary column that it was given, is not made twice, and when deleted is unknown at once."""
    made = client.tables.create("new_Brief", {"new_Text": "string"}, primary_column="new_Title")
    assert made.primary_name_attribute == "new_title"
    with pytest.raises(Exception, match="already exists"):
        client.tables.create("new_Brief", {"new_Text": "string"})
    client.tables.delete("new_Brief")
    assert client.tables.get("new_Brief") is None
