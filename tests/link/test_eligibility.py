"""Which tables may be linked (linking.md 3)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backstamp import link

CONTACT = link.Candidate("crm.contact", "contact", True, True, "contactid", "contactid")
MEMBERS = link.Candidate("loyalty.member", "member", False, False, "memberid", "")

FAILURES = [
    (replace(CONTACT, default_environment=False), "environment"),
    (replace(CONTACT, connector=False), "connector"),
    (replace(CONTACT, table="crm.person"), "name"),
    (replace(CONTACT, key="emailaddress1"), "primary key"),
    (replace(CONTACT, key=None), "in unification"),
]


def test_eligible() -> None:
    """A table that passes is linked, even where others fail."""
    found = link.eligibility([CONTACT, MEMBERS], "individuals")
    assert (found.linked, found.skip) == ((CONTACT,), "")
    assert [(failed.table, failed.check) for failed in found.failed] == [("loyalty.member", "connector")]


@pytest.mark.parametrize(("candidate", "check"), FAILURES, ids=[check for _, check in FAILURES])
def test_failed_check(candidate: link.Candidate, check: str) -> None:
    """Each check that fails is named with its table and a remedy, and only that one."""
    found = link.eligibility([candidate], "individuals")
    assert found.linked == ()
    assert [(failed.table, failed.check) for failed in found.failed] == [(candidate.table, check)]
    assert found.failed[0].words in found.skip


def test_audience() -> None:
    """An environment for businesses is not linked."""
    found = link.eligibility([CONTACT], "businesses")
    assert [failed.check for failed in found.failed] == ["audience"]
    message, words = found.skip.split("\n")
    assert message == "Error: Linking of Dataverse tables to the CustomerProfile table is skipped."
    assert words.startswith("crm.contact: The environment is for businesses")


def test_none_from_the_environment() -> None:
    """Where no unified table comes from the default environment the reason is the reference's, to the letter."""
    assert link.eligibility([MEMBERS], "individuals").skip.split("\n")[0] == (
        "Error: The backstamping job is skipped. It only runs when unification setup contains tables that are"
        " ingested to Customer Insights from the same Dataverse organization that was configured or selected during"
        " instance creation."
    )
