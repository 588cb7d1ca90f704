"""A project file as YAML: its values, and where each of them stands.

A *path* is the way to a place in the file: the keys and, in lists, the indexes from its top (`errors.Problem.path`).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import yaml

from backstamp import errors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KeyPath: TypeAlias = tuple[str | int, ...]

_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)\}")
# A brace ends a plain value inside {…}, so `${NAME}` is read with other characters in the place of its braces: as
# many, so that every column stays.
_HIDDEN = re.compile("\\$\ue000([A-Za-z_]\\w*)\ue001")

_TAG = "tag:yaml.org,2002:"
_VALUES: dict[str, Callable[[str], object]] = {
    _TAG + "null": lambda _: None,
    _TAG + "bool": lambda text: text.lower() == "true",
    _TAG + "int": int,
    _TAG + "float": float,
    _TAG + "str": str,
}


class _Loader(yaml.SafeLoader):
    """YAML 1.2's core: `off`, `no`, `012`, `12:30` and `2024-02-30` are text, as they look."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - the base class has it so


_Loader.add_implicit_resolver(_TAG + "null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver(_TAG + "bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Loader.add_implicit_resolver(_TAG + "int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    _TAG + "float", re.compile(r"^[-+]?[0-9]+(?:\.[0-9]+(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)$"), list("-+0123456789")
)


@dataclass(frozen=True)
class Document:
    """A project file that is proper YAML."""

    file: str
    root: yaml.Node

    def locate(self, path: KeyPath) -> errors.Location:
        """Return the place of a key or of an item of a list; where it is not there, of what it should be in."""
        mark, _ = self._reach(path)
        return errors.Location(self.file, mark.line + 1, mark.column + 1)

    def has(self, path: KeyPath) -> bool:
        """Tell whether there is such a place."""
        return self._reach(path)[1] is not None

    def text(self, path: KeyPath) -> str | None:
        """Return the value there as it is written, variables by their names; None where it is no single value."""
        _, node = self._reach(path)
        return _written(node) if isinstance(node, yaml.ScalarNode) else None

    def is_variable(self, path: KeyPath) -> bool:
        """Tell whether the value there is an environment variable and nothing else."""
        return _VARIABLE.fullmatch(self.text(path) or "") is not None

    def is_empty(self, path: KeyPath) -> bool:
        """Tell whether there is a key without a value, or an item that is nothing."""
        _, node = self._reach(path)
        return node is not None and node.tag == _TAG + "null"

    def keys(self, path: KeyPath) -> tuple[str, ...]:
        """Return the keys there, none where it is no mapping."""
        _, node = self._reach(path)
        return tuple(map(str, _children(node))) if isinstance(node, yaml.MappingNode) else ()

    def values(self, path: KeyPath = ()) -> tuple[object, list[errors.Problem]]:
        """Return what is there as Python values, `${NAME}` replaced by the environment variable, and what is wrong.

        What is wrong: keys that stand twice or are no text, tags, variables that are not set.
        """
        problems: list[errors.Problem] = []
        _, node = self._reach(path)
        return _value(node, path, problems) if node else None, problems

    def _reach(self, path: KeyPath) -> tuple[yaml.Mark, yaml.Node | None]:
        """Return the mark of the last part of the path that there is, and the value there if that is all of it."""
        mark, node = self.root.start_mark, self.root
        for part in path:
            found = _children(node).get(part)
            if found is None:
                return mark, None
            mark, node = found
        return mark, node


def read(path: Path) -> Document:
    """Read a file.

    Raises:
        ConfigurationError: there is none, or it is no YAML.
    """
    file = str(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        root = yaml.compose(_VARIABLE.sub("$\ue000\\1\ue001", text), Loader=_Loader)
    except OSError as error:
        message = f"This project file cannot be read ({error.strerror}): name one with --project."
        raise errors.ConfigurationError(message, errors.Location(file)) from error
    except UnicodeDecodeError as error:
        raise errors.ConfigurationError("This file is not in UTF-8: save it so.", errors.Location(file)) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        location = errors.Location(file, mark.line + 1, mark.column + 1) if mark else errors.Location(file)
        said = " ".join(part for part in (error.context, error.problem) if part)
        message = f"This is no YAML ({said}): check indentation, quotes and brackets here."
        raise errors.ConfigurationError(message, location) from error
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        location = errors.Location(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise errors.ConfigurationError("A character here is not allowed in YAML: remove it.", location) from error
    if root is None:
        message = "This project file is empty: it needs version, environment, sources and unify."
        raise errors.ConfigurationError(message, errors.Location(file, 1, 1))
    return Document(file, root)


def _children(node: yaml.Node) -> dict[str | int, tuple[yaml.Mark, yaml.Node]]:
    """Return what is in a mapping (of a key that stands twice the later one) or in a list, each with its mark."""
    if isinstance(node, yaml.MappingNode):
        items = ((key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode))
        return {_written(key): (key.start_mark, value) for key, value in items}
    if isinstance(node, yaml.SequenceNode):
        return {index: (item.start_mark, item) for index, item in enumerate(node.value)}
    return {}


def _value(node: yaml.Node, path: KeyPath, problems: list[errors.Problem], above: tuple[yaml.Node, ...] = ()) -> object:
    if any(node is outer for outer in above):
        problems.append(errors.Problem(path, "This alias stands for something that it is in itself: write it out."))
        return None
    above = (*above, node)
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, path, problems)
    if isinstance(node, yaml.MappingNode):
        problems += _wrong_keys(node, path)
    values = {part: _value(item, (*path, part), problems, above) for part, (_, item) in _children(node).items()}
    return values if isinstance(node, yaml.MappingNode) else list(values.values())


def _scalar(node: yaml.ScalarNode, path: KeyPath, problems: list[errors.Problem]) -> object:
    written = _written(node)
    if missing := [name for name in _VARIABLE.findall(written) if name not in os.environ]:
        problems += [_not_set(path, name) for name in missing]
        return None
    try:
        return _VALUES[node.tag](_VARIABLE.sub(lambda found: os.environ[found[1]], written))
    except (KeyError, ValueError):
        problems.append(errors.Problem(path, f"The tag `{node.tag}` does not fit here: remove it."))
        return None


def _written(node: yaml.ScalarNode) -> str:
    return _HIDDEN.sub(r"${\1}", str(node.value))


def _not_set(path: KeyPath, name: str) -> errors.Problem:
    return errors.Problem(path, f"The environment variable `{name}` is not set: set it before you start backstamp.")


def _wrong_keys(node: yaml.MappingNode, path: KeyPath) -> list[errors.Problem]:
    keys = [_written(key) if isinstance(key, yaml.ScalarNode) else None for key, _ in node.value]
    repeated = [key for key in dict.fromkeys(keys) if key is not None and keys.count(key) > 1]
    problems = [errors.Problem((*path, key), f"`{key}` stands here twice: keep one of the two.") for key in repeated]
    return problems + [errors.Problem(path, "A key here is no text: write `key: value`.")] * (None in keys)
