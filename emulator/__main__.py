"""`python -m emulator`: an Eventhouse on a local port."""

import argparse
import os
import sys
from pathlib import Path

from emulator.errors import KustoError


def main() -> int:
    """Serve an Eventhouse until interrupted; return the exit code."""
    arguments = _arguments()
    from emulator.engine.eventhouse import Eventhouse
    from emulator.listening.keys import read_key, usable_key
    from emulator.listening.pages import read_hosts, read_origins
    from emulator.listening.sockets import ListenError, bind, url_of
    from emulator.server.app import serve_on

    # What DuckDB makes is made as the process lets it: for its owner alone.
    os.umask(0o077)
    try:
        token = usable_key(read_key(arguments.token_file) if arguments.token_file else arguments.token)
        hosts, origins = read_hosts(arguments.allowed_hosts), read_origins(arguments.allowed_origins)
        listener = bind(arguments.host, arguments.port, key=token)
    except ListenError as error:
        return _complain(error)
    try:
        eventhouse = Eventhouse.open(arguments.data, database=arguments.database)
    except KustoError as error:
        listener.close()
        return _complain(error)
    try:
        kept = f"data in {arguments.data}" if arguments.data else "data in memory only"
        sys.stderr.write(f"Eventhouse at {url_of(listener)}, database {arguments.database}, {kept}; Ctrl-C ends it\n")
        serve_on(eventhouse, listener, token=token, hosts=hosts, origins=origins)
    finally:
        eventhouse.close()
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m emulator", description="An embedded Eventhouse on a local port.")
    parser.add_argument("--port", type=int, default=8080, help="0 takes a free port (default: %(default)s)")
    parser.add_argument(
        "--host", default="127.0.0.1", help="anything beyond loopback needs a token (default: %(default)s)"
    )
    parser.add_argument("--data", type=Path, help="folder that keeps the data (default: memory only)")
    parser.add_argument("--database", default="NetDefaultDB", help="name of the database (default: %(default)s)")
    parser.add_argument(
        "--token",
        default=os.environ.get("EVENTHOUSE_TOKEN") or None,
        help="bearer token that requests must carry (default: the variable EVENTHOUSE_TOKEN)",
    )
    parser.add_argument(
        "--token-file", type=Path, help="file that holds the token: a command line is seen by everyone on the machine"
    )
    parser.add_argument(
        "--allowed-hosts", default="", help="names under which requests may come, with commas between them"
    )
    parser.add_argument(
        "--allowed-origins", default="", help="origins whose web pages may ask, with commas between them"
    )
    return parser.parse_args()


def _complain(error: Exception) -> int:
    sys.stderr.write(f"error: {error}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
