"""What is told of a project file once the tables that it names are known."""

from __future__ import annotations

import pyarrow as pa
import pytest
from tests.project import EXAMPLE, changed, load

from backstamp import errors, project
from backstamp.unify import describe

TEXT, INTEGER, TIME, BOOLEAN = pa.string(), pa.int64(), pa.timestamp("us"), pa.bool_()
TABLES: dict[str, dict[str, pa.DataType]] = {
    "crm.contact": {
        "contactid": TEXT,
        "fullname": TEXT,
        "emailaddress1": TEXT,
        "statecode": pa.int32(),
        "modifiedon": pa.timestamp("us", "UTC"),
        "telephone1": TEXT,
        "lastname": TEXT,
        "address1_city": TEXT,
    },
    "crm.lead": {
        "leadid": TEXT,
        "mobilephone": TEXT,
        "lastname": TEXT,
        "emailaddress1": TEXT,
        "address1_city": TEXT,
        "modifiedon": TIME,
    },
    "loyalty.member": {"memberid": INTEGER, "email": TEXT},
}


def told(text: str, **types: pa.DataType | None) -> list[str]:
    """What is told of a file after the types of columns (`lead_mobilephone`) are changed; None takes one away."""
    tables = {name: dict(columns) for name, columns in TABLES.items()}
    for name, kind in types.items():
        table, _, column = name.partition("_")
        columns = next(columns for known, columns in tables.items() if known.endswith(f".{table}"))
        if kind is None:
            del columns[column]
        else:
            columns[column] = kind
    read = load(text)
    problems = describe.problems(read.unify, tables)
    try:
        project.reject(read, problems)
    except errors.ConfigurationError as error:
        return str(error).replace("backstamp.yaml:", "").splitlines()
    return []


def test_nothing_wrong() -> None:
    """Of tables that have what the file names nothing is told, nor of tables that nobody could describe."""
    read = load(EXAMPLE)
    assert told(EXAMPLE) == []
    assert describe.problems(read.unify, {}) == []


def test_no_column() -> None:
    """A column that is not there is told at every place that names it, with the nearest one and all there are."""
    has = "It has: memberid, e_mail."
    line = f"loyalty.member has no column `email`. Did you mean `e_mail`? {has}"
    assert told(EXAMPLE, member_email=None, member_e_mail=TEXT) == [f"40:44: {line}", f"43:73: {line}"]


def test_no_key() -> None:
    """The key of a table must be there, and text or a whole number."""
    assert told(EXAMPLE, lead_leadid=None)[0].startswith("26:25: crm.lead has no column `leadid`.")
    line = "26:25: `leadid` is timestamp[us]: a key is text or a whole number."
    assert told(EXAMPLE, lead_leadid=TIME) == [line]


def test_columns_called_like_ours() -> None:
    """A column with the name of one that we add would be taken for it: it is refused, unless it is the key `key`."""
    line = "43:73: `Customer` of loyalty.member has the name of a column that we add to every table:"
    text = EXAMPLE.replace("loyalty.member.email", "loyalty.member.Customer")
    assert told(text, member_Customer=TEXT) == [f"{line} rename it in the source, or leave it out."]
    assert len(told(text.replace("Customer", "key"), member_key=TEXT)) == 1
    assert told(EXAMPLE.replace("key: memberid", "key: key"), member_key=TEXT) == []


def test_many_columns() -> None:
    """Of a wide table only some columns are listed."""
    wide = {f"member_c{number}": TEXT for number in range(40)}
    (line, _) = told(EXAMPLE, member_email=None, **wide)
    assert line.endswith(", c28 and 11 more.")


def test_unusable_type() -> None:
    """A column of a type that nothing is compared with is told wherever it is named."""
    (line, _) = told(EXAMPLE, member_email=pa.list_(TEXT))
    assert line == (
        "40:44: `email` of loyalty.member is of the type list<item: string>, which unification cannot use:"
        " make it text, or leave it out."
    )


PHONES = "[mobilephone, telephone1], normalize: [phone]"


@pytest.mark.parametrize(
    ("conditions", "lead", "contact", "lines"),
    [
        (PHONES, TEXT, pa.dictionary(pa.int32(), TEXT), []),
        (PHONES, INTEGER, TEXT, []),
        ("[mobilephone, telephone1]", INTEGER, pa.float64(), []),
        ("[mobilephone, telephone1]", pa.date32(), TIME, []),
        (
            "[mobilephone, telephone1]",
            INTEGER,
            TEXT,
            ["36:16: `mobilephone` is a number and `telephone1` text: both must be of one kind."],
        ),
        (
            PHONES,
            TIME,
            TEXT,
            [
                (
                    "36:26: `mobilephone` of crm.lead is a date: only text and numbers are normalized,"
                    " leave `normalize` out."
                )
            ],
        ),
        (
            "[mobilephone, telephone1], precision: high}\n            - {columns: [emailaddress1, emailaddress1]",
            TEXT,
            INTEGER,
            [
                (
                    "36:39: `telephone1` of crm.contact is a number: only text is compared by similarity,"
                    " leave `precision` out."
                )
            ],
        ),
    ],
)
def test_conditions(conditions: str, lead: pa.DataType, contact: pa.DataType, lines: list[str]) -> None:
    """Values are compared with their own kind; a normalizer makes text of a number, and only text is similar."""
    text = changed((PHONES, conditions))
    assert told(text, lead_mobilephone=lead, contact_telephone1=contact) == lines


@pytest.mark.parametrize("word", ["alias", "bypass"])
def test_lists_of_values(word: str) -> None:
    """A list makes text of a number as a normalizer does, and is not for dates; the file is not looked at here."""
    text = changed((PHONES, f"[mobilephone, telephone1], {word}: lists/cities.csv"))
    assert told(text, lead_mobilephone=INTEGER) == []
    line = "36:26: `mobilephone` of crm.lead is a date: only text and numbers are normalized,"
    assert told(text, lead_mobilephone=TIME) == [f"{line} leave `{word}` out."]


def test_normalizers_of_text() -> None:
    """What is looked at token by token is text; other normalizers take numbers too."""
    text = changed((PHONES, "[mobilephone, telephone1], normalize: [symbols, token_order]"))
    assert told(text, contact_telephone1=INTEGER) == [
        "36:39: `telephone1` of crm.contact is a number: `token_order` is for text, leave it out of `normalize`.",
    ]


def test_condition_of_deduplicate() -> None:
    """A rule of one table is held to the same."""
    lines = told(EXAMPLE, contact_emailaddress1=BOOLEAN)
    assert lines[0] == (
        "24:22: `emailaddress1` of crm.contact is true or false: only text and numbers are normalized,"
        " leave `normalize` out."
    )


@pytest.mark.parametrize(
    ("value", "kind", "is_told"),
    [
        ("0", INTEGER, False),
        ("0", pa.decimal128(9, 2), False),
        ("'0'", INTEGER, True),
        ("0", TEXT, True),
        ("Active", TEXT, False),
        ("[Active, New]", TEXT, False),
        ("['0', '1']", INTEGER, True),
        ("true", BOOLEAN, False),
        ("1", BOOLEAN, True),
        ("2024-01-01", TIME, True),
    ],
)
def test_where(value: str, kind: pa.DataType, is_told: bool) -> None:  # noqa: FBT001 - an expectation
    """A row filter has a value of its column's kind."""
    lines = told(changed(("statecode: 0", f"statecode: {value}")), contact_statecode=kind)
    assert [line.partition("`")[0] for line in lines] == ["20:15: "] * is_told


def test_times() -> None:
    """What says which value is the most recent is a date or a number, the same for all tables."""
    assert told(EXAMPLE, contact_modifiedon=TEXT) == [
        "25:16: `modifiedon` of crm.contact is text: most or least recent needs a date or a number.",
        "46:32: `modifiedon` of crm.contact is text: most or least recent needs a date or a number.",
    ]
    (line,) = told(EXAMPLE, lead_modifiedon=INTEGER)
    assert line.startswith("46:57: `modifiedon` of crm.lead is a number, and the column before a date: use dates")


def test_profile_of_two_kinds() -> None:
    """A profile column, named or combined by semantic type, takes values of one kind."""
    (line,) = told(EXAMPLE, lead_address1_city=INTEGER)
    assert line == (
        "45:43: `address1_city` of crm.lead is a number and cannot be the same profile column `City`"
        " as `address1_city` of crm.contact, which is text."
    )
    typed = changed(("key: leadid,", "key: leadid, types: {birth: Person.FullName},"))
    assert told(typed, lead_birth=TIME)[0].startswith("26:46: `birth` of crm.lead is a date and cannot be the same")


@pytest.mark.parametrize("table", TABLES)
def test_any_missing_column(table: str) -> None:
    """Whichever column is not there, the places that name it are told, and nothing else."""
    for column in TABLES[table]:
        lines = told(EXAMPLE, **{f"{table.partition('.')[2]}_{column}": None})
        assert lines
        assert all(f": {table} has no column `{column}`." in line for line in lines)


PROFILE = "  profile:\n    columns:"
PHONE = "crm.contact.telephone1, crm.lead.mobilephone"


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        (PROFILE, f"  profile:\n    include: [{PHONE}]\n    rename: {{crm_lead_mobilephone: Phone}}\n    columns:", []),
        (
            PROFILE,
            f"  profile:\n    include: [{PHONE}]\n    rename: {{mobilephone: Phone}}\n    columns:",
            [
                (
                    "43:14: `mobilephone` is no column that the profile takes by itself. Did you mean"
                    " `crm_lead_mobilephone`? It takes: FullName, crm_contact_telephone1, crm_lead_mobilephone."
                )
            ],
        ),
        (
            "  profile:\n    columns:\n      Email:",
            "  profile:\n    include: [crm.contact.lastname, crm.lead.lastname]\n    columns:\n      LastName:",
            ["42:15: The profile has a column `lastname` already, capitals or not: choose another name."],
        ),
        (
            PROFILE,
            "  clusters: [household]\n  profile:\n    columns:",
            [
                (
                    "41:14: A household needs a column of the profile with the semantic type `Person.LastName`, and"
                    " one with that of a street, such as `Location.Street`."
                )
            ],
        ),
        (
            PROFILE,
            "  clusters: [{name: town, rules: [{name: A, match: [{column: Cty}]}]}]\n  profile:\n    columns:",
            [
                "41:54: the profile has no column `Cty`. Did you mean `City`? It has: FullName, Email, City.",
            ],
        ),
    ],
)
def test_what_the_profile_takes(old: str, new: str, lines: list[str]) -> None:
    """Which columns the profile takes by itself depends on the tables; what it has then can be named, and only that."""
    assert told(changed((old, new))) == lines


def test_columns_of_ids() -> None:
    """CustomerIds are derived from text and whole numbers, and from nothing else."""
    text = EXAMPLE.replace(
        "  profile:\n", "  profile:\n    customer_id: [loyalty.member.memberid, crm.contact.modifiedon]\n"
    )
    line = "42:44: `modifiedon` of crm.contact is timestamp[us, tz=UTC]:"
    assert told(text) == [f"{line} a CustomerId is derived from text or a whole number."]
