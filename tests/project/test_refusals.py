"""Project files that are wrong: what is told, and where."""

from __future__ import annotations

import string
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.project import EXAMPLE, changed, load, refusal

from backstamp import errors, project

if TYPE_CHECKING:
    from collections.abc import Iterator

CREDENTIAL = "{tenant_id: 8f0e, client_id: 5c1d, client_secret: ${BACKSTAMP_TEST_SECRET}}"
SOURCES = "crm.contact, crm.lead, loyalty.member, shop.purchase"
UNIFIED = "crm.contact, crm.lead, loyalty.member"
Changes = tuple[tuple[str, str], ...]


def told(*changes: tuple[str, str]) -> list[str]:
    """What is told of the example after these changes, without the name of the file."""
    return [line.removeprefix("backstamp.yaml:") for line in refusal(changed(*changes))]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "  profile:",
            "  profil:",
            (
                "41:3: There is no setting `profil` here. Did you mean `profile`?"
                " Possible are: clusters, largest_customer, match, overrides, profile, tables."
            ),
        ),
        (
            CREDENTIAL,
            "{kind: token, token: ${BACKSTAMP_TEST_SECRET}}",
            (
                "5:16: There is no setting `kind` here. Possible are: authority, certificate, client_id, client_secret,"
                " password, sign_in, tenant_id, token."
            ),
        ),
        (
            "kind: dataverse",
            "knd: dataverse",
            (
                "3:3: There is no setting `knd` here. Did you mean `kind`? Possible are: audience, bypass_custom_logic,"
                " credential, database, delta_days, expire_on_metadata_change, kind, url."
            ),
        ),
        (
            "{most_recent: modifiedon}",
            "{most_rcent: modifiedon}",
            (
                "25:16: There is no setting `most_rcent` here. Did you mean `most_recent`?"
                " Possible are: least_recent, most_recent."
            ),
        ),
        (
            CREDENTIAL,
            "{tokn: ${BACKSTAMP_TEST_SECRET}}",
            (
                "5:16: There is no setting `tokn` here. Did you mean `token`?"
                " Possible are: authority, certificate, client_id, client_secret, password, sign_in, tenant_id, token."
            ),
        ),
        (
            "engine:",
            "schedul: {every: 15 minutes}\nengine:",
            (
                "54:1: There is no setting `schedul` here. Did you mean `schedule`? Possible are: activities, console,"
                " engine, environment, hydrate, insights, ledger, link, measures, notify, output, relationships,"
                " schedule, sources, time_zone, unify, version."
            ),
        ),
    ],
)
def test_unknown_keys(old: str, new: str, line: str) -> None:
    """A key that means nothing is told with what was probably meant, and what there is."""
    assert told((old, new)) == [line]


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("version: 1\n", "", ["1:1: The file lacks `version`: add it."]),
        ("version: 1", "version: 2", ["1:1: `version` should be 1."]),
        ("  kind: dataverse\n", "", ["2:1: `environment` lacks `kind`: add it."]),
        ("    tables: [contact, lead]\n", "", ["7:3: `crm` lacks `tables`: add it."]),
        ("[contact, lead]", "[]", ["9:5: `tables` should be 1 item or more, not none."]),
        ("[contact, lead]", "contact", ["9:5: `tables` should be a list."]),
        ("[contact, lead]", "", ["9:5: `tables` has no value: give it one, or leave it out."]),
        (
            "[contact, lead]",
            "[contact, {lead: {}}]",
            ["9:24: `lead` has neither `select` nor `as`: add one, or write its name alone."],
        ),
        (
            "from: environment",
            "from: database",
            ["8:5: `from` should be 'environment' or 'files' or '{dataverse: …}'."],
        ),
        ("key: purchaseid", "key: 5", ["14:50: `key` should be text."]),
        ("include_all: true", "include_all: maybe", ["26:38: `include_all` should be true or false."]),
        ("deduplicate: off", "deduplicate: of", ["30:7: `deduplicate` should be a mapping (`key: value`) or 'off'."]),
        ("{statecode: 0}", "{a: 1.5}", ["20:15: `a` should be text or a whole number or true or false or a list."]),
        (
            "{statecode: 0}",
            "{statecode: [0, 1]}",
            ["20:27: Item 1 of `statecode` should be text.", "20:30: Item 2 of `statecode` should be text."],
        ),
        (
            "precision: high",
            "precision: 80%",
            ["37:71: `precision` should be 'exact', 'low', 'medium' or 'high' or a whole number."],
        ),
        (
            "normalize: [phone]",
            "normalize: [fone]",
            [
                (
                    "36:64: Item 1 of `normalize` should be 'numerals', 'unicode_to_ascii', 'lowercase', 'phone',"
                    " 'name', 'address', 'organization', 'token_order', 'symbols' or 'whitespace'."
                )
            ],
        ),
        ("[mobilephone, telephone1]", "[a, b, c]", ["36:16: `columns` should be 2 items, not more."]),
        ("[crm.lead, crm.contact]", "[crm.lead]", ["32:7: `between` lacks an item: add it."]),
        (
            "- {table: crm.lead, key: leadid, include_all: true}",
            "- {}",
            ["26:7: Item 2 of `tables` lacks `table`: add it.", "26:7: Item 2 of `tables` lacks `key`: add it."],
        ),
        (CREDENTIAL, "nobody", ["5:3: `credential` should be a mapping (`key: value`)."]),
    ],
)
def test_wrong_values(old: str, new: str, lines: list[str]) -> None:
    """A value that is not there or of the wrong kind is told with what should be there."""
    assert told((old, new)) == lines


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("kind: dataverse", "kind: sql", "3:3: `kind` should be 'embedded' or 'dataverse'. `sql`"),
    ],
)
def test_later(old: str, new: str, line: str) -> None:
    """What is promised and not there yet is told as such."""
    assert told((old, new)) == [f"{line} comes in a later version."]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "display_name: Profile}",
            "display_name: Profile",
            "54:7: This is no YAML (while parsing a flow mapping expected ',' or '}', but got ':')",
        ),
        ("  kind: dataverse", "\tkind: dataverse", "3:1: This is no YAML (while scanning for the next token found"),
        ("display_name: Profile", "display_name: \x07", "53:22: A character here is not allowed in YAML: remove it."),
        ("version: 1", "--- 1\n--- 2", "2:1: This is no YAML (expected a single document in the stream but found"),
    ],
)
def test_not_yaml(old: str, new: str, line: str) -> None:
    """What cannot be read as YAML is told where reading ended."""
    (found,) = told((old, new))
    assert found.startswith(line)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "1:1: This project file is empty: it needs version, environment, sources and unify."),
        ("- version", "1:1: The file should be a mapping (`key: value`)."),
    ],
)
def test_no_mapping(text: str, line: str) -> None:
    """A file that holds no settings is told so."""
    assert refusal(text) == [f"backstamp.yaml:{line}"]


def test_no_file() -> None:
    """A file that is not there, or that is no text, is told by its name, with what to do."""
    with pytest.raises(errors.ConfigurationError, match=r"^nowhere\.yaml: .*name one with --project\.$"):
        project.load(Path("nowhere.yaml"))
    Path("latin.yaml").write_bytes("version: é".encode("latin-1"))
    with pytest.raises(errors.ConfigurationError, match=r"^latin\.yaml: This file is not in UTF-8: save it so\.$"):
        project.load(Path("latin.yaml"))


@pytest.mark.parametrize(
    ("new", "lines"),
    [
        ("link: {}\nlink: {display_name: Profile}", ["54:1: `link` stands here twice: keep one of the two."]),
        ("link: {[a]: b}", ["53:1: A key here is no text: write `key: value`."]),
        (
            "link: {display_name: !secret x}",
            ["53:8: The tag `!secret` does not fit here: remove it."],
        ),
        (
            "link: &all {display_name: *all}",
            ["53:13: This alias stands for something that it is in itself: write it out."],
        ),
    ],
)
def test_yaml_that_means_nothing(new: str, lines: list[str]) -> None:
    """YAML that can be read but means nothing here is told where it stands."""
    assert told(("link: {display_name: Profile}", new)) == lines


def test_variable_not_set() -> None:
    """A variable that is not set is told by its name, where it is used, besides what else is wrong."""
    assert told(("BACKSTAMP_TEST_SECRET", "BACKSTAMP_TEST_OTHER"), ("version: 1", "version: 2")) == [
        "1:1: `version` should be 1.",
        "5:50: The environment variable `BACKSTAMP_TEST_OTHER` is not set: set it before you start backstamp.",
    ]


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("client_secret: ${BACKSTAMP_TEST_SECRET}", "client_secret: hunter2", "5:50: "),
        ("client_secret: ${BACKSTAMP_TEST_SECRET}", "client_secret: hunter2${BACKSTAMP_TEST_SECRET}", "5:50: "),
        (CREDENTIAL, "{token: hunter2}", "5:16: "),
        ("engine:", "notify: {webhook: {url: 'https://x', token: hunter2}}\nengine:", "54:38: "),
        ("engine:", "notify: {mail: {host: h, from: a, to: [b], password: hunter2}}\nengine:", "54:44: "),
    ],
)
def test_literal_secret(old: str, new: str, place: str) -> None:
    """A secret that stands in the file is refused, and not repeated."""
    (found,) = told((old, new))
    assert found.startswith(f"{place}A secret stands in the file: write `")
    assert "hunter2" not in found


ORGANIZATION = f"kind: dataverse\n  url: https://contoso.crm.dynamics.com\n  credential: {CREDENTIAL}"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://crm:hunter2@localhost/crm",
        "postgresql://crm:hunter2${BACKSTAMP_TEST_SECRET}@localhost/crm",
        "postgresql://localhost/crm?user=crm&password=hunter2",
    ],
)
def test_literal_password(url: str) -> None:
    """A password that stands in the URL of a database is refused, and not repeated."""
    (found,) = told((ORGANIZATION, f"kind: embedded\n  database: {url}"))
    assert found.startswith("4:3: A password stands in the file: write `")
    assert "hunter2" not in found


def test_ledger() -> None:
    """The ledger's URL is that of PostgreSQL, and no password stands in it."""
    assert told(("engine:", "ledger: {url: postgresql://backstamp:hunter2@localhost/ledger}\nengine:"))[0].startswith(
        "54:10: A password stands in the file: write `"
    )
    (found,) = told(("engine:", "ledger: {url: mysql://localhost/ledger}\nengine:"))
    assert found.startswith("54:10: `url` should be that of a PostgreSQL database")


def test_webhook() -> None:
    """A webhook that others could listen to is refused, without telling its address."""
    (found,) = told(("engine:", "notify: {webhook: {url: 'http://example.com/hunter2'}}\nengine:"))
    assert found.startswith("54:20: `url` should begin with https://")
    assert "hunter2" not in found


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("{}", "54:1: `schedule` says no time: give it `every`, `daily`, `weekly` or `on_change`, or leave it out."),
        ("{every: 0 days}", "54:12: `every` should be a length of time like `15 minutes` or `2 hours`."),
        ("{on_change: true, look_every: often}", "54:29: `look_every` should be a length of time like `15 minutes` or"),
        ('{daily: ["24:00"]}', "54:20: A time should be like `06:30`, from `00:00` to `23:59`."),
        ('{weekly: {friday: ["8:00"]}}', "54:30: A time should be like `06:30`, from `00:00` to `23:59`."),
        ("{every: 1 hour, time_zone: Berlin}", "54:27: `Berlin` is no time zone. Write one as `UTC` or"),
    ],
)
def test_schedule(said: str, line: str) -> None:
    """A schedule that says no time, or a wrong one, is refused with its place."""
    (found,) = told(("engine:", f"schedule: {said}\nengine:"))
    assert found.startswith(line)


@pytest.mark.parametrize(
    "url",
    [
        "${BACKSTAMP_TEST_SECRET}",
        "postgresql://crm:${BACKSTAMP_TEST_SECRET}@localhost/crm",
        "postgresql://localhost:5432/crm?user=crm",
    ],
)
def test_password_of_the_environment(url: str) -> None:
    """A password that comes from the environment is accepted, and masked where the project is shown."""
    read = load(changed((ORGANIZATION, f"kind: embedded\n  database: {url}")))
    assert isinstance(read.environment, project.Embedded)
    assert read.environment.database is not None
    assert "crm" not in project.show(read).split("database: ")[1].splitlines()[0]


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        (
            "table: crm.contact",
            "table: crm.contct",
            [f"17:7: `crm.contct` names no table of a source. Did you mean `crm.contact`? There are: {SOURCES}."],
        ),
        (
            "[crm.lead, crm.contact]",
            "[crm.leed, crm.contact]",
            [f"32:17: `crm.leed` is none of the tables of `unify`. Did you mean `crm.lead`? There are: {UNIFIED}."],
        ),
        (
            "crm.lead.emailaddress1, loyalty.member.email]",
            "crm.leed.emailaddress1, email]",
            [
                f"43:49: `crm.leed` is none of the tables of `unify`. Did you mean `crm.lead`? There are: {UNIFIED}.",
                f"43:73: `email` is none of the tables of `unify`. There are: {UNIFIED}.",
            ],
        ),
        (
            "{crm.contact: modifiedon,",
            "{crm.contacts: modifiedon,",
            [
                (
                    f"46:32: `crm.contacts` is none of the tables of `unify`. Did you mean `crm.contact`?"
                    f" There are: {UNIFIED}."
                )
            ],
        ),
        (
            "from: shop.purchase.contactid",
            "from: shop.purchases.contactid",
            [
                (
                    "48:6: `shop.purchases.contactid` names no table of a source. Did you mean `shop.purchase`?"
                    f" There are: {SOURCES}."
                ),
            ],
        ),
        (
            "of: shop.purchase, value: sum",
            "of: shopping, value: sum",
            [f"50:40: `shopping` names no table of a source. There are: {SOURCES}."],
        ),
    ],
)
def test_unknown_tables(old: str, new: str, lines: list[str]) -> None:
    """A table that is not there is told with the nearest that is."""
    assert told((old, new)) == lines


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("crm.lead, key: leadid", "crm.contact, key: leadid", "26:8: `crm.contact` is in the list of tables twice"),
        (
            "[contact, lead]",
            "[contact, lead, contact]",
            "9:29: crm.contact and crm.contact are two tables of one name (as `crm_contact`): remove or rename one.",
        ),
        ("{member: data", "{mem-ber: data", "10:35: `mem-ber` is no name for a source or a table"),
        ("[crm.lead, crm.contact]", "[crm.contact, crm.lead]", "32:7: crm.contact stands above crm.lead in the list"),
        ("[crm.lead, crm.contact]", "[crm.lead, crm.lead]", "32:7: crm.lead stands here twice"),
        (
            "[crm.lead, crm.contact]",
            "[loyalty.member, crm.contact]",
            "38:7: loyalty.member and crm.contact have rules already",
        ),
    ],
)
def test_names_and_order(old: str, new: str, line: str) -> None:
    """Names are given once and can be kept, and `between` names the lower table first."""
    assert told((old, new))[0].startswith(line)


RULE = "{name: Email, match: [{columns: [email, emailaddress1]}], max_rows_per_key: 50}"
DEDUPLICATE = "A condition within one table has one `column`, for both rows: write `column: name`."
REGION = "write the two letters of a country (ISO 3166), like `US`, `GB` or `DE`."
MATCH = "A condition of `match` has two columns: write `columns: [one of crm.lead, one of crm.contact]`."


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            f"- {RULE}",
            f"- {RULE}\n        - {RULE}",
            "41:12: A rule before this one is called `Email` too: give each a name of its own.",
        ),
        ("column: emailaddress1", "columns: [emailaddress1, b]", f"24:22: {DEDUPLICATE}"),
        ("column: emailaddress1, ", "", f"24:21: {DEDUPLICATE}"),
        ("columns: [mobilephone, telephone1]", "column: mobilephone", f"36:16: {MATCH}"),
        ("{columns: [mobilephone", "{column: x, columns: [mobilephone", f"36:16: {MATCH}"),
        ("precision: high", "precision: 101", "37:71: A precision in per cent is a whole number from 1 to 100."),
        (
            "columns: [email, emailaddress1]",
            "columns: [email, emailaddress1], precision: 59",
            "40:67: The rule `Email` has no exact condition, so each of its own should ask for 60 % (`medium`)",
        ),
        (
            "match: [{columns: [email, emailaddress1]}]",
            "match: []",
            "40:25: The rule `Email` has no condition: it would match everything.",
        ),
        ("normalize: [phone]}", "normalize: [phone], default_region: USA}", f"36:72: `USA` is no region: {REGION}"),
        ("include_all: true}", "include_all: true, default_region: uk}", f"26:57: `uk` is no region: {REGION}"),
        (
            "normalize: [lowercase]",
            "normalize: [lowercase], default_region: US",
            (
                "37:71: A region is for telephone numbers, and this condition does not normalize any:"
                " leave it out, or write `normalize: [phone]`."
            ),
        ),
        (
            "emailaddress1]}], max",
            "emailaddress1], differs: true}], max",
            "40:67: Rows match where values are the same: put what must not differ under `unless` of `Email`.",
        ),
        ("max_rows_per_key: 50", "unless: [[]]", "40:78: This exception of `Email` has no condition"),
        (
            "max_rows_per_key: 50",
            "unless: [[{column: email, differs: true}]]",
            "40:80: A condition of `match` has two columns",
        ),
        ("{name: Email, match", "{name: always, match", "40:12: `always` is what evidence says of an always pair"),
        ("max_rows_per_key: 50", "max_rows_per_key: 0", "40:69: `max_rows_per_key` should be 1 or more."),
        ("keep: {most_recent: modifiedon}", "keep: {}", "25:9: `keep` should have one of `most_recent` and"),
    ],
)
def test_rules(old: str, new: str, line: str) -> None:
    """A rule that could not be followed is told at the word that is wrong, with what to write."""
    (found,) = told((old, new))
    assert found.startswith(line)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("      Email: {", "      E-mail: {", "43:7: `E-mail` is no name of a profile column: use letters, digits"),
        ("      City:", "      EMAIL:", "44:7: The profile has a column `email` already, capitals or not: choose"),
        ("      City:", "      Customer_Id:", "44:7: The profile has a column `customer_id` already"),
        ("from: [crm.contact.address1_city, crm.lead.address1_city]", "from: []", "45:9: `City` comes from no column"),
        (
            "[crm.contact.address1_city, crm.lead.address1_city]",
            "[crm.contact.address1_city, crm.contact.address2_city]",
            "45:43: A second column of crm.contact is named here: name one column of each table.",
        ),
        ("most_recent: {crm.contact", "least_recent: {}, most_recent: {crm.contact", "46:9: `prefer` should have one"),
        (
            "emailaddress1: Identity.Service.Email",
            "emailaddress1: Person.FullName",
            "19:42: A second column of crm.contact has the semantic type `FullName`",
        ),
        (
            "Person.FullName",
            "Full Name",
            "19:15: `Full Name` is no semantic type that is known. Did you mean `Person.FullName`?",
        ),
        (
            "Person.FullName",
            "Loyalty.Tier",
            "19:15: `Loyalty.Tier` is no semantic type that is known. One of your own would be `Custom.Tier`.",
        ),
        ("{statecode: 0}", "{statecode: []}", "20:15: No row of crm.contact passes a filter without values:"),
    ],
)
def test_profile(old: str, new: str, line: str) -> None:
    """A profile column has a name that can be kept, and one source a table."""
    (found,) = told((old, new))
    assert found.startswith(line)


PREFERS = "keep: {most_recent: modifiedon}"
COLUMNS = "  profile:\n    columns:"
GROUP = "{Street: [crm.contact.street, crm.lead.street], Place: [crm.lead.place, crm.contact.place]}"


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (PREFERS, "columns: {contactid: most_filled}", "25:19: `contactid` is the key: that of the winner stands"),
        (PREFERS, "columns: {city: {}}", "25:19: `city` should have one of `most_recent` and `least_recent`."),
        (
            COLUMNS,
            f"  profile:\n    groups: {{Address: {GROUP}}}\n    columns:",
            "42:71: `Place` names the tables in another order than the columns of `Address` before it: all of them",
        ),
        (
            COLUMNS,
            f"  profile:\n    groups: {{A: {{{', '.join(f'c{n}: [crm.lead.a]' for n in range(11))}}}}}\n    columns:",
            "42:14: A group has 1 to 10 columns, and `A` 11: name others by themselves.",
        ),
        (COLUMNS, "  profile:\n    groups: {A: {B: []}}\n    columns:", "42:18: `B` comes from no column: name one."),
        (
            COLUMNS,
            "  profile:\n    groups: {A: {City: [crm.lead.town]}}\n    columns:",
            "42:18: The profile has a column `city` already, capitals or not: choose another name.",
        ),
        (
            COLUMNS,
            "  profile:\n    prefer: {Adress: {most_recent: {crm.lead: modifiedon}}}\n    columns:",
            "42:14: `Adress` is no group of the profile: the preference of a single column stands with it.",
        ),
        (
            COLUMNS,
            "  profile:\n    include: [crm.contact.emailaddress1]\n    columns:",
            "42:15: `crm.contact.emailaddress1` is put into a column of the profile already: say one thing of it.",
        ),
        (
            COLUMNS,
            "  profile:\n    customer_id: [crm.leed.phone]\n    columns:",
            f"42:19: `crm.leed` is none of the tables of `unify`. Did you mean `crm.lead`? There are: {UNIFIED}.",
        ),
        (
            COLUMNS,
            "  profile:\n    customer_id: [crm.lead.phone, crm.lead.phone]\n    columns:",
            "42:35: `crm.lead.phone` is in the list twice: keep one of the two.",
        ),
        (
            COLUMNS,
            f"  profile:\n    customer_id: [{', '.join(f'crm.lead.c{number}' for number in range(6))}]\n    columns:",
            "42:84: A CustomerId is derived from up to 5 columns: leave this out.",
        ),
        (
            COLUMNS,
            "  profile:\n    exclude: [crm.lead.phone]\n    columns:",
            "42:15: `crm.lead.phone` has no semantic type, so the profile does not take it: leave it out.",
        ),
        (
            COLUMNS,
            "  profile:\n    separate: [crm.leed.phone]\n    columns:",
            f"42:16: `crm.leed` is none of the tables of `unify`. Did you mean `crm.lead`? There are: {UNIFIED}.",
        ),
        (
            COLUMNS,
            "  profile:\n    rename: {FullName: full name}\n    columns:",
            "42:14: `full name` is no name of a profile column: use letters, digits and _, and begin with a letter.",
        ),
        (
            COLUMNS,
            "  clusters: [{name: home, rules: []}]\n  profile:\n    columns:",
            "41:27: `home` has no rule: name one.",
        ),
        (
            COLUMNS,
            "  clusters: [{name: home, rules: [{name: A, match: [{columns: [a, b]}]}]}]\n  profile:\n    columns:",
            f"41:54: {DEDUPLICATE}",
        ),
    ],
)
def test_what_the_profile_takes(old: str, new: str, line: str) -> None:
    """What cannot be taken into the profile as it is said is told at the word that is wrong."""
    (found,) = told((old, new))
    assert found.startswith(line)


def test_a_column_of_a_group_has_no_preference_of_its_own() -> None:
    """A group takes all its values from one row, so none of its columns may be chosen from another one."""
    groups = "  profile:\n    groups: {Address: {Street: [crm.contact.street]}}\n    columns:"
    (found,) = told((PREFERS, "columns: {street: most_filled}"), (COLUMNS, groups))
    assert found.startswith("25:19: `crm.contact.street` is in a group of the profile, which takes all its values from")


URL = "`url` should be like https://contoso.crm.dynamics.com: without https anybody on the way could read the token."


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("https://contoso", "http://contoso", f"4:3: {URL}"),
        ("https://contoso", "https://[contoso", f"4:3: {URL}"),
        (
            "{member: data/members.csv}",
            "{member: {path: data/members.csv, key: id}}",
            "10:68: `unify` names another key, `memberid`: leave this one out, or correct one.",
        ),
        ("threads: 2", "threads: 0", "54:10: `threads` should be 1 or more, or left out for all cores."),
        ("memory: 8GB", "memory: much", "54:22: `memory` should be a size like `8GB`."),
        ("{threads: 2, memory: 8GB}", "{kind: flink}", "54:10: `kind` should be 'duckdb' or 'spark'."),
        (
            "threads: 2, memory",
            "kind: spark, memory",
            "54:23: `memory` should be a size as Spark writes it, like `8g`.",
        ),
    ],
)
def test_sections_that_cannot_work(old: str, new: str, line: str) -> None:
    """A setting that could only fail later is told now."""
    assert told((old, new)) == [line]


def test_everything_at_once() -> None:
    """All that is wrong is told at once, in the order of the file."""
    found = told(("threads: 2", "threads: 0"), ("precision: high", "precision: 0"), ("of: shop.pur", "of: shop.per"))
    assert [line.partition(":")[0] for line in found] == ["37", "50", "54"]


def keys(node: yaml.Node, path: tuple[str | int, ...] = ()) -> Iterator[yaml.ScalarNode]:
    """Yield the keys of a file that are names of settings, not chosen by its author."""
    by_author = path[-1:] in {("sources",), ("types",), ("where",), ("columns",), ("measures",), ("most_recent",)}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if not by_author and (path[:1] != ("sources",) or len(path) != 3):
                yield key
            yield from keys(value, (*path, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from keys(item, (*path, index))


ROOT = yaml.compose(EXAMPLE.replace("${BACKSTAMP_TEST_SECRET}", "$_BACKSTAMP_TEST_SECRET_"))
assert ROOT
KEYS = list(keys(ROOT))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.sampled_from(KEYS), letter=st.sampled_from(string.ascii_lowercase), data=st.data())
def test_any_misspelt_key(key: yaml.ScalarNode, letter: str, data: st.DataObject) -> None:
    """Whichever setting has a letter too many, it is told where it stands, and what was meant."""
    start = key.start_mark
    place = data.draw(st.integers(0, len(key.value)))
    wrong = key.value[:place] + letter + key.value[place:]
    assume(wrong != "columns")  # which is a setting where `column` is one
    text = EXAMPLE[: start.index] + wrong + EXAMPLE[start.index + len(key.value) :]
    found = f"backstamp.yaml:{start.line + 1}:{start.column + 1}: There is no setting `{wrong}` here. Did you mean"
    assert [line for line in refusal(text) if line.startswith(f"{found} `{key.value}`?")]
