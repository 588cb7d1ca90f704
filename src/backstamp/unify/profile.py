"""Which columns the profile has, and where each of them comes from (unification.md 6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from backstamp.unify import places

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from backstamp.unify.settings import Prefer, ProfileColumn, Unify

Family = Literal["text", "number", "date", "boolean"]
Families: TypeAlias = Mapping[str, Mapping[str, Family | None]]
"""Of each table, by its name `source.table`, what the values of its columns are; None where unification has no use."""


@dataclass(frozen=True)
class Taken:
    """Columns of the profile that are taken together from one row; most often it is a single one.

    Attributes:
        sources: of each table that gives them, in order, its own column for each column of the profile.
        prefer: from which row they are taken.
    """

    sources: Mapping[str, Mapping[str, str]]
    prefer: Prefer = "importance"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the profile."""
        return tuple(dict.fromkeys(name for given in self.sources.values() for name in given))


def taken(unify: Unify, families: Families) -> tuple[Taken, ...]:
    """Return what the profile takes: what it takes by itself, the columns that the file makes, its groups."""
    made, groups = unify.profile.columns, unify.profile.groups
    named = {*made, *(name for columns in groups.values() for name in columns)}
    return (
        *(_single(name, sources) for name, sources in by_itself(unify, families) if name not in named),
        *(_single(str(path[-1]), places.sources(path, column), column) for path, column in places.made_columns(unify)),
        *(_group(path, columns, unify) for path, columns in places.groups(unify)),
    )


def by_itself(unify: Unify, families: Families) -> Iterator[tuple[str, list[places.Mention]]]:
    """Yield the columns that the profile takes by itself: their names, and the columns that are combined in each.

    Columns of one semantic type are combined, and columns without one that have the same name and are of one kind.
    Without a semantic type, and separate, a column is `<source>_<table>_<column>`. A column that the file puts
    elsewhere, or whose type is not known, is none of them.
    """
    combined: dict[tuple[str, str], list[places.Mention]] = {}
    for mention in places.offered_columns(unify):
        kind = _kind(unify, families, mention)
        if kind is not None and mention.source in unify.profile.separate:
            combined[_separate_name(mention), kind] = [mention]
        elif kind is not None:
            semantic_type = _semantic_type(unify, mention)
            name = semantic_type.rpartition(".")[2] if semantic_type else mention.column
            combined.setdefault((name, kind), []).append(mention)
    for (name, _), mentions in combined.items():
        is_alone = len(mentions) == 1 and not _semantic_type(unify, mentions[0])
        shown = _separate_name(mentions[0]) if is_alone else name
        yield unify.profile.rename.get(shown, shown), mentions


def meanings(unify: Unify, families: Families) -> dict[str, str]:
    """Return the semantic types of the profile's columns: of each the first that a column it comes from has."""
    found: dict[str, str] = {}
    for one in taken(unify, families):
        for table, columns in one.sources.items():
            for name, column in columns.items():
                if semantic_type := unify.table(table).types.get(column):
                    found.setdefault(name, semantic_type)
    return found


def _kind(unify: Unify, families: Families, mention: places.Mention) -> str | None:
    """Return what must be the same in columns that are combined; None where it is not known."""
    if semantic_type := _semantic_type(unify, mention):
        return semantic_type
    if unify.table(mention.table).key == mention.column:
        return "text"  # as which a key is known
    return families.get(mention.table, {}).get(mention.column)


def _semantic_type(unify: Unify, mention: places.Mention) -> str | None:
    return unify.table(mention.table).types.get(mention.column)


def _separate_name(mention: places.Mention) -> str:
    return mention.source.replace(".", "_")


def _single(name: str, sources: Sequence[places.Mention], column: ProfileColumn | None = None) -> Taken:
    return Taken({one.table: {name: one.column} for one in sources}, column.prefer if column else "importance")


def _group(path: places.Path, columns: Mapping[str, Sequence[str]], unify: Unify) -> Taken:
    """Return a group; its tables go in the order in which its columns name them."""
    sources: dict[str, dict[str, str]] = {}
    for name in columns:
        for one in places.group_sources(path, name, columns[name]):
            sources.setdefault(one.table, {})[name] = one.column
    return Taken(sources, unify.profile.prefer.get(str(path[-1]), "importance"))
