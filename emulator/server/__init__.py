"""The Kusto REST wire of the embedded Eventhouse."""

from emulator.server.app import create_app
from emulator.server.listen import ListenError, bind, serve, server_for

__all__ = ["ListenError", "bind", "create_app", "serve", "server_for"]
