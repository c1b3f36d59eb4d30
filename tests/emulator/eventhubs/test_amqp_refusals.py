"""What the Azure client's errors mean for whoever reads a hub with it."""

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.eventhub.exceptions import AuthenticationError, ConnectError, EventHubError

from emulator.eventhubs.data_connection.amqp_feed import refusal_of
from emulator.eventhubs.data_connection.feed import FeedError, HubRefused, HubUnreachable, ReaderDisplaced


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (
            EventHubError("amqp:link:stolen: a new receiver"),
            ReaderDisplaced,
            "another reader has taken the partition over",
        ),
        (AuthenticationError("CBS failed"), HubRefused, "the hub refuses access: AuthenticationError: CBS failed"),
        (
            ClientAuthenticationError("no token\nmore"),
            HubRefused,
            "the hub refuses access: ClientAuthenticationError: no token",
        ),
        (EventHubError("amqp:not-found: hub"), HubRefused, "there is no such hub: EventHubError: amqp:not-found: hub"),
        (ConnectError("404 not there"), HubRefused, "there is no such hub: ConnectError: 404 not there"),
        (ConnectError("refused"), HubUnreachable, "the hub is out of reach: ConnectError: refused"),
        (OSError("amqp:not-found"), HubUnreachable, "the hub is out of reach: OSError: amqp:not-found"),
    ],
)
def test_what_an_error_of_the_client_means(error: Exception, kind: type[FeedError], text: str) -> None:
    found = refusal_of(error)
    assert (type(found), str(found)) == (kind, text)
