"""The project file: one that says everything there is to say, and what is said of files that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from backstamp import errors, project

EXAMPLE = """\
version: 1
environment:
  kind: dataverse
  url: https://contoso.crm.dynamics.com
  credential: {tenant_id: 8f0e, client_id: 5c1d, client_secret: ${BACKSTAMP_TEST_SECRET}}
sources:
  crm:
    from: environment
    tables: [contact, lead]
  loyalty: {from: files, tables: {member: data/members.csv}}
  shop:
    from: files
    tables:
      purchase: {path: data/purchases/*.parquet, key: purchaseid}
unify:
  tables:  # in match order; the first is primary
    - table: crm.contact
      key: contactid
      types: {fullname: Person.FullName, emailaddress1: Identity.Service.Email}
      where: {statecode: 0}
      deduplicate:
        rules:
          - name: Email
            match: [{column: emailaddress1, normalize: [lowercase, whitespace]}]
        keep: {most_recent: modifiedon}
    - {table: crm.lead, key: leadid, include_all: true}
    - table: loyalty.member
      key: memberid
      include_all: true
      deduplicate: off
  match:
    - between: [crm.lead, crm.contact]
      rules:
        - name: Phone and name
          match:
            - {columns: [mobilephone, telephone1], normalize: [phone]}
            - {columns: [lastname, lastname], normalize: [lowercase], precision: high}
    - between: [loyalty.member, crm.contact]
      rules:
        - {name: Email, match: [{columns: [email, emailaddress1]}], max_rows_per_key: 50}
  profile:
    columns:
      Email: {from: [crm.contact.emailaddress1, crm.lead.emailaddress1, loyalty.member.email]}
      City:
        from: [crm.contact.address1_city, crm.lead.address1_city]
        prefer: {most_recent: {crm.contact: modifiedon, crm.lead: modifiedon}}
relationships:
  - {from: shop.purchase.contactid, to: crm.contact.contactid}
measures:
  LifetimePurchases: {kind: attribute, of: shop.purchase, value: sum(amount)}
  OpenPurchases: {kind: attribute, of: shop.purchase, value: count(*), where: "status = 'open'"}
hydrate: [attributes]
link: {display_name: Profile}
engine: {threads: 2, memory: 8GB}
"""


def load(text: str) -> project.Project:
    """Write a project file and load it."""
    file = Path("backstamp.yaml")
    file.write_text(text, encoding="utf-8")
    return project.load(file)


def refusal(text: str) -> list[str]:
    """Load a project file that is refused; return what is told of it, a line each."""
    with pytest.raises(errors.ConfigurationError) as caught:
        load(text)
    return str(caught.value).splitlines()


def changed(*changes: tuple[str, str]) -> str:
    """Return the example with some of its text replaced, each at its first place."""
    text = EXAMPLE
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text
