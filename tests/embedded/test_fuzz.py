"""Whatever a client sends as a query, the answer is a page or a 4xx, soon, and says nothing of the database."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.embedded import people
from tests.embedded.conftest import ADMINISTRATOR_TOKEN, Crm

from backstamp import odata
from backstamp.embedded import tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

_FUZZ = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
_SECONDS = 60
_LEAKS = ("sqlite", "psycopg", "sqlalchemy", "traceback", "syntax error at or near", "no such ", "operational")


@pytest.fixture(scope="module", autouse=True)
def keys(crm: Crm) -> list[str]:
    """The ids of five contacts of one account."""
    return people.create(crm)


@pytest.fixture(scope="module")
def browser(url: str) -> Iterator[httpx2.Client]:
    """A client that does not wait long."""
    headers = {odata.AUTHORIZATION: f"Bearer {ADMINISTRATOR_TOKEN}"}
    with httpx2.Client(base_url=f"{url}{odata.API_PATH}", headers=headers, timeout=_SECONDS) as client:
        yield client


def _answered(response: httpx2.Response) -> None:
    assert response.status_code < 500, response.text
    if response.status_code >= 400 and response.content.startswith(b"{"):
        message = response.json()["error"]["message"].lower()
        assert not [leak for leak in _LEAKS if leak in message], message


_NAMES = st.sampled_from(
    [
        "lastname",
        "creditlimit",
        "gendercode",
        "donotemail",
        "birthdate",
        "createdon",
        "contactid",
        "versionnumber",
        "_parentcustomerid_value",
        "parentcustomerid_account/name",
        "parentcustomerid",
        "nonsense",
        "c/lastname",
        "statecode",
    ]
)
_WORDS = st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le", "has"])
_LITERALS = st.one_of(
    st.sampled_from(["null", "true", "false", "'a'", "''", "'%'", "'[a-z]'", "'[^a]'", "'['", "'\\'", "'~'", "@p1"]),
    st.sampled_from(["1e400", "-1", "99999999999999999999999", "0001-01-01", "9999-12-31T23:59:59Z", "2026-13-01"]),
    st.integers().map(str),
    st.floats().map(str),
    st.datetimes().map(lambda moment: moment.isoformat()),
    st.text(max_size=8).map(odata.literal),
    st.uuids().map(str),
)
_FUNCTIONS = st.sampled_from(
    [
        "In",
        "NotIn",
        "Between",
        "Today",
        "LastXDays",
        "NextXYears",
        "OlderThanXMonths",
        "On",
        "OnOrBefore",
        "Last7Days",
        "EqualUserId",
        "ThisWeek",
        "Like",
        "Nonsense",
    ]
)


def _conditions() -> st.SearchStrategy[str]:
    comparison = st.tuples(_NAMES, _WORDS, _LITERALS).map(" ".join)
    reversed_ = st.tuples(_LITERALS, st.sampled_from(["eq", "lt"]), _NAMES).map(" ".join)
    like = st.builds("{}({},{})".format, st.sampled_from(["contains", "startswith", "endswith"]), _NAMES, _LITERALS)
    values = st.one_of(
        st.just(""), _LITERALS.map(",PropertyValue={}".format), st.just(',PropertyValues=["1","x\\u0000"]')
    )
    call = st.builds("Microsoft.Dynamics.CRM.{}(PropertyName='{}'{})".format, _FUNCTIONS, _NAMES, values)
    leaf = st.one_of(comparison, reversed_, like, call)
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner),
            inner.map("not ({})".format),
            st.builds("contact_customer_contacts/{}(c:{})".format, st.sampled_from(["any", "all"]), inner),
        ),
        max_leaves=8,
    )


def _mutated(text: str, seed: int) -> str:
    """Drop, double, swap or replace a few characters."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    letters = list(text)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(letters) + 1)
        letters[place : place + chance.randint(0, 2)] = chance.choices(
            "()'\"[],;:/@$%&=<>\\ \0aé0", k=chance.randint(0, 2)
        )
    return "".join(letters)


def _spoiled(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(texts, st.builds(_mutated, texts, st.integers(0, 2**32)), st.text(max_size=40))


@_FUZZ
@given(condition=_spoiled(_conditions()), alias=_LITERALS)
def test_filters(browser: httpx2.Client, condition: str, alias: str) -> None:
    """Any filter, whole or spoiled."""
    _answered(browser.get("contacts", params={"$filter": condition, "@p1": alias, "$select": "lastname"}))


_ORDERS = st.lists(st.builds("{}{}".format, _NAMES, st.sampled_from(["", " asc", " desc", " up"])), max_size=4).map(
    ",".join
)


def _expansions() -> st.SearchStrategy[str]:
    names = st.sampled_from(
        ["parentcustomerid_account", "contact_customer_contacts", "ownerid", "contact_customer_accounts", "nonsense"]
    )
    options = st.one_of(
        st.just("$select=lastname"),
        _conditions().map("$filter={}".format),
        _ORDERS.map("$orderby={}".format),
        st.sampled_from(["$top=1", "$top=x", "$skip=1", "$count=true", "$levels=3"]),
    )
    return st.recursive(
        names,
        lambda inner: (
            st.builds("{}({};$expand={})".format, names, options, inner) | st.builds("{}({})".format, names, options)
        ),
        max_leaves=5,
    )


@_FUZZ
@given(
    expand=_spoiled(_expansions()),
    orderby=_spoiled(_ORDERS),
    size=st.sampled_from(["1", "2", "0", "-1", "x", "999999"]),
)
def test_expansions_and_orders(browser: httpx2.Client, expand: str, orderby: str, size: str) -> None:
    """Any expansion, order and page size."""
    headers = {odata.PREFER: f"{odata.MAX_PAGE_SIZE_PREFERENCE}={size}"}
    _answered(browser.get("contacts", params={"$expand": expand}, headers=headers))
    _answered(browser.get("contacts", params={"$orderby": orderby, "$top": size}, headers=headers))


_APPLIES = st.builds(
    "{}groupby(({}),aggregate({} with {} as x,$count as n))".format,
    st.one_of(st.just(""), _conditions().map("filter({})/".format)),
    _NAMES,
    _NAMES,
    st.sampled_from(["sum", "average", "min", "max", "countdistinct", "nonsense"]),
)


@_FUZZ
@given(apply=_spoiled(_APPLIES))
def test_aggregations(browser: httpx2.Client, apply: str) -> None:
    """Any aggregation."""
    _answered(browser.get("contacts", params={"$apply": apply}))


_COLUMNS = st.sampled_from(
    ["lastname", "creditlimit", "gendercode", "createdon", "donotemail", "parentcustomerid", "nonsense"]
)
_TEXTS = st.one_of(
    st.text(max_size=6), st.sampled_from(["1", "-1", "2026-01-01", "9999-12-31", "%[a-", "1e400", "true"])
)
_OPERATORS = st.sampled_from(
    [
        "eq",
        "ne",
        "gt",
        "le",
        "like",
        "in",
        "between",
        "null",
        "not-null",
        "today",
        "last-x-weeks",
        "on",
        "eq-userid",
        "x",
    ]
)


def _fetches() -> st.SearchStrategy[str]:
    quoted = _TEXTS.map(quoteattr)
    condition = st.builds('<condition attribute="{}" operator="{}" value={} />'.format, _COLUMNS, _OPERATORS, quoted)
    several = st.builds(
        '<condition attribute="{}" operator="in"><value>{}</value><value>1</value></condition>'.format,
        _COLUMNS,
        st.text("ab1<"),
    )
    filters = st.recursive(
        condition | several,
        lambda inner: st.builds('<filter type="{}">{}{}</filter>'.format, st.sampled_from(["and", "or"]), inner, inner),
        max_leaves=4,
    ).map("<filter>{}</filter>".format)
    attribute = st.builds(
        '<attribute name="{}" {} />'.format,
        _COLUMNS,
        st.sampled_from(
            [
                "",
                'alias="x"',
                'alias="y" aggregate="sum"',
                'alias="z" groupby="true"',
                'alias="d" groupby="true" dategrouping="month"',
            ]
        ),
    )
    order = st.builds('<order attribute="{}" descending="{}" />'.format, _COLUMNS, st.sampled_from(["true", "no"]))
    link = st.builds(
        '<link-entity name="account" from="{}" to="{}" alias="a" link-type="{}">{}</link-entity>'.format,
        st.sampled_from(["accountid", "name"]),
        _COLUMNS,
        st.sampled_from(["inner", "outer", "exists", "x"]),
        filters,
    )
    parts = st.lists(st.one_of(attribute, order, filters, link), max_size=6).map("".join)
    heads = st.sampled_from(["", 'top="2"', 'count="2" page="2"', 'aggregate="true"', 'distinct="true"', 'page="x"'])
    return st.builds('<fetch {}><entity name="contact">{}</entity></fetch>'.format, heads, parts)


@_FUZZ
@given(xml=_spoiled(_fetches()))
def test_fetches(browser: httpx2.Client, xml: str) -> None:
    """Any FetchXML."""
    _answered(browser.get("contacts", params={"fetchXml": xml}))


_SQL_LITERALS = st.one_of(
    st.integers().map(str), _TEXTS.map(odata.literal), st.sampled_from(["NULL", "GETUTCDATE()", "1e400"])
)
_SQL_CONDITIONS = st.recursive(
    st.one_of(
        st.tuples(_COLUMNS, st.sampled_from(["=", "<>", "<", ">=", "LIKE"]), _SQL_LITERALS).map(" ".join),
        st.builds("{} IN ({}, {})".format, _COLUMNS, _SQL_LITERALS, _SQL_LITERALS),
        st.builds("{} BETWEEN {} AND {}".format, _COLUMNS, _SQL_LITERALS, _SQL_LITERALS),
        st.builds("{} > DATEADD(day, {}, GETUTCDATE())".format, _COLUMNS, st.integers()),
        _COLUMNS.map("{} IS NOT NULL".format),
    ),
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["AND", "OR"]), inner) | inner.map("NOT {}".format)
    ),
    max_leaves=5,
)
_SQLS = st.builds(
    "SELECT {}{} FROM contact {} WHERE {} {}".format,
    st.sampled_from(["", "TOP 2 ", "DISTINCT ", "DISTINCT TOP 99999999999 "]),
    st.lists(_COLUMNS | _COLUMNS.map("MAX({}) AS m".format), min_size=1, max_size=3).map(", ".join),
    st.sampled_from(["", "LEFT JOIN account a ON a.accountid = parentcustomerid", "JOIN account ON 1 = 1"]),
    _SQL_CONDITIONS,
    st.sampled_from(["", "ORDER BY lastname DESC", "GROUP BY lastname", "HAVING 1 = 1", "OPTION (RECOMPILE)"]),
)


@_FUZZ
@given(sql=_spoiled(_SQLS))
def test_sql(browser: httpx2.Client, sql: str) -> None:
    """Any SQL."""
    _answered(browser.get("contacts", params={"sql": sql}))


_SEGMENTS = st.sampled_from(
    [
        "contacts",
        "accounts",
        "(00000000-0000-0000-0000-000000000000)",
        "/lastname",
        "/parentcustomerid_account",
        "/$ref",
        "/$value",
        "/$count",
        "/contact_customer_contacts",
        "(",
        ")",
        "'",
        "/",
        "%00",
        "%ff",
        "(lastname='x')",
        "/$metadata",
    ]
)
_INTEGERS = st.integers(-(2**63), 2**63 - 1)
_TOKENS = st.one_of(
    st.binary(max_size=30).map(lambda raw: raw.hex()),
    st.sampled_from(["%", "", "e30", "bnVsbA", "eyJsYXN0IjpbW11dfQ"]),
    st.dictionaries(
        st.sampled_from(["last", "left", "since", "until", "given", "key", "version", "token", "offset"]),
        st.one_of(_INTEGERS, st.text(max_size=5), st.none(), st.lists(_INTEGERS | st.text(max_size=3) | st.floats())),
    ).map(tokens.write),
)


@_FUZZ
@given(
    path=st.lists(_SEGMENTS, min_size=1, max_size=6).map("".join),
    token=_TOKENS,
    method=st.sampled_from(["GET", "PUT", "DELETE"]),
)
def test_addresses_and_tokens(browser: httpx2.Client, path: str, token: str, method: str) -> None:
    """Any path, and any token of a next link."""
    _answered(browser.request(method, path.lstrip("/") or "contacts"))
    for option in (odata.SKIP_TOKEN, odata.DELTA_TOKEN):
        _answered(browser.get("contacts", params={option: token}))
        _answered(browser.get("contacts", params={option: token}, headers={odata.PREFER: odata.TRACK_CHANGES}))
