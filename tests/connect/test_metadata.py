"""Dataverse's definitions in our words, and back."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from backstamp.connect import ports
from backstamp.connect.dataverse import metadata

UTC = pa.timestamp("us", "UTC")


def attribute(name: str, kind: str, **details: object) -> dict[str, Any]:
    """An item of `Attributes`."""
    return {"LogicalName": name, "AttributeType": kind, **details}


def relationship(lookup: str, table: str, navigation: str) -> dict[str, Any]:
    """An item of `ManyToOneRelationships`."""
    return {
        "ReferencingAttribute": lookup,
        "ReferencedEntity": table,
        "ReferencingEntityNavigationPropertyName": navigation,
    }


def table(*attributes: dict[str, Any], relationships: tuple[dict[str, Any], ...] = ()) -> metadata.Table:
    """The table `contact` with these columns."""
    entity = {
        "LogicalName": "contact",
        "EntitySetName": "contacts",
        "PrimaryIdAttribute": "contactid",
        "ChangeTrackingEnabled": True,
        "DisplayName": {"UserLocalizedLabel": {"Label": "Contact"}},
    }
    return metadata.table(entity, [attribute("contactid", "Uniqueidentifier"), *attributes], relationships)


@pytest.mark.parametrize(
    ("kind", "details", "expected"),
    [
        ("String", {"MaxLength": 100}, pa.string()),
        ("Memo", {}, pa.string()),
        ("Picklist", {}, pa.int32()),
        ("State", {}, pa.int32()),
        ("BigInt", {}, pa.int64()),
        ("Decimal", {"Precision": 2}, pa.decimal128(23, 10)),
        ("Money", {"Precision": 2}, pa.decimal128(19, 4)),
        ("Double", {}, pa.float64()),
        ("Boolean", {}, pa.bool_()),
        ("DateTime", {"Format": "DateOnly", "DateTimeBehavior": {"Value": "UserLocal"}}, UTC),
        ("DateTime", {"Format": "DateOnly", "DateTimeBehavior": {"Value": "DateOnly"}}, pa.date32()),
    ],
)
def test_types(kind: str, details: dict[str, object], expected: pa.DataType) -> None:
    """Each of Dataverse's types has one Arrow type that holds all its values."""
    column = table(attribute("x", kind, **details)).definition.column("x")
    assert column is not None
    assert column.type == expected


@pytest.mark.parametrize(
    "unreadable",
    [
        attribute("x", "Virtual"),
        attribute("x", "EntityName"),
        attribute("x", "String", AttributeOf="y"),
        attribute("x", "String", IsValidForRead=False),
    ],
)
def test_columns_without_a_value(unreadable: dict[str, Any]) -> None:
    """Columns that cannot be selected, or only repeat another, are none of ours."""
    assert table(unreadable).definition.column("x") is None


def test_lookups() -> None:
    """A lookup keeps its name, is read as `_x_value`, and knows its table where there is only one."""
    found = table(
        attribute("ownerid", "Owner"),
        attribute("parentcustomerid", "Customer"),
        relationships=(
            relationship("ownerid", "systemuser", "ownerid"),
            relationship("parentcustomerid", "account", "parentcustomerid_account"),
            relationship("parentcustomerid", "contact", "parentcustomerid_contact"),
        ),
    )
    assert found.wire_name("ownerid") == "_ownerid_value"
    assert found.wire_name("contactid") == "contactid"
    targets = {column.name: column.lookup_to for column in found.definition.columns}
    assert targets == {"contactid": None, "ownerid": "systemuser", "parentcustomerid": None}
    assert found.navigation == {"ownerid": "ownerid"}


def test_schema_has_the_key_first() -> None:
    """Rows have the key first and once, wherever it was asked for."""
    schema = table(attribute("fullname", "String")).schema(["fullname", "contactid", "fullname"])
    assert schema.names == ["contactid", "fullname"]


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (ports.Column("x", pa.string(), max_length=4000), "String"),
        (ports.Column("x", pa.string(), max_length=4001), "Memo"),
        (ports.Column("x", pa.string()), "Memo"),
        (ports.Column("x", pa.int32()), "Integer"),
        (ports.Column("x", pa.int64()), "BigInt"),
        (ports.Column("x", pa.decimal128(18, 2)), "Decimal"),
        (ports.Column("x", pa.float64()), "Double"),
        (ports.Column("x", pa.bool_()), "Boolean"),
        (ports.Column("x", UTC), "DateTime"),
        (ports.Column("x", pa.date32()), "DateTime"),
    ],
)
def test_created_column_serves(column: ports.Column, kind: str) -> None:
    """A column that we create is of the right type, and what comes back of it serves what was wanted."""
    body = metadata.attribute_body(column)
    assert body["AttributeType"] == kind
    back = table({**body, "LogicalName": "x"}).definition.column("x")
    assert back is not None
    assert back.can_hold(column)


@pytest.mark.parametrize(
    ("existing", "wanted"),
    [
        (ports.Column("x", pa.string()), ports.Column("x", pa.int32())),
        (ports.Column("x", pa.int32()), ports.Column("x", pa.int64())),
        (ports.Column("x", pa.string(), max_length=100), ports.Column("x", pa.string(), max_length=4000)),
        (ports.Column("x", pa.string(), lookup_to="account"), ports.Column("x", pa.string(), lookup_to="profile")),
    ],
)
def test_column_that_does_not_serve(existing: ports.Column, wanted: ports.Column) -> None:
    """A column of another type, narrower, or pointing elsewhere does not serve."""
    assert not existing.can_hold(wanted)


def test_table_to_create() -> None:
    """A new table tracks its changes, has its first short text as name, and gets its lookups later."""
    definition = ports.TableDefinition(
        name="new_measure",
        key="new_measureid",
        columns=(
            ports.Column("new_measureid", pa.string()),
            ports.Column("new_story", pa.string()),
            ports.Column("new_customerid", pa.string(), max_length=100),
            ports.Column("new_profile", pa.string(), lookup_to="new_profile"),
        ),
    )
    body: Any = metadata.table_body(definition)
    assert body["ChangeTrackingEnabled"] is True
    assert [(a["SchemaName"], a.get("IsPrimaryName")) for a in body["Attributes"]] == [
        ("new_customerid", True),
        ("new_story", None),
    ]


def test_lookup_to_create() -> None:
    """A lookup is named as Microsoft's own client names it, and deleting what it points to empties it."""
    body: Any = metadata.relationship_body("lead", ports.Column("new_link", pa.string(), lookup_to="contact"), table())
    assert body["SchemaName"] == "contact_lead_new_link"
    assert body["ReferencedAttribute"] == "contactid"
    cascade = body["CascadeConfiguration"]
    assert cascade.pop("Delete") == "RemoveLink"
    assert set(cascade.values()) == {"NoCascade"}
