"""Evidence as people say it: the same words on the command line and on the console's pages."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backstamp.unify.explain import Comparison

_MIDNIGHT = " 00:00:00.000000"


def condition(found: Comparison) -> str:
    """Say in a line what a condition found."""
    columns = " and ".join(dict.fromkeys(found.columns))
    one, other = ("(empty)" if value is None else value.removesuffix(_MIDNIGHT) for value in found.values)
    values = one if one == other else f"{one} | {other}"
    if None in found.values:
        asked = "an empty value never matches"
    elif found.differs and found.similarity is None:
        asked = "different"
    elif found.similarity is None:
        asked = "the same" if found.holds else "must be the same"
    elif found.differs:
        asked = f"{per_cent(found.similarity)} alike: different, the same from {found.per_cent} % on"
    else:
        asked = f"{per_cent(found.similarity)} alike, at least {found.per_cent} % needed"
    return f"{'yes' if found.holds else 'no'}: {columns}: {values} ({asked})"


def per_cent(share: float) -> str:
    """Return a share in per cent, never rounded up to a threshold that it misses."""
    return f"{max(0, math.floor(share * 1000 + 1e-6)) / 10:g} %"
