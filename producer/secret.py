"""Keys of providers: carried, never shown."""

from dataclasses import dataclass, field

_SHOWN = "***"


@dataclass(frozen=True, slots=True)
class Secret:
    """A key or token; `str` and `repr` hide it, `value` is for the place that sends it."""

    value: str = field(repr=False)

    def __str__(self) -> str:
        return _SHOWN


def redact(text: str, *secrets: Secret) -> str:
    """Return a text in which no secret can be read; providers quote keys in their answers."""
    for secret in secrets:
        if secret.value:
            text = text.replace(secret.value, _SHOWN)
    return text
