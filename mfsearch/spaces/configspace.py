"""Ordinary hyper-parameter spaces, described with the ConfigSpace library (`pip install 'mfsearch[configspace]'`)."""

from __future__ import annotations

import copy
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ConfigSpace import Configuration, ConfigurationSpace
from ConfigSpace.exceptions import (
    ActiveHyperparameterNotSetError,
    ForbiddenValueError,
    IllegalValueError,
    InactiveHyperparameterSetError,
)
from ConfigSpace.hyperparameters import (
    CategoricalHyperparameter,
    Constant,
    FloatHyperparameter,
    Hyperparameter,
    IntegerHyperparameter,
    OrdinalHyperparameter,
)
from ConfigSpace.util import deactivate_inactive_hyperparameters
from numpy.typing import NDArray

from mfsearch.errors import SpaceError
from mfsearch.records import Architecture, Gene, InputLayout
from mfsearch.spaces.base import AbstractSearchSpace

_STEP = 0.1  # of an axis' range, on its own (perhaps logarithmic) scale: how far a neighbour is
_LISTED = 10_000  # more combinations than these are sampled, not listed
_INVALID = (ActiveHyperparameterNotSetError, ForbiddenValueError, IllegalValueError, InactiveHyperparameterSetError)


class ConfigSpaceAdapter(AbstractSearchSpace):
    """A mixed, conditional space. The genotype is one gene a hyper-parameter in ConfigSpace's order, None where it is inactive.

    Columns of the encoding, hyper-parameter by hyper-parameter: floats, integers and ordinals one numeric column in [0, 1] (on
    a logarithmic scale where they have one, 0 while inactive), and one more that is 1 while active where a condition may switch
    them off; categoricals one-hot, all zeros while inactive; constants none.

    Args:
        configuration_space: The space; it is copied, so that drawing from it changes nothing of the caller's.

    Raises:
        SpaceError: If a hyper-parameter has a kind, or a choice a type, that cannot be written as JSON, or nothing varies.
    """

    def __init__(self, configuration_space: ConfigurationSpace) -> None:
        self.name = configuration_space.name or "configspace"
        self._space = copy.deepcopy(configuration_space)
        self._parameters: dict[str, Hyperparameter[Any, Any]] = dict(self._space)
        self._conditional = set(self._space.conditional_hyperparameters)
        numeric: list[int] = []
        categorical: list[tuple[int, ...]] = []
        width = 0
        for name, parameter in self._parameters.items():
            _check_kind(name, parameter)
            columns = range(width, width + self._width(parameter))
            if isinstance(parameter, CategoricalHyperparameter):
                categorical.append(tuple(columns))
            else:
                numeric.extend(columns)
            width += len(columns)
        if not width:
            raise SpaceError(f"a space must have something to choose; {self.name!r} has constants only. Add a hyper-parameter.")
        self._layout = InputLayout(tuple(numeric), tuple(categorical))

    @property
    def layout(self) -> InputLayout:
        """Numeric columns and one-hot groups, as the class says."""
        return self._layout

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        """Draw n configurations from the priors of the hyper-parameters."""
        if n == 0:
            return []
        self._space.seed(int(rng.integers(2**31)))
        return [self.architecture(configuration) for configuration in self._space.sample_configuration(size=n)]

    def architecture(self, values: Mapping[str, Any]) -> Architecture:
        """The architecture of the active hyper-parameters' values.

        Raises:
            SpaceError: If a value is not allowed, an active one is missing, an inactive one is given, or a clause forbids it.
        """
        for name in values:
            if name not in self._parameters:
                raise SpaceError(
                    f"a hyper-parameter must be one of {', '.join(self._parameters)}; got {name!r}. Correct its name."
                )
        plain = {name: _plain(self._parameters[name], values[name]) for name in self._parameters if name in values}
        try:
            Configuration(self._space, values=plain)
        except _INVALID as error:
            text = " ".join(str(error).split())
            raise SpaceError(
                f"a configuration must be allowed by the space; got {json.dumps(plain)}. ConfigSpace says: {text}"
            ) from None
        return Architecture(self.name, tuple(plain.get(name) for name in self._parameters), json.dumps(plain))

    def values(self, architecture: Architecture) -> dict[str, Gene]:
        """The active hyper-parameters by name: what a training function wants."""
        values: dict[str, Gene] = json.loads(architecture.key)
        return values

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """One hyper-parameter changed: a tenth of the range up and down, the next ordinals, every other choice.

        Hyper-parameters that the change switches on start at their defaults; what a clause forbids is left out.
        """
        current = self.values(architecture)
        complete = {name: current.get(name, parameter.default_value) for name, parameter in self._parameters.items()}
        found: dict[str, Architecture] = {}
        for name, value in current.items():
            for changed in _alternatives(self._parameters[name], value):
                other = self._allowed(complete | {name: changed})
                if other is not None:
                    found[other.key] = other
        found.pop(architecture.key, None)
        return list(found.values())

    def encode(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        """The columns that the class describes, n x d."""
        rows = np.zeros((len(architectures), self._layout.width))
        for row, architecture in zip(rows, architectures, strict=True):
            values, column = self.values(architecture), 0
            for name, parameter in self._parameters.items():
                if name in values:
                    self._fill(row[column:], parameter, values[name])
                column += self._width(parameter)
        return rows

    def parse(self, text: str) -> Architecture:
        """Read a JSON object of the active hyper-parameters."""
        example = f"Write for example {json.dumps(dict(self._space.get_default_configuration()), default=str)}."
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise SpaceError(f"a configuration must be a JSON object; got {text!r} ({error}). {example}") from None
        if not isinstance(values, dict):
            raise SpaceError(f"a configuration must be a JSON object; got {text!r}. {example}")
        return self.architecture(values)

    def enumerate(self) -> list[Architecture] | None:
        """All configurations where nothing is real and there are at most 10,000 combinations, otherwise None."""
        sizes = [parameter.size for parameter in self._parameters.values()]
        if math.prod(sizes) > _LISTED:
            return None
        choices = [_all_values(parameter) for parameter in self._parameters.values()]
        allowed = (self._allowed(dict(zip(self._parameters, values, strict=True))) for values in itertools.product(*choices))
        return list(dict.fromkeys(architecture for architecture in allowed if architecture is not None))

    def _allowed(self, complete: dict[str, Any]) -> Architecture | None:
        """The architecture of a value for every hyper-parameter, those that are inactive dropped; None if it is forbidden."""
        try:
            return self.architecture(deactivate_inactive_hyperparameters(complete, self._space))
        except ForbiddenValueError:
            return None

    def _width(self, parameter: Hyperparameter[Any, Any]) -> int:
        if isinstance(parameter, Constant):
            return 0
        if isinstance(parameter, CategoricalHyperparameter):
            return len(parameter.choices)
        return 1 + (parameter.name in self._conditional)

    def _fill(self, columns: NDArray[np.float64], parameter: Hyperparameter[Any, Any], value: Any) -> None:
        if isinstance(parameter, CategoricalHyperparameter):
            columns[list(parameter.choices).index(value)] = 1.0
        elif not isinstance(parameter, Constant):
            columns[0] = _position(parameter, value)
            if parameter.name in self._conditional:
                columns[1] = 1.0


def _check_kind(name: str, parameter: Hyperparameter[Any, Any]) -> None:
    if isinstance(parameter, FloatHyperparameter | IntegerHyperparameter):
        return
    if not isinstance(parameter, CategoricalHyperparameter | OrdinalHyperparameter | Constant):
        raise SpaceError(
            f"hyper-parameter {name!r} must be a float, integer, categorical, ordinal or constant; "
            f"got {type(parameter).__name__}. Describe it with one of these."
        )
    for value in _all_values(parameter):
        if not isinstance(value, str | int | float | bool | None):
            raise SpaceError(f"choices of {name!r} must be strings, numbers, booleans or None; got {value!r}. Give them names.")


def _all_values(parameter: Hyperparameter[Any, Any]) -> list[Any]:
    if isinstance(parameter, Constant):
        return [_scalar(parameter.value)]
    if isinstance(parameter, CategoricalHyperparameter):
        return [_scalar(choice) for choice in parameter.choices]
    if isinstance(parameter, OrdinalHyperparameter):
        return [_scalar(value) for value in parameter.sequence]
    return list(range(int(parameter.lower), int(parameter.upper) + 1))  # type: ignore[attr-defined]  # an integer


def _alternatives(parameter: Hyperparameter[Any, Any], value: Any) -> list[Any]:
    if isinstance(parameter, CategoricalHyperparameter | Constant):
        return [other for other in _all_values(parameter) if other != value]
    if isinstance(parameter, OrdinalHyperparameter):
        sequence = _all_values(parameter)
        place = sequence.index(value)
        return sequence[max(place - 1, 0) : place] + sequence[place + 1 : place + 2]
    position = _position(parameter, value)
    stepped = [_plain(parameter, parameter.to_value(np.float64(min(max(position + step, 0.0), 1.0)))) for step in (-_STEP, _STEP)]
    if isinstance(parameter, IntegerHyperparameter):
        # A tenth of a short range may round back to where it came from.
        stepped = [min(stepped[0], max(value - 1, parameter.lower)), max(stepped[1], min(value + 1, parameter.upper))]
    return [other for other in stepped if other != value]


def _position(parameter: Hyperparameter[Any, Any], value: Any) -> float:
    """Where a value lies in [0, 1]."""
    if isinstance(parameter, OrdinalHyperparameter):
        return _all_values(parameter).index(value) / max(len(parameter.sequence) - 1, 1)
    return min(max(float(parameter.to_vector(value)), 0.0), 1.0)


def _plain(parameter: Hyperparameter[Any, Any], value: Any) -> Any:
    """The value as JSON knows it; one that is wrong stays as it is, for ConfigSpace to refuse."""
    value = _scalar(value)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and isinstance(parameter, FloatHyperparameter):
        return float(value)
    if number and isinstance(parameter, IntegerHyperparameter) and float(value).is_integer():
        return int(value)
    return value


def _scalar(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
