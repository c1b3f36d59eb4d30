"""A local peer of Azure Event Hubs: AMQP 1.0 on loopback, a durable log, and the data connection into a table."""

from emulator.eventhubs.hub import Hub
from emulator.eventhubs.listen import ListenError
from emulator.eventhubs.messages import Event
from emulator.eventhubs.partition import Partition
from emulator.eventhubs.serve import serve
from emulator.eventhubs.server import EventHubs, Options

__all__ = ["Event", "EventHubs", "Hub", "ListenError", "Options", "Partition", "serve"]
