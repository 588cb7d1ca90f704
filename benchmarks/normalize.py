"""How many distinct values a second each normalizer takes, on one thread.

python benchmarks/normalize.py [PEOPLE]
"""

from __future__ import annotations

import random
import sys
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from backstamp import demo
from backstamp.unify import normalize
from measured import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backstamp.unify.settings import Normalizer

PEOPLE = 200_000
COMPANIES = ("Inc.", "GmbH & Co. KG", "Corporation", "Ltd", "S.p.A.", "Partners")
TIMES = 3


def cases(people: int) -> Iterator[tuple[str, Normalizer, pa.Array[Any], str | None]]:
    """Yield what is measured: its name, the normalizer, distinct values, and the region."""
    contacts = demo.make_company(people).contact
    drawn = random.Random(1)  # noqa: S311 - values to measure with, not secrets

    def numbered(*columns: pa.ChunkedArray[Any] | str) -> pa.Array[Any]:
        """Join columns and a number, so that no value comes twice."""
        numbers = pc.cast(pa.array(range(len(contacts))), pa.string())
        return pc.binary_join_element_wise(*columns, numbers, " ").combine_chunks()

    names = numbered(pc.fill_null(contacts["firstname"], "Bob"), pc.fill_null(contacts["lastname"], "Moss"))
    streets = numbered(pc.fill_null(contacts["address1_line1"], "12 North West Main Street, Apartment"))
    forms = pa.chunked_array([drawn.choices(COMPANIES, k=len(contacts))])
    firms = numbered(pc.fill_null(contacts["lastname"], "Moss"), forms)
    accented = pc.replace_substring(names, "a", "\u00e0")
    phones = pa.array([f"({drawn.randint(201, 989)}) {drawn.randint(200, 999)}-{n % 10000:04}" for n in range(people)])
    yield from ((name, name, names, None) for name in normalize.ORDER if name not in normalize.OF_TOKENS)
    yield "unicode_to_ascii, half of the values accented", "unicode_to_ascii", accented, None
    yield "phone, region US", "phone", phones.unique(), "US"
    yield "name", "name", names, None
    yield "address", "address", streets, None
    yield "organization", "organization", firms, None
    yield "token_order", "token_order", names, None


def main(people: int) -> None:
    """Print the best of some times for each case."""
    for title, normalizer, values, region in cases(people):
        watch = Stopwatch()
        for turn in range(TIMES):
            with watch.phase(str(turn)):
                normalize.comparable(values, [normalizer], region)
        best = min(watch.phases.values())
        print(f"{title:<46} {len(values) / best:>12,.0f} distinct values a second")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else PEOPLE)
