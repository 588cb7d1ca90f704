"""`init` and `crm`: a project of one's own, and its embedded CRM served for others."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from backstamp import embedded, errors, pipeline, project
from backstamp.cli import applications as accounts
from backstamp.cli import display, environment, options
from backstamp.embedded import applications

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backstamp.embedded.authority import Tls

_NO_TEXT = {"true", "false", "yes", "no", "on", "off", "y", "n", "null"}
"""What YAML takes for something else than text."""

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
$SOURCES  # loyalty: {from: files, tables: {member: data/members.csv}}
  # shop: {from: files, tables: {purchase: {path: data/purchases/*.parquet, key: purchaseid}}}

unify:
  # The tables that hold people, the most trusted first. Columns of one semantic type become one column of the profile.
  tables:
    - table: crm.contact
      key: contactid
      types:
        firstname: Person.FirstName
        lastname: Person.LastName
        emailaddress1: Identity.Service.Email
        mobilephone: Identity.Service.Phone
      deduplicate: {keep: {most_recent: modifiedon}}

    - table: crm.lead
      key: leadid
      include_all: true       # a lead that is no known customer becomes a new one
      types:
        firstname: Person.FirstName
        lastname: Person.LastName
        emailaddress1: Identity.Service.Email
        mobilephone: Identity.Service.Phone
      deduplicate: {keep: {most_recent: modifiedon}}
$TABLES
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
      Company: {from: [crm.lead.companyname]}

# One value for each customer, over everything that he or she did.
# relationships:
#   - {from: shop.purchase.contactid, to: crm.contact.contactid}
# measures:
#   LifetimePurchases: {kind: attribute, of: shop.purchase, value: sum(amount)}

# What is written to the CRM besides profiles, links and tables of measures by customer alone: `attributes`, values;
# `activities`, the newest of each customer; `business`, measures over all customers; `insights`, scores from elsewhere.
# hydrate: [attributes, activities, business, insights]
"""


def init(folder: options.Folder = Path(), *, as_json: options.Json = False) -> None:
    """Write a commented project file to start from; a file that is there already is left alone.

    CSV and Parquet files in the folder, or in its folder `data`, become tables of the project: with a key, and with
    the semantic types that names and values of their columns suggest.
    """
    file = folder / options.FILE
    found = pipeline.discover(folder)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(_starter(found))
    except FileExistsError as error:
        message = "There is a project file already: choose another folder, or remove it."
        raise errors.ConfigurationError(message, errors.Location(str(file))) from error
    if as_json:
        display.write_json({"file": str(file), "tables": found})
    to = display.console(quiet=as_json)
    files = "".join(f", and {table.path}" for table in found)
    to.print(f"Wrote {file}. It reads contacts and leads of the embedded CRM{files}.\n\nNext:", soft_wrap=True)
    option = "" if file == options.FILE else f" --project {file}"
    to.print(f"  backstamp check{option}    what the file means\n  backstamp run{option}      do it", soft_wrap=True)


def _starter(found: Sequence[pipeline.FoundTable]) -> str:
    """Return a project file that reads the embedded CRM and the tables found in files."""
    if not found:
        return STARTER.replace("$SOURCES", "").replace("$TABLES", "")
    sources = ["  files:", "    from: files", "    tables:"]
    tables: list[str] = []
    for table in found:
        hint = "" if table.key else "   # no column is called and filled like a key"
        sources.append(f"      {table.name}: {_quoted(table.path)}{hint}")
        if table.key:
            tables += ["", f"    - table: files.{table.name}", f"      key: {_quoted(table.key)}"]
            tables += ["      include_all: true       # no rule under `match` finds its customers above yet"]
            tables += ["      types:      # suggested by names and values: look at them"] if table.types else []
            tables += [f"        {_quoted(one.column)}: {one.type}" for one in table.types]
    return STARTER.replace("$SOURCES", "\n".join([*sources, ""])).replace("$TABLES", "\n".join([*tables, ""]))


def _quoted(text: str) -> str:
    """Return a text as it stands in YAML."""
    is_plain = re.fullmatch(r"[A-Za-z_][\w./-]*", text, re.ASCII) and text.lower() not in _NO_TEXT
    return text if is_plain else json.dumps(text, ensure_ascii=False)


def crm(
    context: options.Context,
    *,
    host: options.Host = "127.0.0.1",
    port: options.Port = 8700,
    tls: options.Tls = False,
    limits: options.Limits = False,
    file: options.Project = options.FILE,
    as_json: options.Json = False,
) -> None:
    """Serve the project's embedded CRM until stopped; other commands of the project use it meanwhile.

    The commands below say who may sign in to it.
    """
    if context.invoked_subcommand:
        return
    settings = project.load(file)
    crm_settings = environment.crm_settings(settings)
    if url := environment.served_elsewhere(settings.state):
        raise errors.BusyError(f"The CRM of this project is served already, at {url}: stop that process first.")
    if limits:
        crm_settings = crm_settings.model_copy(update={"limits": embedded.Limits()})
    users = environment.tokens(settings)
    certificates = embedded.authority.prepare(environment.tls_folder(settings)) if tls else None
    with applications.administering(crm_settings) as session:
        credential = applications.first_credential(session, embedded.APPLICATION_USER)
    with contextlib.ExitStack() as stack:

        def ready(url: str) -> None:
            stack.enter_context(environment.announced(settings, url))
            _tell(settings, url, certificates, credential, as_json=as_json)

        embedded.serve_forever(crm_settings, users, host=host, port=port, on_ready=ready, tls=certificates)


def _tell(
    settings: project.Project,
    url: str,
    certificates: Tls | None,
    credential: applications.Credential | None,
    *,
    as_json: bool,
) -> None:
    administrator = environment.token_file(settings, embedded.ADMINISTRATOR)
    service = environment.token_file(settings, embedded.APPLICATION_USER)
    if as_json:
        facts: dict[str, object] = {"url": url, "administrator_token": administrator, "service_token": service}
        facts |= {"authority": certificates.authority if certificates else None}
        facts |= {"tenant_id": embedded.TENANT, "credential": asdict(credential) if credential else None}
        display.write_json(facts)
    to = display.console(quiet=as_json)
    to.print(f"The embedded CRM answers at {url}/api/data/v9.2/ until you stop it with Ctrl-C.")
    to.print(f"Bearer tokens: {administrator} (may do everything), {service} (what backstamp writes with).")
    to.print(f"Applications ask {url}/{embedded.TENANT}/oauth2/v2.0/token for theirs.", soft_wrap=True)
    if credential:
        accounts.tell(to, credential)
    if certificates:
        to.print("Its certificate is signed by an authority of its own. Clients in Python trust it by one of these:")
        for variable in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
            to.print(f"  export {variable}={certificates.authority}", soft_wrap=True)
