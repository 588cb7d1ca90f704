"""Customers found by name, e-mail address, telephone number, key or CustomerId, fast at a million profiles.

The index is a table of terms in their order, so that an engine skips all but a few blocks when it looks for one: words
of names, e-mail addresses, and the digits of telephone numbers from the last to the first, for a number is remembered
by its end. Keys and CustomerIds are in order where they are. Changed customers go to its end until a full run sorts it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa
import pyarrow.compute as pc

from backstamp import runs, shapes
from backstamp.pipeline import published, stages
from backstamp.unify import normalize

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import ibis.expr.types as ir

    from backstamp.engine import Engine, Settings
    from backstamp.pipeline.stages import Told
    from backstamp.unify.settings import Normalizer, Unify

TASK = runs.PlannedTask("Unification", "Search Index")
INDEX, LABELS = "search", "labels"
_NAME, _EMAIL, _PHONE = "name ", "mail ", "call "
_KINDS = {
    "Person.FullName": _NAME,
    "Person.FirstName": _NAME,
    "Person.MiddleName": _NAME,
    "Person.LastName": _NAME,
    "Person.Nickname": _NAME,
    "Organization.Name": _NAME,
    "Identity.Service.Email": _EMAIL,
    "Identity.Service.Phone": _PHONE,
    "Identity.Service.Phone.Cell": _PHONE,
}
_NORMALIZERS: Mapping[str, tuple[Normalizer, ...]] = {
    _NAME: ("unicode_to_ascii", "lowercase"),
    _EMAIL: ("lowercase", "whitespace"),
    _PHONE: ("numerals",),
}
_LABELS = (
    ("Person.FullName",),
    ("Person.FirstName", "Person.LastName"),
    ("Organization.Name",),
    ("Identity.Service.Email",),
)
"""What a customer is called: the first of these that its profile has, else its CustomerId."""
_FEWEST_DIGITS = 4
_LOOKS_LIKE_A_PHONE = re.compile(r"[\d\s()+./-]+")
_GUID = re.compile(r"\{?([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})\}?")
_LAST = "\U0010ffff"


@dataclass(frozen=True)
class Hit:
    """A customer that was found, and what to call him or her: personal data, for those who may see it."""

    customer_id: str
    label: str


def index(engine: Engine, unify: Unify, touched: ir.Table | None, task: Told) -> None:
    """Keep the index in the draft, or bring it up.

    Args:
        engine: where it is computed; profiles are in its draft.
        unify: what the project file says of unification.
        touched: `customer` of those whose profiles may be others than before, or gone; None where these may be all.
        task: is told what was done.
    """
    values = engine.table("profile_values")
    meanings = stages.meanings(engine, unify)
    columns = _columns(meanings)
    if touched is None or not engine.has(INDEX) or not engine.has(LABELS):
        engine.keep(LABELS, _labels(values, meanings).order_by("customer"))
        task.rows = engine.count(engine.keep(INDEX, _terms(engine, values, columns).order_by("term")))
        task.detail("all customers")
        return
    task.rows = engine.count(touched)
    task.detail("the customers that changed" if task.rows else "nothing changed")
    if task.rows:
        values = values.semi_join(touched, "customer")
        engine.patch(INDEX, ["customer"], touched, _terms(engine, values, columns))
        engine.patch(LABELS, ["customer"], touched, engine.cache(_labels(values, meanings)))


def _columns(meanings: Mapping[str, str]) -> dict[str, str]:
    """Return the profile columns that are searched, with what they are."""
    return {name: _KINDS[meaning] for name, meaning in meanings.items() if meaning in _KINDS}


def _terms(engine: Engine, values: ir.Table, columns: Mapping[str, str]) -> ir.Table:
    """Return `shapes.SEARCH` of profiles."""

    def compute(batch: pa.RecordBatch) -> pa.RecordBatch:
        found = [_terms_of(batch[name], kind, batch["customer"]) for name, kind in columns.items()]
        made = pa.Table.from_batches(found, shapes.SEARCH).group_by(shapes.SEARCH.names).aggregate([])
        batches: list[pa.RecordBatch] = made.combine_chunks().to_batches()  # none where there is no term
        return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=shapes.SEARCH)

    if not columns:
        return engine.load(shapes.SEARCH, [])
    return engine.map(values.select("customer", *columns), compute, shapes.SEARCH)


def _labels(values: ir.Table, meanings: Mapping[str, str]) -> ir.Table:
    """Return `shapes.LABELS` of profiles."""
    columns = {meaning: values[name].cast("string") for name, meaning in reversed(list(meanings.items()))}
    said = [
        reduce(add, (columns[one].fill_null("") + " " for one in together if one in columns), ibis.literal(""))
        for together in _LABELS
    ]
    label = ibis.coalesce(*(words.strip().nullif("") for words in said), values.customer_id)
    return values.select("customer", "customer_id", label=label)


def _terms_of(column: pa.Array[Any], kind: str, customers: pa.Array[Any]) -> pa.RecordBatch:
    text: Any = _normalized(column, kind)  # as pyarrow's types see it
    if kind == _NAME:
        words = pc.utf8_split_whitespace(text)
        customers, text = customers.take(pc.list_parent_indices(words)), pc.list_flatten(words)
    terms = pc.binary_join_element_wise(pa.scalar(kind), text, "")
    filled = pc.fill_null(pc.greater(pc.utf8_length(text), pa.scalar(0, pa.int32())), False)
    batch = pa.RecordBatch.from_arrays([terms, customers.cast(pa.int64())], schema=shapes.SEARCH)
    return batch.filter(filled)


def _normalized(column: pa.Array[Any], kind: str) -> pa.Array[Any]:
    """Return what is searched of values: of a name its words with a blank between them, of a number its digits."""
    text = normalize.comparable(column, _NORMALIZERS[kind])
    if kind == _NAME:
        return pc.replace_substring_regex(text, r"[^\p{L}\p{N}]+", " ")
    return pc.utf8_reverse(pc.replace_substring_regex(text, r"[^0-9]+", "")) if kind == _PHONE else text


def search(state: Path, settings: Settings | None, text: str, limit: int = 20) -> tuple[Hit, ...]:
    """Return customers that fit what somebody typed, as the last published run has them, at most so many.

    A CustomerId, a key of a row of any unified table and an e-mail address fit as a whole; of names each word may be
    cut off, and all have to fit; of telephone numbers four digits or more fit that end the number.

    Args:
        state: the project's folder of state.
        settings: which engine.
        text: what was typed.
        limit: how many customers at most.

    Raises:
        BusyError: a run has the warehouse open.
        ConfigurationError: no run has published profiles yet.
    """
    wanted = " ".join(text.split())
    hits: dict[str, Hit] = {}
    with published.opened(state, settings) as engine:
        for found in _found(engine, wanted) if wanted and engine.has(LABELS) else ():
            hits |= {hit.customer_id: hit for hit in _hits(engine, found, limit)}
    return tuple(hits.values())[:limit]


def fitting(engine: Engine, text: str) -> ir.Table:
    """Return `customer_id` of all customers that `search` would find, in a warehouse that is open."""
    found = [table.select("customer") for table in _found(engine, " ".join(text.split()))]
    # Computed now: the union of one table is a mere projection, of which Ibis joins nothing.
    customers = engine.cache(ibis.union(*found, distinct=True))
    return engine.table("ids").semi_join(customers, "customer").select("customer_id")


def named(engine: Engine, customers: ir.Table) -> ir.Table:
    """Return customers, known by `customer_id`, with what they are called as `label`."""
    known = engine.table(LABELS) if engine.has(LABELS) else engine.load(shapes.LABELS, [])
    labels = known.select("customer_id", called="label")
    both = customers.left_join(labels, "customer_id")
    return both.select(*customers.columns, label=ibis.coalesce(both.called, both.customer_id))


def _found(engine: Engine, wanted: str) -> Iterator[ir.Table]:
    """Yield tables with the `customer` of those that fit, the surest first; few, for each takes its time.

    What was typed is in tables beside the others: so statements are the same for all questions, and compiled once.
    """
    terms = engine.table(INDEX) if engine.has(INDEX) else engine.load(shapes.SEARCH, [])
    guid = _GUID.fullmatch(wanted)
    if guid:
        yield engine.table("ids").semi_join(_asked(engine, {"customer_id": [guid[1].lower()]}), "customer_id")
    if guid or re.search(r"\d|^\S*@\S*$", wanted):
        yield _with_key(engine, {wanted, guid[1].lower()} if guid else {wanted})
    if guid:
        return
    digits = _normal(wanted, _PHONE).rstrip("0")  # a number that is dialled at home begins with one
    if "@" in wanted:
        yield terms.semi_join(_asked(engine, {"term": [_EMAIL + _normal(wanted, _EMAIL)]}), "term")
    elif _LOOKS_LIKE_A_PHONE.fullmatch(wanted) and len(digits) >= _FEWEST_DIGITS:
        yield _with_all(engine, terms, [_PHONE + digits])
    elif words := _normal(wanted, _NAME).split():
        yield _with_all(engine, terms, [_NAME + word for word in sorted(words, key=len, reverse=True)])


def _asked(engine: Engine, columns: Mapping[str, Sequence[str]]) -> ir.Table:
    """Return what was typed as a table."""
    batch = pa.RecordBatch.from_pydict({name: pa.array(values, pa.string()) for name, values in columns.items()})
    return engine.load(batch.schema, [batch])


def _with_key(engine: Engine, keys: set[str]) -> ir.Table:
    """Return the customers of the rows of any table with one of these keys."""
    own = engine.table("records").semi_join(_asked(engine, {"key": sorted(keys)}), "key").select("record")
    owners = engine.table("customers").inner_join(own, "record")
    return owners.filter(owners.customer.notnull())


def _with_all(engine: Engine, terms: ir.Table, beginnings: Sequence[str]) -> ir.Table:
    """Return the customers that have, for each of these, a term that begins with it."""
    bounds = {f"first {place}": [beginning] for place, beginning in enumerate(beginnings)}
    bounds |= {f"last {place}": [beginning + _LAST] for place, beginning in enumerate(beginnings)}
    asked = _asked(engine, bounds)
    first, *others = (_between(terms, asked, place) for place in range(len(beginnings)))
    for other in others:
        first = first.semi_join(other, "customer")
    return first


def _between(terms: ir.Table, asked: ir.Table, place: int) -> ir.Table:
    within = [terms.term >= asked[f"first {place}"], terms.term <= asked[f"last {place}"]]
    return terms.inner_join(asked, within).select("customer")


def _normal(text: str, kind: str) -> str:
    (found,) = _normalized(pa.array([text], pa.string()), kind).to_pylist()
    return found or ""


def _hits(engine: Engine, found: ir.Table, limit: int) -> Iterator[Hit]:
    """Yield the first of the customers that were found."""
    first = found.select("customer").distinct().order_by("customer").limit(limit)
    told = engine.table(LABELS).inner_join(first, "customer").order_by("customer")
    for row in engine.rows(told.select("customer_id", "label")):
        yield Hit(**row)
