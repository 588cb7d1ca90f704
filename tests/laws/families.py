"""Families of rows, what people do to them between two runs, and the project that unifies them, for the oracle."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tests.oracle.model import NOTHING, Between, Condition, Project, Rule, Table, profile_column
from tests.oracle.strategies import used

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

    from tests.oracle.model import Pair, Record, Rows, State

CONTACT, LEAD, MEMBER = "crm.contact", "crm.lead", "loyalty.member"
TABLES = (CONTACT, LEAD, MEMBER)
EMAIL = {CONTACT: "emailaddress1", LEAD: "emailaddress1", MEMBER: "email"}
PHONE = {CONTACT: "telephone1", LEAD: "telephone1", MEMBER: "phone"}
KEPT = {CONTACT: "department", LEAD: "companyname"}
"""Where a row says whether a filter leaves it out."""
LEFT_OUT, IN = "out", "in"
_MOST_ROWS = 14


@dataclass(frozen=True)
class Setting:
    """What of the project file changes from run to run.

    Attributes:
        by_phone: whether rows with the same phone are one customer too, not only those with the same e-mail.
        filters: whether rows that are marked as left out are left out.
        with_phone: whether the profile has a phone.
    """

    by_phone: bool = True
    filters: bool = True
    with_phone: bool = True


@dataclass
class Family:
    """Rows of all tables that have nothing in common with any other family's.

    Attributes:
        number: its own.
        rows: as they are now.
        always, never: its part of the overrides.
        state: what the oracle knows of it since the last run.
        edits: what was done to links by hand since then: "empty", or "change" to that of another row.
        losses: records whose profile, or whose alternate key, somebody deletes in the CRM.
        made: how many rows it ever had.
    """

    number: int
    rows: dict[Record, dict[str, Any]] = field(default_factory=dict)
    always: set[Pair] = field(default_factory=set)
    never: set[Pair] = field(default_factory=set)
    state: State = NOTHING
    edits: dict[Record, Record | None] = field(default_factory=dict)
    losses: dict[Record, str] = field(default_factory=dict)
    made: int = 0

    def insert(self, draw: random.Random) -> None:
        """Somebody adds a row, most often to a table of the CRM."""
        if len(self.rows) >= _MOST_ROWS:
            return
        table = draw.choice((CONTACT, CONTACT, LEAD, MEMBER))
        self.made += 1
        key = f"m{self.number:04d}-{self.made}" if table == MEMBER else guid(table, self.number, self.made)
        kept = {KEPT[table]: draw.choice((IN, IN, IN, LEFT_OUT))} if table in KEPT else {}
        row = {EMAIL[table]: self._email(draw), PHONE[table]: self._phone(draw)}
        self.rows[table, key] = row | kept

    def edit(self, draw: random.Random) -> None:
        """Somebody gives a row another e-mail or phone, or none: customers merge, split, or stay."""
        for record in self._some(draw):
            if draw.random() < 0.6:
                self._set(record, EMAIL[record[0]], self._email(draw))
            else:
                self._set(record, PHONE[record[0]], self._phone(draw))

    def merge(self, draw: random.Random) -> None:
        """Two rows become equal."""
        for one, other in zip(self._some(draw), self._some(draw), strict=True):
            self._set(one, EMAIL[one[0]], self.rows[other][EMAIL[other[0]]])

    def split(self, draw: random.Random) -> None:
        """A row becomes different from all others."""
        for record in self._some(draw):
            self.made += 1
            self._set(record, EMAIL[record[0]], f"own{self.made}.{self.number}@x")
            self._set(record, PHONE[record[0]], None)

    def delete(self, draw: random.Random) -> None:
        """Somebody deletes a row."""
        for record in self._some(draw):
            del self.rows[record]

    def leave_out(self, draw: random.Random) -> None:
        """A row begins, or ends, to be one that a filter leaves out."""
        for record in self._some(draw, *KEPT):
            self._set(record, KEPT[record[0]], IN if self.rows[record][KEPT[record[0]]] == LEFT_OUT else LEFT_OUT)

    def override(self, draw: random.Random) -> None:
        """Somebody says that two rows are always, or never, one customer; or takes such a word back."""
        for pairs in (self.always, self.never):
            if pairs and draw.random() < 0.5:
                pairs.remove(draw.choice(sorted(pairs)))
        for one, other in zip(self._some(draw), self._some(draw), strict=True):
            if one < other and (one, other) not in self.always | self.never:
                draw.choice((self.always, self.never)).add((one, other))

    def empty_link(self, draw: random.Random) -> None:
        """Somebody empties the link of a row."""
        self.edits |= dict.fromkeys(self._some(draw, CONTACT))

    def change_link(self, draw: random.Random) -> None:
        """Somebody gives a row the link of another one."""
        self.edits |= zip(self._some(draw, CONTACT, LEAD), self._some(draw, CONTACT, LEAD), strict=True)

    def lose_profile(self, draw: random.Random) -> None:
        """Somebody deletes the profile of a row in the CRM."""
        self.losses |= dict.fromkeys(self._some(draw, CONTACT, LEAD), "profile")

    def lose_key(self, draw: random.Random) -> None:
        """Somebody deletes the alternate key of a row in the CRM."""
        self.losses |= dict.fromkeys(self._some(draw), "key")

    def unified(self, setting: Setting) -> Rows:
        """Return the rows that no filter leaves out."""
        return {
            record: row
            for record, row in self.rows.items()
            if not (setting.filters and record[0] in KEPT and row[KEPT[record[0]]] == LEFT_OUT)
        }

    def project(self, setting: Setting) -> Project:
        """Return the project as the oracle takes it, with this family's part of the overrides."""
        project = Project(
            tables=tuple(Table(name, key, include_all=name != LEAD) for name, key in PRIMARY_KEYS),
            match=tuple(Between(upper, lower, _rules(setting, upper, lower)) for upper, lower in PAIRS),
            profile=tuple(profile_column(name, *columns.items()) for name, columns in profile_of(setting).items()),
            always=tuple(sorted(self.always)),
            never=tuple(sorted(self.never)),
        )
        return replace(project, tables=tuple(replace(table, content=used(project, table)) for table in project.tables))

    def _set(self, record: Record, column: str, value: str | None) -> None:
        self.rows[record] = {**self.rows[record], column: value}

    def _some(self, draw: random.Random, *tables: str) -> list[Record]:
        """Draw one record, of these tables if any are named; none where there is none."""
        found = sorted(record for record in self.rows if not tables or record[0] in tables)
        return [draw.choice(found)] if found else []

    def _email(self, draw: random.Random) -> str | None:
        name = draw.choice(("a", "b", "c", "d", "e", None))
        return name and draw.choice((str.upper, str.lower))(f"{name}.{self.number}@x")

    def _phone(self, draw: random.Random) -> str | None:
        return draw.choice((None, None, *(f"{self.number}{digit}" for digit in "123")))


STEPS: Mapping[Callable[[Family, random.Random], None], int] = {
    Family.insert: 4,
    Family.edit: 4,
    Family.merge: 4,
    Family.split: 4,
    Family.delete: 3,
    Family.leave_out: 3,
    Family.override: 2,
    Family.empty_link: 2,
    Family.change_link: 2,
}
"""What people do, and how often."""
LOSSES: Mapping[Callable[[Family, random.Random], None], int] = {Family.lose_profile: 2, Family.lose_key: 2}
"""What they should not do in the CRM, and only a full run finds out."""

PAIRS = ((CONTACT, LEAD), (CONTACT, MEMBER), (LEAD, MEMBER))
PRIMARY_KEYS = ((CONTACT, "contactid"), (LEAD, "leadid"), (MEMBER, "memberid"))


def guid(table: str, family: int, number: int) -> str:
    """Return the key of a row of the CRM; it names its family."""
    return f"{family:08d}-0000-4000-8000-{TABLES.index(table):02d}{number:010d}"


def family_of(record: Record) -> int:
    """Return the number of the family that a record belongs to."""
    key = str(record[1])
    return int(key[1:5] if record[0] == MEMBER else key[:8])


def profile_of(setting: Setting) -> dict[str, dict[str, str]]:
    """Return the columns of the profile: from which column of each table."""
    return {"Email": EMAIL, "Phone": PHONE} if setting.with_phone else {"Email": EMAIL}


def compared(setting: Setting) -> dict[str, tuple[Mapping[str, str], tuple[str, ...]]]:
    """Return the rules by their names: which column of each table is compared, and how it is normalized."""
    email = {"Email": (EMAIL, ("lowercase",))}
    return {**email, "Phone": (PHONE, ())} if setting.by_phone else {**email}


def _rules(setting: Setting, upper: str, lower: str) -> tuple[Rule, ...]:
    return tuple(
        Rule(name, (Condition(columns[upper], columns[lower], normalize),))
        for name, (columns, normalize) in compared(setting).items()
    )
