"""Functions of values that Ibis does not name, spelled so that every engine gives the same.

Where no spelling fits all, the function has a name of ours here, and each engine defines it when it is opened.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache, reduce
from operator import add
from typing import TYPE_CHECKING
from uuid import UUID

import ibis
import ibis.expr.datatypes as dt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    import ibis.expr.types as ir


@ibis.udf.scalar.builtin(name="unhex")
def _bytes_of(hexadecimal: str) -> bytes:  # type: ignore[empty-body]
    """Return the bytes that hexadecimal digits stand for."""


@ibis.udf.scalar.builtin(name="hex")
def _hexadecimal(text: str) -> str:  # type: ignore[empty-body]
    """Return the hexadecimal digits of the UTF-8 bytes of a text."""


@ibis.udf.scalar.builtin(name="sha1")
def _sha1(data: bytes) -> str:  # type: ignore[empty-body]
    """Return the SHA-1 of bytes in hexadecimal digits."""


@ibis.udf.scalar.builtin(name="md5_number", signature=((dt.string,), dt.Decimal(38, 0)))
def _md5(text: str) -> Decimal:  # type: ignore[empty-body]
    """Return the MD5 of a text, 128 bits that are only ever compared with others; an engine keeps them as it can."""


@ibis.udf.scalar.builtin(name="time_in_utc", signature=((dt.string,), dt.Timestamp(scale=6)))
def _utc_time(text: str) -> datetime:  # type: ignore[empty-body]
    """Return the time in UTC that ISO text tells, with its offset or without one; null where it is none."""


@ibis.udf.scalar.builtin(name="local_time", signature=((dt.Timestamp(scale=6), dt.string), dt.Timestamp(scale=6)))
def _local_time(time: datetime, zone: str) -> datetime:  # type: ignore[empty-body]
    """Return what clocks in a zone show at a time in UTC."""


@ibis.udf.scalar.builtin(name="time_at_local", signature=((dt.Timestamp(scale=6), dt.string), dt.Timestamp(scale=6)))
def _time_at_local(shown: datetime, zone: str) -> datetime:  # type: ignore[empty-body]
    """Return the time in UTC at which clocks in a zone show something."""


@ibis.udf.scalar.builtin(name="quotient", signature=((dt.Decimal(23, 10), dt.Decimal(23, 10)), dt.Decimal(38, 10)))
def _quotient(one: Decimal, other: Decimal) -> Decimal:  # type: ignore[empty-body]
    """Return one number divided by another; null where that is 0."""


@ibis.udf.scalar.builtin(name="substring")
def _part(text: str, start: int, length: int) -> str:  # type: ignore[empty-body]
    """Return so many characters from a place on, counted from 1 (Ibis's own spelling also counts from the end)."""


CONSTANTS = {int: dt.int64, str: dt.string, datetime: dt.Timestamp(scale=6)}
"""The types that constants of an engine have."""

_GUID = "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"


def lower_guid(key: ir.StringValue) -> ir.StringValue:
    """Return a key as keys are compared: a GUID is the same in capitals and in small letters (unification.md 1.1)."""
    small = key.lower()
    # Few keys have capitals: only they are held against the form of a GUID, which takes long.
    return ((key != small) & key.re_search(_GUID)).ifelse(small, key)


def whole(number: int) -> ir.IntegerScalar:
    """Return a constant of 64 bits; a bare literal would be kept in the smallest type that holds it."""
    return ibis.literal(number).cast(dt.int64)


@cache
def variable(name: str, kind: dt.DataType) -> ir.Scalar:
    """Return the value of a variable of DuckDB's."""

    def getvariable(called: str) -> ir.Scalar:
        """Return what it was set to."""

    return ibis.udf.scalar.builtin(getvariable, signature=((dt.string,), kind))(name)


def total(numbers: ir.IntegerColumn) -> ir.IntegerScalar:
    """Return the sum of whole numbers in 64 bits; DuckDB makes it 128, which Ibis does not know, and casts nothing."""
    return numbers.sum().cast(dt.float64).cast(dt.int64)


def quotient(one: ir.DecimalValue, other: ir.DecimalValue) -> ir.DecimalValue:
    """Return one decimal of 23 digits, ten behind the point, divided by another; null where that is 0.

    It is rounded half away from zero to ten digits: no engine goes through floating numbers.
    """
    return _quotient(one, other)


def local_time(time: ir.TimestampValue, zone: str) -> ir.TimestampValue:
    """Return what clocks in a zone show at a time in UTC."""
    return _local_time(time, zone)


def start_of_day(day: ir.DateValue, zone: str) -> ir.TimestampValue:
    """Return the time in UTC at which a day begins in a zone."""
    begin = day.cast(dt.Timestamp(scale=6))
    return begin if zone == "UTC" else _time_at_local(begin, zone)


def at_extreme(value: ir.Value, order: ir.Value, *, largest: bool, where: ir.BooleanValue) -> ir.Value:
    """Return, of the rows of a group for which something holds, the value of the one that is last or first in order."""
    return _by(value.type(), order.type(), "max_by" if largest else "min_by")(value, order, where=where)


@cache
def _by(kind: dt.DataType, order: dt.DataType, name: str) -> Callable[..., ir.Value]:
    def by(value: ir.Value, order: ir.Value) -> ir.Value:
        """Return the value at the smallest or largest order."""

    return ibis.udf.agg.builtin(by, name=name, signature=((kind, order), kind))  # type: ignore[no-any-return]


def of_smallest(value: ir.Value, key: ir.IntegerValue) -> ir.Value:
    """Return, of the rows of a group where the value is not null, the value of the one with the smallest key."""
    return _min_by(value.type())(value, key, where=value.notnull())


@cache
def _min_by(kind: dt.DataType) -> Callable[..., ir.Value]:
    def min_by(value: ir.Value, key: ir.Value) -> ir.Value:
        """Return the value at the smallest key (Ibis's own `argmin` sorts)."""

    return ibis.udf.agg.builtin(min_by, signature=((kind, dt.int64), kind))  # type: ignore[no-any-return]


def joined(text: ir.StringValue, order: ir.Value) -> ir.StringValue:
    """Return the texts of a group in an order, with semicolons between them; an ordered aggregate is much slower."""
    pairs = ibis.struct({"order": order, "text": text}).collect().sort()
    return pairs.map(lambda pair: pair.text).join(";")


def utc_time(text: ir.StringValue) -> ir.TimestampValue:
    """Return the time in UTC that ISO text tells, null where it is none; without an offset it is UTC."""
    return _utc_time(text)


def digest(values: Sequence[ir.Value]) -> ir.StringValue:
    """Return a 128-bit hash of values, null counting as a value: hexadecimal digits.

    Each value is written with its length before it, so that ("ab", "c") and ("a", "bc") differ.
    """
    parts = [_length_prefixed(value.cast(dt.string)) for value in values]
    return ibis.literal("").concat(*parts).hexdigest("md5")


def key_hash(values: Sequence[ir.StringValue]) -> ir.Value:
    """Return the 128-bit hash of a match key, or null where one of its values is null.

    Of several values the lengths of all but the last come at the end, so that ("ab", "c") and ("a", "bc") differ; keys
    with another number of values are never compared with this one.
    """
    *others, last = values
    text = reduce(add, [*others, last])
    lengths = [value.length().cast(dt.string) for value in others]
    return _md5(reduce(lambda one, other: one + ":" + other, [text, *lengths]))


def short_hash(key: ir.Value) -> ir.IntegerValue:
    """Return 64 bits of what `key_hash` gives: enough to find who may have the same key."""
    return _short(key.type())(key)


@cache
def _short(kind: dt.DataType) -> Callable[..., ir.IntegerValue]:
    def short_hash(key: ir.Value) -> ir.IntegerValue:
        """Return 64 bits of a key."""

    return ibis.udf.scalar.builtin(short_hash, signature=((kind,), dt.int64))  # type: ignore[no-any-return]


def uuid5(namespace: UUID | ir.StringValue, *name: ir.StringValue) -> ir.StringValue:
    """Return the UUID version 5 of a name in a namespace, as text (RFC 9562, 5.5); U+0000 stands between its parts.

    A namespace that is an expression has its 32 hexadecimal digits.
    """
    digits_of_namespace = ibis.literal(namespace.hex) if isinstance(namespace, UUID) else namespace
    spelled = ibis.literal("00").join([_hexadecimal(part) for part in name])
    digits = _sha1(_bytes_of(digits_of_namespace + spelled))
    variant = _part("89ab", ibis.literal("0123456789abcdef").find(_part(digits, 17, 1)) % 4 + 1, 1)
    versioned, varied = ibis.literal("5") + _part(digits, 14, 3), variant + _part(digits, 18, 3)
    return ibis.literal("-").join([_part(digits, 1, 8), _part(digits, 9, 4), versioned, varied, _part(digits, 21, 12)])


def _length_prefixed(text: ir.StringValue) -> ir.StringValue:
    return ibis.coalesce(text.length().cast(dt.string) + ":" + text, ibis.literal("-"))
