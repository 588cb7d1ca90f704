"""What columns could mean, by name and by values."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from backstamp import demo
from backstamp.cli.start import STARTER
from backstamp.unify import semantic_types
from backstamp.unify.suggest import suggest

NAMES = {
    "emailaddress1": "Identity.Service.Email",
    "new_birthdate": "Person.BirthDate",
    "address1_line1": "Location.Street",
    "address1_line2": "Location.Street2",
    "Given Name": "Person.FirstName",
    "PostalCode": "Location.PostalCode",
    "telephone1": "Identity.Service.Phone",
    "companyname": "Organization.Name",
    "telephone2": None,
    "donotemail": None,
    "yomifirstname": None,
    "managerphone": None,
    "username": None,
}


@pytest.mark.parametrize("column", NAMES)
def test_names(column: str) -> None:
    """A column is known by its whole name, a prefix of its own or a number 1 aside, never by a part of it."""
    assert semantic_types.by_name(column) == NAMES[column]


def test_last_parts_differ() -> None:
    """No two types end alike: the last part names the profile column."""
    ends = [name.rpartition(".")[2].lower() for name in semantic_types.CALLED]
    assert len(set(ends)) == len(ends)


def test_values() -> None:
    """Without names that say anything, the values of the demo's members tell what most columns are."""
    members = demo.make_company(300, seed=1).member
    columns = {f"c{place}": members[name] for place, name in enumerate(members.column_names)}
    kinds = {name: values.type for name, values in columns.items()}
    found = suggest(kinds, {name: values.to_pylist() for name, values in columns.items()})
    meant = {members.column_names[int(one.column[1:])]: one.type for one in found}
    assert meant == {
        "firstname": "Person.FirstName",
        "email": "Identity.Service.Email",
        "phone": "Identity.Service.Phone",
        "street": "Location.Street",
        "postalcode": "Location.PostalCode",
    } | ({"birthdate": "Person.BirthDate"} if pa.types.is_string(members["birthdate"].type) else {})


@pytest.mark.parametrize(
    ("columns", "values", "wanted"),
    [
        ({"email": pa.string()}, [f"0{day}/31/14" for day in range(30)], {}),
        ({"email": pa.bool_()}, [], {}),
        ({"phone": pa.string(), "telephone1": pa.string()}, [], {"phone": "Identity.Service.Phone"}),
        ({"note": pa.string()}, [f"2024-01-{day:02}" for day in range(1, 29)], {}),
        ({"note": pa.string()}, [f"1969-01-{day:02}" for day in range(1, 29)], {"note": "Person.BirthDate"}),
        ({"note": pa.string()}, ["a@b.example"] * 100, {}),
    ],
    ids=["dates called email", "a switch", "two phones", "recent days", "birth dates", "one value"],
)
def test_doubtful_columns(columns: dict[str, pa.DataType], values: list[Any], wanted: dict[str, str]) -> None:
    """A name whose values deny it, a second column of a type, and a single value suggest nothing."""
    found = suggest(columns, dict.fromkeys(columns, values))
    assert {one.column: one.type for one in found} == wanted


def test_types_given() -> None:
    """What another column has already is not suggested."""
    assert suggest({"email": pa.string()}, {}, {"Identity.Service.Email"}) == ()


def test_the_starter() -> None:
    """The project that `init` writes gives its columns the types that their names suggest."""
    pairs = [line.strip().split(": ") for line in STARTER.splitlines()]
    said = {pair[0]: pair[1] for pair in pairs if len(pair) > 1 and pair[1] in semantic_types.CALLED}
    assert "firstname" in said
    assert {column: semantic_types.by_name(column) for column in said} == said
