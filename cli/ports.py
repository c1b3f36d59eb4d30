"""Ports are checked before anything is opened, so that a taken one leaves nothing half-started."""

import errno
import socket

from cli.errors import CliError


def require_free(host: str, port: int, flag: str) -> None:
    """Refuse a port that another process listens on, naming the flag that chooses another."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise CliError(f"port {port} is in use", hint=f"choose another with {flag}") from error
            raise CliError(f"cannot listen on {host}:{port}: {error.strerror}") from error
