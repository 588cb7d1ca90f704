"""The word lists of the normalizers, read from `lists.toml`: what stands in the place of words."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Tokens = tuple[str, ...]


@dataclass(frozen=True)
class Words:
    """What stands in the place of words, () for nothing.

    Attributes:
        words: what stands in the place of a single token.
        phrases: by their first token, entries of several tokens, the longest first, with what stands in their place.
    """

    words: Mapping[str, Tokens]
    phrases: Mapping[str, tuple[tuple[Tokens, Tokens], ...]]


@cache
def names() -> Words:
    """Return titles, removed or written in one way, and nicknames of one name."""
    titles, nicknames = _lists()["titles"], defaultdict(set)
    for canonical, forms in _lists()["nicknames"].items():
        for form in forms.split():
            nicknames[form].add(canonical)
    of_one = [(form, canonical) for form, (canonical, *others) in nicknames.items() if not others]
    return _words([*of_one, *_forms(titles["unified"]), *_removed(titles)])


@cache
def addresses() -> Words:
    """Return the short forms of the words of addresses."""
    return _words(_forms(_lists()["address"]))


@cache
def organizations() -> Words:
    """Return the legal forms of organizations, which are removed."""
    return _words(_removed(_lists()["organization"]))


@cache
def _lists() -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("lists.toml").read_text(encoding="utf-8"))


def _forms(written: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(form, short) for short, forms in written.items() for form in forms.split()]


def _removed(written: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(form, "") for form in written["removed"].split()]


def _words(entries: Iterable[tuple[str, str]]) -> Words:
    words: dict[str, Tokens] = {}
    phrases: dict[str, list[tuple[Tokens, Tokens]]] = defaultdict(list)
    for form, made in entries:
        first, *others = form.casefold().split("_")
        if others:
            phrases[first].append(((first, *others), _tokens(made)))
        else:
            words[first] = _tokens(made)
    return Words(words, {first: tuple(sorted(found, key=_length, reverse=True)) for first, found in phrases.items()})


def _tokens(written: str) -> Tokens:
    return tuple(written.split("_")) if written else ()


def _length(phrase: tuple[Tokens, Tokens]) -> int:
    return len(phrase[0])
