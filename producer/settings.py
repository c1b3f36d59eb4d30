"""What the composition root tells the sources; nothing here reads the environment."""

from dataclasses import dataclass

from producer.errors import Offline

SYMBOLS = ("AAPL", "MSFT", "AMZN", "GOOGL", "NVDA")


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
