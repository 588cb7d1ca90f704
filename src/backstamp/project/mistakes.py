"""What Pydantic finds wrong in a file, in our words and at its place in the file.

Values are not quoted, unless they name a kind: they may come from a variable, and be secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Literal

from backstamp import errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pydantic
    from pydantic_core import ErrorDetails

    from backstamp.project.document import Document, KeyPath

_EXPECTED = {
    "string": "text",
    "bool": "true or false",
    "int": "a whole number",
    "tuple": "a list",
    "dict": "a mapping (`key: value`)",
    "dataclass": "a mapping (`key: value`)",
    "model": "a mapping (`key: value`)",
}
_LATER_VALUES = frozenset({"sql"})


@dataclass(frozen=True)
class _Finding:
    """One error: its path without what Pydantic puts into it, and for a wrong value what could stand there."""

    path: KeyPath
    kind: Literal["lacking", "unknown", "wrong"]
    expected: str = ""


def problems(
    error: pydantic.ValidationError, document: Document, schema: Mapping[str, Any]
) -> Iterator[errors.Problem]:
    """Yield what is wrong, once for each place; `schema` is the file's JSON Schema."""
    found: dict[KeyPath, list[_Finding]] = {}
    for detail in error.errors(include_url=False, include_input=False):
        finding = _finding(detail, document)
        found.setdefault(finding.path, []).append(finding)
    unknown = {path: _others_at(path, document, schema) for path in found if found[path][0].kind == "unknown"}
    meant = {(*path[:-1], errors.nearest(str(path[-1]), possible)) for path, possible in unknown.items()}
    for path, findings in found.items():
        # A value that may be of several kinds is told as each of them: it was meant as the one that goes deepest.
        if path not in meant and not any(path == other[: len(path)] != other for other in found):
            message = _unknown(path, unknown[path]) if path in unknown else _message(findings, document)
            yield errors.Problem(path, message)


def _others_at(path: KeyPath, document: Document, schema: Mapping[str, Any]) -> list[str]:
    """Return the keys that the file may have in place of an unknown one, which another kind of mapping may know."""
    *outer, unknown = path
    found: Sequence[Mapping[str, Any]] = [schema]
    for depth, part in enumerate(outer):
        kinds = [kind for one in found for kind in _kinds(one, path[:depth], document, schema)]
        found = [inner for kind in kinds if (inner := _inner(kind, part))]
    kinds = [kind for one in found for kind in _kinds(one, path[:-1], document, schema)]
    return sorted({key for kind in kinds for key in kind.get("properties", {})} - {unknown})


def _kinds(
    one: Mapping[str, Any], path: KeyPath, document: Document, schema: Mapping[str, Any]
) -> Iterator[Mapping[str, Any]]:
    """Yield the schemas that a schema may stand for: all kinds of a union, or the one that the file names."""
    several = one.get("anyOf", one.get("oneOf", ()))
    if "$ref" in one:
        several = [schema["$defs"][one["$ref"].rpartition("/")[2]]]
    elif "discriminator" in one:
        named = document.text((*path, one["discriminator"]["propertyName"]))
        reference = one["discriminator"]["mapping"].get(named)
        several = [{"$ref": reference}] if reference else several
    for kind in several:
        yield from _kinds(kind, path, document, schema)
    if not several:
        yield one


def _inner(kind: Mapping[str, Any], part: str | int) -> Mapping[str, Any] | None:
    """Return the schema of what is under a key or at an index, None where there is none."""
    inner = kind.get("items") if isinstance(part, int) else kind.get("properties", {}).get(part)
    return inner or kind.get("additionalProperties") or None


def _finding(detail: ErrorDetails, document: Document) -> _Finding:
    path: KeyPath = ()
    for part, following in zip_longest(detail["loc"], detail["loc"][1:]):
        deeper = (*path, part)
        # A part may also be the name of one of several kinds, even if there is a key called so.
        is_kind = following and document.has((*path, following)) and not document.has((*deeper, following))
        if document.has(deeper) and not is_kind:
            path = deeper
    match detail["type"]:
        case "missing":
            return _Finding((*path, detail["loc"][-1]), "lacking")
        case "unexpected_keyword_argument":
            return _Finding(path, "unknown")
        case "union_tag_not_found":
            key = _kind_key(detail)
            near = errors.nearest(key, document.keys(path))
            return _Finding((*path, near), "unknown") if near else _Finding((*path, key), "lacking")
        case "union_tag_invalid":
            path = (*path, _kind_key(detail))
    return _Finding(path, "wrong", _expected(detail))


def _expected(detail: ErrorDetails) -> str:
    """Return what could stand in the place of a wrong value: a noun, or several."""
    context = detail.get("ctx", {})
    match detail["type"]:
        case "union_tag_invalid":
            return str(context["expected_tags"]).replace(", ", " or ")
        case "literal_error":
            return str(context["expected"])
        case "too_short":
            return f"{context['min_length']} item or more, not none"
        case "too_long":
            return f"{context['max_length']} items, not more"
        case other:
            return _EXPECTED.get(other.partition("_")[0], detail["msg"].removeprefix("Input should be "))


def _kind_key(detail: ErrorDetails) -> str:
    """Return the key that says of which kind a mapping is: the last name in `'from_' | 'from'`."""
    name = str(detail["ctx"]["discriminator"])
    return name.split("'")[-2] if "'" in name else "from"  # a function tells sources apart


def _unknown(path: KeyPath, possible: Sequence[str]) -> str:
    key = str(path[-1])
    hint = errors.did_you_mean(key, possible)
    return f"There is no setting `{key}` here.{hint} Possible are: {', '.join(possible)}."


def _message(findings: Sequence[_Finding], document: Document) -> str:
    path = findings[0].path
    what = _called(path)
    if findings[0].kind == "lacking":
        return f"{_called(path[:-1])} lacks {'an item' if isinstance(path[-1], int) else what}: add it."
    if document.is_empty(path):
        return f"{what} has no value: give it one, or leave it out."
    expected = " or ".join(dict.fromkeys(finding.expected for finding in findings))
    value = document.text(path)
    return f"{what} should be {expected}." + (f" `{value}` comes in a later version." if value in _LATER_VALUES else "")


def _called(path: KeyPath) -> str:
    match path:
        case (*_, str(listed), int(index)):
            return f"Item {index + 1} of `{listed}`"
        case (*_, int(index)):
            return f"Item {index + 1}"
        case (*_, key):
            return f"`{key}`"
    return "The file"
