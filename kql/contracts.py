"""What a function promises: its parameters and the columns of its answer, derived and never written down."""

from dataclasses import dataclass

from emulator.types import KqlType, Schema

ParameterDefault = bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class FunctionParameter:
    """A parameter of a function; `default_text` is the KQL literal, None when the caller must give a value.

    `default` is that literal as a Python value: ISO text for datetimes, None for a typed null.
    """

    name: str
    type: KqlType
    default_text: str | None
    default: ParameterDefault
    docstring: str

    @property
    def is_required(self) -> bool:
        """Whether a call without it fails."""
        return self.default_text is None


@dataclass(frozen=True, slots=True)
class FunctionContract:
    """A stored function as its callers see it; the columns of `result` carry their descriptions."""

    name: str
    docstring: str
    parameters: tuple[FunctionParameter, ...]
    result: Schema

    def parameter(self, name: str) -> FunctionParameter | None:
        """Return the parameter of that exact name."""
        return next((parameter for parameter in self.parameters if parameter.name == name), None)
