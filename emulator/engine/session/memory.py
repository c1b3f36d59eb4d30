"""How much memory and temporary space an Eventhouse may use: shares of what the machine or its container has."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import duckdb

from emulator.memory import machine_memory
from emulator.sql.build import lit
from emulator.sql.render import render
from emulator.sql.statements import SetOption

# Arrow tables, texts of answers and what DuckDB does not count live beside its buffers.
_BUFFERS = 0.6
# Of the free space of a data folder's disk; the rest is for what is stored.
_SPILLED = 0.5
_LEAST = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class MemoryLimits:
    """Bytes of an instance's buffers, of what each connection that reads keeps in them, and of temporary files."""

    buffers: int
    query: int
    spilled: int

    @classmethod
    def of(cls, folder: Path | None, memory: int | None = None) -> "MemoryLimits":
        """Return the limits for a data folder, in memory for None; `memory` is what there is, by default all.

        As many large queries as there are cores leave a share to the writer. In memory nothing is spilled.
        """
        buffers = max(_LEAST, int((memory or machine_memory()) * _BUFFERS))
        spilled = 0 if folder is None else int(shutil.disk_usage(folder).free * _SPILLED)
        return cls(buffers, max(_LEAST // 2, buffers // ((os.cpu_count() or 1) + 1)), spilled)

    def limit_instance(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Set what all connections share."""
        connection.execute(render(SetOption("memory_limit", lit(_text(self.buffers)))))
        if self.spilled:
            connection.execute(render(SetOption("max_temp_directory_size", lit(_text(self.spilled)))))
        else:
            # By default it would be a folder in the working directory.
            connection.execute(render(SetOption("temp_directory", lit(""))))

    def limit_query(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Set what a connection keeps in memory of its sorts, joins and groups; the rest is spilled."""
        connection.execute(render(SetOption("operator_memory_limit", lit(_text(self.query)), session=True)))


def _text(size: int) -> str:
    return f"{size // 1024} KiB"
