"""The tables that pass from room to room, in the order in which they arise. A newcomer reads this page first.

A *record* is a whole number that stands for a row of a unified table: records are numbered in match order of their
tables and, in a table, in the order of their keys. So "the smallest (table, key)" is simply the smallest record.

What a warehouse keeps names rows by records too, and a row keeps its record while it is there: those that came since
the last full run have larger numbers than the other rows of their table, whatever their keys. Where the order counts,
in the stages of unification, rows are numbered anew.
"""

from __future__ import annotations

import pyarrow as pa


def shape(**columns: pa.DataType) -> pa.Schema:
    """Return the schema with these columns."""
    return pa.schema(list(columns.items()))


TIME = pa.timestamp("us")
"""Times are UTC throughout, kept without a zone: DuckDB needs an extension for the other kind."""

SOURCE = shape(key=pa.string())
"""`source_<s>_<t>`: the rows of a source table as they are known: `key`, the columns that the project uses under
their own names, and `_row` (the number of the row: `transform.ROW`)."""

CORRUPT = shape(place=pa.string(), column=pa.string(), reason=pa.string())
"""`<s>_<t>_corrupt`: rows and values that cannot be used; `place` is the key, or where the row stands in its file."""

RECORDS = shape(record=pa.int64(), position=pa.int64(), table=pa.string(), key=pa.string())
"""Every row of unification: its number, its table's place in the match order and name, its key as text."""

ALWAYS, NEVER = "always", "never"
"""The kinds of overrides. In evidence `always` stands where a rule's name would."""

OVERRIDES = shape(left=pa.int64(), right=pa.int64(), kind=pa.string())
"""Pairs of records that always or never are one customer, whatever the rules say: left < right, each pair once; a row
that a filter keeps out takes no part here either."""

SUPPLIED_PAIRS = shape(
    kind=pa.string(),
    left_table=pa.string(),
    left_key=pa.string(),
    right_table=pa.string(),
    right_key=pa.string(),
    left=pa.int64(),
    right=pa.int64(),
)
"""`supplied_pairs`: pairs of rows as people supply them, and their records. A pair sleeps while no row has one of its
keys: that record is null."""

LISTS = shape(name=pa.string(), values=pa.list_(pa.string()), aliases=pa.list_(pa.string()))
"""`lists`: one row for each list of values that conditions name; `aliases` is empty in a list of empty values."""

KEYED = shape(record=pa.int64())
"""One table for each unified table: `record`; `key_<n>`, a 128-bit hash of the values of exact conditions (null where
one of them is empty); `value_<n>`, normalized values for fuzzy conditions and exceptions. Which is which:
`unify.block.Keyed`."""

MATCH_KEYS = shape(hash=pa.int64(), place=pa.int64(), record=pa.int64())
"""`match_keys`: every key that a row holds: 64 bits of its hash, in the order of which the table is kept, which key of
which table it is (`stages.places_of_keys`), and the row. Beside it `keys_<s>_<t>`, the same by rows, a column for each
place."""

COUNTED_KEYS = shape(hash=pa.int64(), place=pa.int64(), holders=pa.int64())
"""How many rows of a table hold a key, by its hash and place."""

CROWDED_KEYS = COUNTED_KEYS
"""`crowded_keys`: `COUNTED_KEYS` of each hash that in some table more rows hold than any rule lets share a key."""

LINKS = shape(
    left=pa.int64(),
    right=pa.int64(),
    rule=pa.int64(),
    score=pa.float64(),
)
"""Pairs of records for which a rule holds, left < right; `rule` is its place in the order of rules (-1: an always
pair), `score` the lowest similarity of its conditions (an exact one scores 1, an always pair has none)."""

GROUPS = shape(
    record=pa.int64(),
    group=pa.int64(),
    winner=pa.int64(),
    rule=pa.string(),
    partner=pa.int64(),
    score=pa.float64(),
)
"""Deduplication: each record's group (its smallest record), the group's winner, and the evidence: the link on the way
to the winner (null for the winner itself)."""

CUSTOMERS = shape(
    record=pa.int64(),
    position=pa.int64(),
    group=pa.int64(),
    winner=pa.int64(),
    duplicate_rule=pa.string(),
    duplicate_of=pa.int64(),
    duplicate_score=pa.float64(),
    customer=pa.int64(),
    rule=pa.string(),
    row=pa.int64(),
    partner=pa.int64(),
    score=pa.float64(),
)
"""Match: each record's table (its place in the match order), group, winner and the evidence for them (as in `GROUPS`);
its customer (the smallest record of it; null for a row that was left out) and the evidence of the group for that: rule,
its row that was matched and the row above (`partner`), score; null where the group founded the customer."""

COMPONENTS = shape(customer=pa.int64(), component=pa.int64())
"""`components`: customers that hang together with others (`unify.components`), and one of these that stands for all. A
row that no customer owns is here as one, by its record."""

REFUSED = shape(left=pa.int64(), right=pa.int64(), rule=pa.string(), reason=pa.string())
"""Links of duplicates and always pairs (`rule` is `always`) that were not made, left < right. The reason: `never` (it
would have brought a never pair together), `elsewhere` (the two are not in one customer), `no customer` (the row above
has none)."""

EXCEPTED = shape(customer=pa.int64(), rule=pa.string(), left=pa.int64(), right=pa.int64())
"""Customers that hold a pair of rows which a rule would link but for an exception, left < right: the first such pair of
each customer and rule."""

SHARED_VALUES = shape(
    rule=pa.string(),
    lower=pa.string(),
    upper=pa.string(),
    columns=pa.list_(pa.string()),
    values=pa.list_(pa.string()),
    holders=pa.int64(),
    hash=pa.int64(),
)
"""Published: values that more rows hold than a rule allows, so that they link nobody (unification.md 3): the rule, its
tables (the same twice in deduplication), and the columns and normalized values of its exact conditions
(of a rule without any each column by itself); rows; the hash of the key (`MATCH_KEYS`), null where a rule has none."""

MEMBERS = shape(
    table=pa.string(),
    key=pa.string(),
    customer_id=pa.string(),
)
"""Published: every row of unification that belongs to a profile, and whose."""

IDS = shape(
    customer=pa.int64(),
    customer_id=pa.string(),
    made_in_run=pa.int64(),
    derived=pa.bool_(),
)
"""Identify: the CustomerId of each customer, the run that made it, and whether it is derived from a column."""

PREVIOUS_IDS = shape(customer_id=pa.string(), previous_id=pa.string())
"""Identify: ids that a profile stands for besides its own, one row each."""

FOLLOWED = shape(customer_id=pa.string(), table=pa.string(), key=pa.string())
"""Identify: the last rows of ids that vanished and are still followed (unification.md 7, *resolve*)."""

ID_CHANGES = shape(run=pa.int64(), old_id=pa.string(), new_id=pa.string(), reason=pa.string())
"""Identify: what became of ids in a run (`unify.history` says for which reasons)."""

PROFILES = shape(customer_id=pa.string(), previous_customer_id=pa.string(), made_in_run=pa.int64())
"""Merge: one row a customer: these three, the project's columns, and `<s>_<t>_<key>` with `…_alternate` a table."""

CLUSTERS = shape(
    cluster=pa.string(),
    customer_id=pa.string(),
    cluster_id=pa.string(),
    made_in_run=pa.int64(),
)
"""Cluster: every profile that belongs to a cluster, by the cluster's kind (`household`), its id and the run that made
it. The id stands in the profile too, as `<kind>_id`."""

PROFILE_VALUES = shape(customer=pa.int64(), last_change=TIME)
"""`profile_values`: what profiles are made of: `PROFILES` with these two, alternates only where there are several.
`last_change` is the time of the run in which the customer's keys last changed."""

SEARCH = shape(term=pa.string(), customer=pa.int64())
"""`search`: the terms by which customers are found, in their order but for those that came since a full run."""

LABELS = shape(customer=pa.int64(), customer_id=pa.string(), label=pa.string())
"""`labels`: what the customers are called that are found: a name, or an e-mail address, or the CustomerId."""

DEDUPLICATION = shape(
    key=pa.string(),
    deduplication_alternates=pa.string(),
    deduplication_group=pa.string(),
    deduplication_rule=pa.string(),
    deduplication_score=pa.float64(),
    deduplication_winner=pa.string(),
)
"""`Deduplication_<s>_<t>`, for people: every row of a table that takes part, with the keys of all rows of its group,
the smallest of them, the rule and score that brought it there (null for the winner), the winner's key, its columns."""

MATCH_PAIRS = shape(customer_id=pa.string(), last_change=TIME)
"""`ConflationMatchPairs`, for people: each customer with rows of more than one table: `<s>_<t>_<key>` with
`…_Alternate` a table, as in the profile, and the time of the run in which these last changed."""

ACTIVITIES = shape(
    customer_id=pa.string(),
    activity_id=pa.string(),
    table=pa.string(),
    key=pa.string(),
    type=pa.string(),
    time=TIME,
    title=pa.string(),
    detail=pa.string(),
)
"""Measures: `activities`, all that happened: whose it is, its id (`source.table|key`), the row of the source table, and
what the project says of it. Those of nobody are `activities_of_nobody`, their CustomerId null."""

MEASURES = shape(customer_id=pa.string())
"""Measures: one row a profile with a column for each customer attribute."""

CUSTOMER_MEASURE = shape(customer_id=pa.string())
"""Measures: `measure_<name>`, a table for each customer measure: `customer_id`, a column for each dimension, a column
for each value (of a measure with one value called as the measure is). Without dimensions a row a profile."""

BUSINESS_MEASURE = shape()
"""Measures: `business_<name>`, a table for each business measure: a column for each dimension, a column for each value;
without dimensions one row."""

MEASURED = shape(measure=pa.string(), digest=pa.string(), calculated=TIME, is_current=pa.bool_(), since=TIME)
"""`measured`: of each measure a digest of what it depends on besides rows, the time of the run for which its values are
right, whether that was the last run: then the changes since are known; and the time of the first run that had it."""

HELD = shape(customer_id=pa.string(), measure=pa.string(), since=TIME)
"""`measured_since`: since when a customer has the values of a measure, where they are others than in its first run."""

KNOWN = shape(key=pa.string(), digest=pa.string())
"""Link: what the environment is known to hold of one of our own tables: key and a digest of the row's values."""

WANTED = shape(key=pa.string(), customer_id=pa.string(), digest=pa.string())
"""Link: how each row of profiles or of alternate keys is to be, and whose it is."""

KNOWN_LINKS = shape(table=pa.string(), key=pa.string(), customer_id=pa.string())
"""Link: what the environment is known to hold in the lookups of its own rows."""

FEEDS = shape(table=pa.string(), token=pa.string(), foreign_keys=pa.string())
"""Where the next read of each source table goes on, and the columns that are stored as foreign keys, by commas."""
