"""E-mail addresses as people make them of their names, each given out once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from backstamp.demo import columns, draw, lexicon, noise, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backstamp.demo.columns import Column, Columns, Times


def make_emails(
    given: Columns, surnames: Sequence[Column], born: Times, rng: np.random.Generator
) -> tuple[Column, ...]:
    """Return for each column of surnames an address for each person; no two of all these addresses are equal.

    Args:
        given: the people's firstname and nickname.
        surnames: their last name, at one time or another.
        born: their birth dates.
        rng: where chance comes from.
    """
    first = in_mail(given["firstname"])
    short = pc.coalesce(in_mail(given["nickname"]), first)
    year = pc.strftime(columns.of(born), "%Y")
    parts = [make_local_part(first, short, in_mail(surname), year, rng) for surname in surnames]
    domain = draw.one_of(lexicon.split(words.EMAIL_DOMAINS), len(parts) * len(first), rng)
    addresses = make_unique(pa.concat_arrays(parts), domain)
    return tuple(addresses.slice(place * len(first), len(first)) for place in range(len(parts)))


def in_mail(names: Column) -> Column:
    """Return the names as they can stand in an address: with nothing but the letters a to z."""
    return columns.substitute(pc.ascii_lower(noise.without_accents(names)), "[^a-z]", "")


def make_local_part(first: Column, short: Column, last: Column, year: Column, rng: np.random.Generator) -> Column:
    """Return what stands before the @: parts of a name in one of the ways in which people write them."""
    initial = pc.utf8_slice_codeunits(first, 0, 1)
    forms = (
        (0.34, first, ".", last),
        (0.14, first, "", last),
        (0.08, first, "_", last),
        (0.12, initial, ".", last),
        (0.10, initial, "", last),
        (0.06, last, ".", first),
        (0.08, short, ".", last),
        (0.08, short, "", year),
    )
    shares, lefts, signs, rights = zip(*forms, strict=True)
    form = rng.choice(len(forms), len(first), p=shares)
    sign = columns.take(pa.array(signs), form)
    return columns.join(pc.choose(columns.of(form), *lefts), sign, pc.choose(columns.of(form), *rights))


def make_unique(local_part: Column, domain: Column) -> Column:
    """Return the addresses; who finds one taken puts a number behind the name."""
    wanted = columns.join(local_part, "@", domain).dictionary_encode().indices.to_numpy()
    order = np.argsort(wanted, kind="stable")
    ordered = wanted[order]
    taken = np.empty_like(order)
    taken[order] = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    number = columns.pick(taken > 0, columns.of(taken).cast(pa.string()), "")
    return columns.join(local_part, number, "@", domain)
