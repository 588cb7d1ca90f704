"""The three stories of docs/stories.md, from real requests to the CRM of the demo."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import httpx2

from backstamp import embedded, project
from backstamp.cli import environment

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parents[2] / "docs" / "stories.md"
PROFILE = "msdynci_customerprofile"
LINK = "msdynci_lookupfield_customerprofile"
ATTRIBUTES, RECENT = (
    f"{PROFILE}_{table}_{PROFILE}" for table in ("msdynci_customermeasure", "msdynci_purchaseslast4months")
)
INTRODUCTION = """\
# Three people who look at a row of the CRM

This page is made by `tests/cli/test_stories_page.py` from requests to the CRM of `backstamp demo` (`make pages`).
A test fails where it is not what they give, or where a number is not what a query over the files alone gives. Any
client of the Web API can ask the same.
"""
SPENT = """
    select coalesce(sum(amount), 0)::double as spent,
        count(*) filter (where purchasedon >= current_date - interval 4 month) as recent
    from '{folder}/data/purchases/*.parquet' where contactid in (select unnest($keys))
"""
CASES = """
    select count(*) as open
    from '{folder}/data/cases.parquet' where status = 'open' and contactid in (select unnest($keys))
"""

TIER = """
    select arg_max(tier, lastvisit) as tier from '{folder}/data/members.csv' where memberid in (select unnest($keys))
"""
MEMBERS = "msdynci_loyalty_member_memberid_alternate"


class Crm:
    """The CRM of the demo, asked as its account."""

    def __init__(self, url: str, token: str) -> None:
        self._base, self._headers = f"{url}/api/data/v9.2/", {"Authorization": f"Bearer {token}"}

    def get(self, path: str, **parameters: str) -> Any:
        """What it answers to a request."""
        answer = httpx2.get(self._base + path, params=parameters, headers=self._headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def contacts_of(self, customer: str) -> list[str]:
        """The contacts of a customer."""
        where = f"_{LINK}_value eq {customer}"
        found = self.get("contacts", **{"$select": "contactid", "$filter": where})["value"]
        return [row["contactid"] for row in found]


def test_stories(file: Path, told: Any) -> None:
    """What the page shows is what the CRM answers, and right; with WRITE_PAGES it is written there."""
    settings = project.load(file)
    with environment.served(settings) as url:
        token = environment.token_file(settings, embedded.APPLICATION_USER).read_text().strip()
        text = INTRODUCTION + "".join(_told(Crm(url, token), file.parent, told["lead"]["key"]))
    if os.environ.get("WRITE_PAGES"):
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text


def _told(crm: Crm, folder: Path, lead: str) -> Iterator[str]:
    yield from _seller(crm, folder, lead)
    yield from _marketer(crm, folder)
    yield from _service(crm, folder)


def _seller(crm: Crm, folder: Path, lead: str) -> Iterator[str]:
    """A seller opens a lead."""
    columns = "msdynci_lifetimepurchases,msdynci_dayssincelastcase,msdynci_loyaltytier"
    expand = f"{ATTRIBUTES}($select={columns}),{RECENT}($select=msdynci_purchaseslast4months)"
    below = f"{LINK}($select=msdynci_email,{MEMBERS};$expand={expand})"
    query = {"$select": f"fullname,_{LINK}_value", "$expand": below}
    row = crm.get(f"leads({lead})", **query)
    [values], [recent] = row[LINK][ATTRIBUTES], row[LINK][RECENT]
    [spent] = _asked(folder, SPENT, crm.contacts_of(row[f"_{LINK}_value"]))
    assert (round(values["msdynci_lifetimepurchases"], 2), recent["msdynci_purchaseslast4months"]) == (
        round(spent["spent"], 2),
        spent["recent"],
    )
    [known] = _asked(folder, TIER, row[LINK][MEMBERS].split(";"))
    assert values["msdynci_loyaltytier"] == known["tier"]
    yield "\n## A seller opens a lead\n\nThe lead is a customer already: spend, days since the last case, tier.\n\n"
    yield _shown("GET leads(LEAD)", query, row)


def _marketer(crm: Crm, folder: Path) -> Iterator[str]:
    """A marketer branches on tier and spend."""
    sql = (
        f"SELECT TOP 3 c.fullname, m.msdynci_loyaltytier, m.msdynci_lifetimepurchases FROM contact c"
        f" JOIN {PROFILE} p ON c.{LINK} = p.{PROFILE}id JOIN msdynci_customermeasure m ON m.{PROFILE} = p.{PROFILE}id"
        " WHERE m.msdynci_loyaltytier = 'Silver' AND m.msdynci_lifetimepurchases > 200"
        " ORDER BY m.msdynci_lifetimepurchases DESC, c.contactid"
    )
    found = crm.get("contacts", sql=sql)["value"]
    assert found
    every = crm.get("contacts", sql=sql.replace("TOP 3 c.fullname", f"c.{LINK} AS customer"))["value"]
    for row in every[:5]:
        [spent] = _asked(folder, SPENT, crm.contacts_of(row["customer"]))
        assert round(row["msdynci_lifetimepurchases"], 2) == round(spent["spent"], 2)
    yield (
        "\n## A marketer branches on tier and spend\n\nOne query over contacts, through their links: who is silver and"
        f" has spent more than 200. It finds {len(every)} contacts; these have spent most.\n\n"
    )
    yield _shown("GET contacts", {"sql": sql}, found)


def _service(crm: Crm, folder: Path) -> Iterator[str]:
    """A service rep sees tier and open cases."""
    sql = (
        f"SELECT TOP 1 c.contactid FROM contact c JOIN {PROFILE} p ON c.{LINK} = p.{PROFILE}id"
        f" JOIN msdynci_customermeasure m ON m.{PROFILE} = p.{PROFILE}id"
        " WHERE m.msdynci_opencases >= 1 AND m.msdynci_loyaltytier IS NOT NULL ORDER BY c.contactid"
    )
    [contact] = crm.get("contacts", sql=sql)["value"]
    expand = f"{ATTRIBUTES}($select=msdynci_loyaltytier,msdynci_opencases)"
    below = f"{LINK}($select=msdynci_phone,{MEMBERS};$expand={expand})"
    query = {"$select": f"fullname,_{LINK}_value", "$expand": below}
    row = crm.get(f"contacts({contact['contactid']})", **query)
    [cases] = _asked(folder, CASES, crm.contacts_of(row[f"_{LINK}_value"]))
    [known] = _asked(folder, TIER, row[LINK][MEMBERS].split(";"))
    [values] = row[LINK][ATTRIBUTES]
    assert (values["msdynci_opencases"], values["msdynci_loyaltytier"]) == (cases["open"], known["tier"])
    yield "\n## A service rep answers a call\n\nThe contact who calls: the tier, and how many cases are open.\n\n"
    yield _shown("GET contacts(CONTACT)", query, row)


def _asked(folder: Path, sql: str, keys: list[str]) -> list[dict[str, Any]]:
    """Ask the files alone, in SQL."""
    with duckdb.connect() as database:
        return database.execute(sql.format(folder=folder), {"keys": keys}).to_arrow_table().to_pylist()


def _shown(request: str, query: dict[str, str], answer: Any) -> str:
    """Return a request and its answer, without ids, and without what another day would change."""
    asked = "".join(f"      {name}={value}\n" for name, value in query.items())
    lines = json.dumps(_plain(answer), indent=2, ensure_ascii=False).splitlines()
    return f"    {request}\n{asked}\n" + "".join(f"    {line}\n" for line in lines)


def _plain(answer: Any) -> Any:
    if isinstance(answer, list):
        return [_plain(one) for one in answer]
    if not isinstance(answer, dict):
        return answer
    hidden = {"msdynci_dayssincelastcase", "msdynci_purchaseslast4months"}
    return {
        name: "…" if name in hidden else _plain(value)
        for name, value in answer.items()
        if "@" not in name and not name.startswith("_") and not name.endswith(("id", "_alternate"))
    }
