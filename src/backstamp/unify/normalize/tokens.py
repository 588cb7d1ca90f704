"""Normalizers that look at a text token by token; each makes of tokens what is compared, one space between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backstamp.unify.normalize import lists
from backstamp.unify.normalize.characters import Characters, is_digit, is_letter, is_mark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backstamp.unify.normalize.lists import Words

_AT_THE_ENDS = "'-"


def name(text: str) -> str:
    """Return the text without courtesy titles, nicknames of one name as that name."""
    return _replaced(text, lists.names())


def address(text: str) -> str:
    """Return the text with the words of addresses in their short forms."""
    return _replaced(text, lists.addresses())


def organization(text: str) -> str:
    """Return the text without legal forms."""
    return _replaced(text, lists.organizations())


def token_order(text: str) -> str:
    """Return the tokens of the text, sorted."""
    return " ".join(sorted(_tokens_of(text)))


def _tokens_of(text: str) -> list[str]:
    text = text.translate(_CHARACTERS)
    tokens = text.split(" ")
    if "'" in text or "-" in text:
        tokens = [token.strip(_AT_THE_ENDS) for token in tokens]
    return [token for token in tokens if token]


def _replaced(text: str, words: Words) -> str:
    """Return the tokens after replacement; where nothing would remain, as they were."""
    tokens = _tokens_of(text)
    if words.phrases.keys().isdisjoint(tokens):
        get = words.words.get
        made = [word for token in tokens for word in get(token, (token,))]
    else:
        made = _with_phrases(tokens, words)
    return " ".join(made or tokens)


def _with_phrases(tokens: Sequence[str], words: Words) -> list[str]:
    """Return the tokens after replacement; from the left, the longest entry wins."""
    made: list[str] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        for phrase, short in words.phrases.get(token, ()):
            if tuple(tokens[place : place + len(phrase)]) == phrase:
                made += short
                place += len(phrase)
                break
        else:
            made += words.words.get(token, (token,))
            place += 1
    return made


def _character(character: str) -> str:
    """Return what a character is in a token; a space between tokens."""
    if is_letter(character) or is_mark(character) or is_digit(character):
        return character
    return {"'": "'", "\u2019": "'", "-": "-", "\u2010": "-"}.get(character, " ")


_CHARACTERS = Characters(_character)
