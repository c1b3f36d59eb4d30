"""What the composition root tells the sources; nothing here reads the environment."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from urllib.parse import urlsplit

from emulator.loopback import is_loopback_url
from producer.errors import BadData, NoKey, Offline
from producer.secret import Secret

KEY_PREFIX = "TICKHOUSE_"


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """Whether sources may use the network, and how patient they are."""

    offline: bool = False
    timeout_seconds: float = 15.0

    def require_network(self, source: str, url: str) -> None:
        """Raise `Offline` where the network is switched off and the address is not on this machine."""
        if self.offline and not is_loopback_url(url):
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

    @property
    def missing(self) -> tuple[str, ...]:
        """The fields that are not set."""
        return tuple(field.name for field in fields(self) if getattr(self, field.name) is None)


@dataclass(frozen=True, slots=True)
class ProviderUrls:
    """Where providers are asked instead of at their own address: a gateway, a sandbox; None is their own.

    A field `tiingo_url` is read from `TICKHOUSE_TIINGO_URL`. Keys travel there: unless it is on this machine, it must
    be encrypted.
    """

    yahoo_url: str | None = None
    yahoo_stream_url: str | None = None
    alpaca_url: str | None = None
    alpaca_stream_url: str | None = None
    finnhub_url: str | None = None
    finnhub_stream_url: str | None = None
    tiingo_url: str | None = None
    alpha_vantage_url: str | None = None
    twelve_data_url: str | None = None

    @classmethod
    def from_variables(cls, variables: Mapping[str, str]) -> "ProviderUrls":
        """Take the addresses out of variables; one of the wrong kind is `BadData`."""
        found = {field.name: variables.get(variable_of(field.name), "").strip() for field in fields(cls)}
        for name, url in found.items():
            if url:
                _check_url(name, url)
        return cls(**{name: url for name, url in found.items() if url})


def _check_url(name: str, url: str) -> None:
    scheme = "ws" if name.endswith("_stream_url") else "http"
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise BadData(f"{variable_of(name)} has a user in it", hint="addresses are logged: put no secret into one")
    if parts.scheme == f"{scheme}s" and parts.hostname:
        return
    if parts.scheme != scheme or not is_loopback_url(url):
        raise BadData(
            f"{variable_of(name)} is no address of the kind {scheme}s://…",
            hint=f"{scheme}:// is for addresses of this machine only",
        )


def variable_of(key: str) -> str:
    """Return the name of the variable that a key, or an address, is read from."""
    return KEY_PREFIX + key.upper()


def require_key(secret: Secret | None, source: str, key: str) -> Secret:
    """Return a key that is there, or raise `NoKey` with the variable to set."""
    if secret is None:
        raise NoKey("no key is set", source=source, hint=f"set {variable_of(key)}")
    return secret
