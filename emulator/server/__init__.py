"""The Kusto REST wire of the embedded Eventhouse."""

from emulator.listening.http_server import server_for
from emulator.listening.sockets import ListenError, bind, url_of
from emulator.server.app import create_app, serve

__all__ = ["ListenError", "bind", "create_app", "serve", "server_for", "url_of"]
