"""The Kusto REST wire of the embedded Eventhouse."""

from emulator.server.app import create_app, serve
from emulator.server.listen import ListenError, bind, server_for, url_of

__all__ = ["ListenError", "bind", "create_app", "serve", "server_for", "url_of"]
