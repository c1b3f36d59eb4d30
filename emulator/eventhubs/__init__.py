"""A local peer of Azure Event Hubs: AMQP 1.0 on loopback, a durable log, and the data connection into a table."""

from emulator.eventhubs.hubs.hub import Hub
from emulator.eventhubs.hubs.messages import Event
from emulator.eventhubs.hubs.partition import Partition
from emulator.eventhubs.service.server import EventHubs, Options
from emulator.listening.sockets import ListenError

__all__ = ["Event", "EventHubs", "Hub", "ListenError", "Options", "Partition"]
