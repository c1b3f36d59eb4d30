"""DuckDB's optimizer of one connection."""

import duckdb

from emulator.sql.build import lit
from emulator.sql.render import render
from emulator.sql.statements import SetOption

_SWITCH = {on: render(SetOption("enable_optimizer", lit(on), session=True)) for on in (True, False)}


class Optimizer:
    """Whether a connection plans its statements with the optimizer, which is on from the start."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._is_on = True

    def turn(self, *, on: bool) -> None:
        """Turn the optimizer on or off; to leave it as it is takes no statement."""
        if on != self._is_on:
            self._connection.execute(_SWITCH[on])
            self._is_on = on
