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
    from collections.abc import Iterator, Sequence

    from backstamp.unify.settings import Normalizer

PEOPLE = 200_000
COMPANIES = ("Inc.", "GmbH & Co. KG", "Corporation", "Ltd", "S.p.A.", "Partners")
AREAS = ("201", "212", "312", "415", "425", "617", "713")
TIMES = 3
CHARACTER_BY_CHARACTER = tuple(name for name in normalize.ORDER if name not in normalize.OF_TOKENS)


def cases(people: int) -> Iterator[tuple[str, Normalizer, pa.Array[Any], str | None]]:
    """Yield what is measured: its name, the normalizer, distinct values, and the region."""
    contacts: Any = demo.make_company(people).contact
    drawn = random.Random(1)  # noqa: S311 - values to measure with, not secrets

    def filled(column: str, value: str) -> pa.ChunkedArray[Any]:
        made: Any = pc.fill_null(contacts[column], value)
        texts: pa.ChunkedArray[Any] = made
        return texts

    def numbered(*columns: pa.ChunkedArray[Any]) -> pa.Array[Any]:
        """Join columns and a number, so that no value comes twice."""
        numbers: Any = pc.cast(pa.array(range(len(contacts))), pa.string())
        joined: pa.Array[Any] = pc.binary_join_element_wise(*columns, numbers, " ").combine_chunks()
        return joined

    names = numbered(filled("firstname", "Bob"), filled("lastname", "Moss"))
    streets = numbered(filled("address1_line1", "12 North West Main Street, Apartment"))
    forms = pa.chunked_array([drawn.choices(COMPANIES, k=len(contacts))])
    firms = numbered(filled("lastname", "Moss"), forms)
    accented: Any = pc.replace_substring(pc.replace_substring(names, "a", "\u00e0"), " ", " \u00e9")
    phones = _phones(AREAS, people)
    yield from ((name, name, phones if name == "phone" else names, None) for name in CHARACTER_BY_CHARACTER)
    yield "unicode_to_ascii, every value with accents", "unicode_to_ascii", accented, None
    yield "phone, region US, valid numbers", "phone", phones, "US"
    yield "phone, region US, no valid numbers", "phone", _phones(("199",), people), "US"
    yield "name", "name", names, None
    yield "address", "address", streets, None
    yield "organization", "organization", firms, None
    yield "token_order", "token_order", names, None


def _phones(areas: Sequence[str], count: int) -> pa.Array[Any]:
    numbers = [f"({areas[n % len(areas)]}) {200 + n // 10_000 % 800}-{n % 10_000:04}" for n in range(count)]
    return pa.array(numbers, pa.string()).unique()


def main(people: int) -> None:
    """Print the best of some times for each case."""
    for title, normalizer, values, region in cases(people):
        watch = Stopwatch()
        for turn in range(TIMES):
            with watch.phase(str(turn)):
                normalize.comparable(values, [normalizer], region)
        best = min(times["wall"] for times in watch.phases.values())
        print(f"{title:<46} {len(values) / best:>12,.0f} distinct values a second")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else PEOPLE)
