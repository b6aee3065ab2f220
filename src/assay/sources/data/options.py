"""The options after `?` in a data name: `log.csv?text=body&label=y&time=date`.

Options are strict: an unknown one is refused with the nearest right one. `%26` stands for a `&` inside a value.
A path that exists as it is written, question mark included, is taken as a path without options.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote

from assay.errors import UnknownNameError, UsageError

Options = dict[str, list[str]]


def split_name(name: str) -> tuple[str, Options]:
    """The path or name, and the options that follow it, each with all its values in order."""
    path, mark, tail = name.rpartition("?")
    if not mark or "=" not in tail or Path(name).exists():
        return name, {}
    options: Options = {}
    for part in tail.split("&"):
        key, equals, value = part.partition("=")
        if not equals or not key:
            raise UsageError(f"{name}: an option is written key=value, got {part!r}")
        options.setdefault(unquote(key), []).append(unquote(value))
    return path, options


def check_known(options: Options, known: Iterable[str], where: str) -> None:
    """Refuse options that the source does not have.

    Raises:
        UnknownNameError: with the nearest option that there is.
    """
    known = tuple(known)
    for key in options:
        if key not in known:
            raise UnknownNameError("option", key, known, where=where)


def single(options: Options, key: str, default: str | None = None) -> str | None:
    """The only value of an option, or the default.

    Raises:
        UsageError: when the option is given more than once.
    """
    values = options.get(key, [])
    if len(values) > 1:
        raise UsageError(f"option {key!r} is given {len(values)} times; it takes one value")
    return values[0] if values else default


def chosen(options: Options, key: str, allowed: tuple[str, ...]) -> str:
    """One of the allowed values; the first of them is the default.

    Raises:
        UnknownNameError: for another value.
    """
    value = single(options, key, allowed[0])
    assert value is not None
    if value not in allowed:
        raise UnknownNameError(f"value of option {key!r}:", value, allowed)
    return value
