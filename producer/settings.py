"""What the composition root tells the sources; nothing here reads the environment."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from producer.errors import NotEntitled, Offline
from producer.secret import Secret

SYMBOLS = ("AAPL", "MSFT", "AMZN", "GOOGL", "NVDA")
KEY_PREFIX = "TICKHOUSE_"


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """Whether sources may use the network, and how patient they are."""

    offline: bool = False
    timeout_seconds: float = 15.0

    def require_network(self, source: str) -> None:
        """Raise `Offline` where the network is switched off."""
        if self.offline:
            raise Offline(
                "the network is switched off",
                source=source,
                hint="unset TICKHOUSE_OFFLINE, or use the simulated market or files",
            )


@dataclass(frozen=True, slots=True)
class ProviderKeys:
    """The keys of the providers that need one; a field `finnhub_key` is read from `TICKHOUSE_FINNHUB_KEY`."""

    alpaca_key: Secret | None = None
    alpaca_secret: Secret | None = None
    finnhub_key: Secret | None = None
    tiingo_key: Secret | None = None
    alpha_vantage_key: Secret | None = None
    twelve_data_key: Secret | None = None

    @classmethod
    def from_variables(cls, variables: Mapping[str, str]) -> "ProviderKeys":
        """Take the keys out of variables, those of the environment or of a vault; an empty one is none."""
        found = {field.name: variables.get(variable_of(field.name), "").strip() for field in fields(cls)}
        return cls(**{name: Secret(value) for name, value in found.items() if value})


def variable_of(key: str) -> str:
    """Return the name of the variable that a key is read from."""
    return KEY_PREFIX + key.upper()


def require_key(secret: Secret | None, source: str, key: str) -> Secret:
    """Return a key that is there, or raise `NotEntitled` with the variable to set."""
    if secret is None:
        raise NotEntitled("no key is set", source=source, hint=f"set {variable_of(key)}")
    return secret
