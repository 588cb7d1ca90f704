"""Five contacts of one account, which the tests of queries share; each is known by its initial."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.embedded.conftest import Crm

PEOPLE: tuple[dict[str, Any], ...] = (
    {"lastname": "Adams", "gendercode": 1, "creditlimit": 9.99, "birthdate": "1980-01-01", "nickname": "O'Ada"},
    {"lastname": "bell", "gendercode": 2, "creditlimit": 10, "birthdate": "1990-06-15", "donotemail": True},
    {"lastname": "Çelik", "gendercode": 2, "creditlimit": 100.5, "lastusedincampaign": "2026-01-01T00:00:00Z"},
    {"lastname": "Dorn", "jobtitle": "Poet", "lastusedincampaign": "2026-01-01T00:00:01Z"},
    {"lastname": "Eberle", "gendercode": 1, "creditlimit": 10, "jobtitle": "Maker of 100% cotton"},
)


def create(crm: Crm) -> list[str]:
    """Create the account Contoso with its contacts, the first of whom is the primary one; return their ids."""
    account = crm.create("accounts", name="Contoso", telephone1="5")
    link = {"parentcustomerid_account@odata.bind": f"/accounts({account})"}
    keys = [crm.create("contacts", **person, **link) for person in PEOPLE]
    crm.http.patch(f"accounts({account})", json={"primarycontactid@odata.bind": f"/contacts({keys[0]})"})
    return keys


def initials(rows: Iterable[dict[str, Any]], name: str = "lastname") -> str:
    """Return the first letters of the rows' names."""
    return "".join(row[name][0] for row in rows)
