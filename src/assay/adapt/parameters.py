"""What a recipe's parameters may be: their defaults, ranges and meaning, and `resolve`, which fills and checks them.

A recipe is resolved before anything runs, so that a wrong name or value costs no training. The table of a recipe is
data: the command line's help, the JSON Schema and the docs are written from it. This file imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from assay.errors import SpecError, UnknownNameError, suggest
from assay.spec import Recipe

ParameterKind = Literal["number", "integer", "flag", "choice", "numbers", "text", "texts", "names"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a recipe."""

    default: Any
    """The value when none is given."""
    about: str
    """What it does, in one sentence."""
    kind: ParameterKind = "number"
    """`number`, `integer`, `flag` (true or false), `choice` (one of `choices`), `numbers` (one or a list of them),
    `text`, `texts` (one or a list of them), `names` (a table from text to text)."""
    low: float | None = None
    """Smallest value allowed."""
    high: float | None = None
    """Largest value allowed."""
    above: float | None = None
    """A bound that the value must exceed."""
    choices: tuple[Any, ...] = ()
    """Values of a `choice`; for the other kinds, words that are allowed besides (`auto`, `all`)."""
    optional: bool = False
    """Whether None is allowed."""
    holding: str = ""
    """What each of `texts` must hold."""

    def read(self, value: Any) -> Any:
        """The value in its plain form; raises ValueError with the reason where it cannot be used."""
        if value is None and self.optional:
            return None
        if isinstance(value, str) and value in self.choices:
            return value
        if self.kind == "choice":
            return self._read_choice(value)
        if self.kind == "flag":
            if not isinstance(value, bool):
                raise ValueError(f"must be true or false, not {value!r}")
            return value
        if self.kind == "text":
            if not isinstance(value, str):
                raise ValueError(f"must be a text, not {value!r}")
            return value
        if self.kind == "texts":
            return self._read_texts(value)
        if self.kind == "names":
            return _read_names(value)
        if self.kind == "numbers":
            return self._read_numbers(value)
        return self._read_number(value)

    def _read_choice(self, value: Any) -> Any:
        for choice in self.choices:
            if type(choice) is type(value) and choice == value:
                return choice
        known = ", ".join(str(choice) for choice in self.choices)
        raise ValueError(f"must be one of {known}, not {value!r}{_near(value, self.choices)}")

    def _read_texts(self, value: Any) -> tuple[str, ...]:
        many: list[Any] = [value] if isinstance(value, str) else list(value) if isinstance(value, (list, tuple)) else []
        if not many or not all(isinstance(text, str) and self.holding in text for text in many):
            holding = f" that holds {self.holding}" if self.holding else ""
            raise ValueError(f"must be a text{holding}, or a list of such texts, not {value!r}")
        return tuple(many)

    def _read_numbers(self, value: Any) -> tuple[float, ...]:
        many: Sequence[Any] = [value] if isinstance(value, (int, float, str)) else list(value or ())
        if not many:
            raise ValueError("must be a number or a list of numbers, and the list is empty")
        return tuple(sorted({float(self._read_number(item)) for item in many}))

    def _read_number(self, value: Any) -> float | int:
        words = f" or one of {', '.join(map(str, self.choices))}" if self.choices else ""
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
            raise ValueError(f"must be a number{words}, not {value!r}{_near(value, self.choices)}")
        if self.kind == "integer":
            if float(value) != int(value):
                raise ValueError(f"must be a whole number{words}, not {value!r}")
            value = int(value)
        if self.above is not None and not value > self.above:
            raise ValueError(f"must be above {self.above:g}, not {value!r}")
        if (self.low is not None and value < self.low) or (self.high is not None and value > self.high):
            raise ValueError(f"must be {_range(self.low, self.high)}, not {value!r}")
        return value


def resolve(method: str, params: Mapping[str, Any] | None = None) -> Recipe:
    """The recipe with every parameter filled in and checked.

    Args:
        method: A name of `assay.builtin.ADAPTERS`, or of a plugin.
        params: Parameters that differ from their defaults.

    Returns:
        A Recipe whose `params` name every parameter of the method.

    Raises:
        UnknownNameError: no such method or parameter; the nearest names are offered.
        SpecError: values out of range; all of them at once.

    Example:
        >>> resolve("knn", {"k": 5}).params["k"]
        (5.0,)
    """
    from assay.builtin import ADAPTERS

    adapter = ADAPTERS[method]
    table: Mapping[str, Parameter] = getattr(adapter, "parameters", {})
    filled = dict(adapter.defaults)
    faults: list[tuple[str, str]] = []
    for name, value in (params or {}).items():
        if name not in filled:
            raise UnknownNameError("parameter", name, filled, where=f"recipe {method!r}")
        try:
            filled[name] = table[name].read(value) if name in table else value
        except (ValueError, TypeError) as error:
            faults.append((name, str(error)))
    if faults:
        raise SpecError(f"recipe {method!r}", faults)
    return Recipe(method=method, params=filled)


def whole_numbers(method: str) -> list[str]:
    """The parameters of a recipe that are counts."""
    from assay.builtin import ADAPTERS

    table: Mapping[str, Parameter] = getattr(ADAPTERS[method], "parameters", {})
    return [name for name, parameter in table.items() if parameter.kind == "integer"]


def defaults_of(parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    """Every parameter with its default, read as a user's value would be."""
    return {name: parameter.read(parameter.default) for name, parameter in parameters.items()}


def _read_names(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or not value or not all(isinstance(name, str) for name in value.values()):
        raise ValueError(f"must be a table such as {{'0': zero, '1': one}}, not {value!r}")
    return {str(key): name for key, name in value.items()}


def _near(value: Any, choices: Sequence[Any]) -> str:
    near = suggest(value, [choice for choice in choices if isinstance(choice, str)]) if isinstance(value, str) else ""
    return near if "did you mean" in near else ""


def _range(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"between {low:g} and {high:g}"
    return f"at least {low:g}" if low is not None else f"at most {high:g}"
