"""`init` and `crm`: a project of one's own, and its embedded CRM served for others."""

from __future__ import annotations

import contextlib
from pathlib import Path

from backstamp import embedded, errors, project
from backstamp.cli import display, environment, options

STARTER = """\
# A project of backstamp. `backstamp check` says what this file means, `backstamp run` does it.
version: 1

environment:
  kind: embedded              # the CRM that comes with backstamp, kept in .backstamp beside this file
  audience: individuals
  # For a Dynamics 365 organization instead (secrets come from environment variables, never from this file):
  # kind: dataverse
  # url: https://contoso.crm.dynamics.com
  # credential: {tenant_id: 00000000-…, client_id: 00000000-…, client_secret: ${DATAVERSE_SECRET}}

# What is read: tables of the CRM itself, and files beside this one. A table is called source.table from here on.
sources:
  crm: {from: environment, tables: [contact, lead]}
  # loyalty: {from: files, tables: {member: data/members.csv}}
  # shop: {from: files, tables: {purchase: {path: data/purchases/*.parquet, key: purchaseid}}}

unify:
  # The tables that hold people, the most trusted first. Columns of one semantic type become one column of the profile.
  tables:
    - table: crm.contact
      key: contactid
      types: {firstname: Person.FirstName, lastname: Person.LastName, emailaddress1: Identity.Service.Email}
      deduplicate: {keep: {most_recent: modifiedon}}

    - table: crm.lead
      key: leadid
      include_all: true       # a lead that is no known customer becomes a new one
      types: {firstname: Person.FirstName, lastname: Person.LastName, emailaddress1: Identity.Service.Email}
      deduplicate: {keep: {most_recent: modifiedon}}

  # Which leads are which contacts: conditions of a rule must all hold; the first rule that finds somebody decides.
  # Duplicates inside each table are found by the same rules, as long as it has none of its own.
  match:
    - between: [crm.lead, crm.contact]
      rules:
        - name: Email and first name
          match:
            - {columns: [emailaddress1, emailaddress1], normalize: [lowercase, whitespace]}
            - {columns: [firstname, firstname], normalize: [lowercase, whitespace, symbols], precision: low}
        - name: Phone and last name
          match:
            - {columns: [mobilephone, mobilephone], normalize: [phone]}
            - {columns: [lastname, lastname], normalize: [lowercase, whitespace, symbols], precision: high}
          max_rows_per_key: 20        # a number on more rows is nobody's own: 0000000000

  profile:
    columns:
      Phone: {from: [crm.contact.mobilephone, crm.lead.mobilephone]}

# One value for each customer, over everything that he or she did; written to the CRM with `hydrate: [attributes]`.
# relationships:
#   - {from: shop.purchase.contactid, to: crm.contact.contactid}
# measures:
#   LifetimePurchases: {kind: attribute, of: shop.purchase, value: sum(amount)}
# hydrate: [attributes]
"""


def init(folder: options.Folder = Path(), *, as_json: options.Json = False) -> None:
    """Write a commented project file to start from; a file that is there already is left alone."""
    file = folder / options.FILE
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(STARTER)
    except FileExistsError as error:
        message = "There is a project file already: choose another folder, or remove it."
        raise errors.ConfigurationError(message, errors.Location(str(file))) from error
    if as_json:
        display.write_json({"file": str(file)})
    to = display.console(quiet=as_json)
    to.print(f"Wrote {file}. It reads contacts and leads of the embedded CRM.\n\nNext:")
    option = "" if file == options.FILE else f" --project {file}"
    to.print(f"  backstamp check{option}    what the file means\n  backstamp run{option}      do it", soft_wrap=True)


def crm(
    *,
    host: options.Host = "127.0.0.1",
    port: options.Port = 8700,
    file: options.Project = options.FILE,
    as_json: options.Json = False,
) -> None:
    """Serve the project's embedded CRM until stopped; other commands of the project use it meanwhile."""
    settings = project.load(file)
    crm_settings = environment.crm_settings(settings)
    if url := environment.served_elsewhere(settings.state):
        raise errors.BusyError(f"The CRM of this project is served already, at {url}: stop that process first.")
    users = environment.tokens(settings)
    with contextlib.ExitStack() as stack:

        def ready(url: str) -> None:
            stack.enter_context(environment.announced(settings, url))
            _tell(settings, url, as_json=as_json)

        embedded.serve_forever(crm_settings, users, host=host, port=port, on_ready=ready)


def _tell(settings: project.Project, url: str, *, as_json: bool) -> None:
    administrator = environment.token_file(settings, embedded.ADMINISTRATOR)
    service = environment.token_file(settings, embedded.APPLICATION_USER)
    if as_json:
        display.write_json({"url": url, "administrator_token": str(administrator), "service_token": str(service)})
    to = display.console(quiet=as_json)
    to.print(f"The embedded CRM answers at {url}/api/data/v9.2/ until you stop it with Ctrl-C.")
    to.print(f"Bearer tokens: {administrator} (may do everything), {service} (what backstamp writes with).")
