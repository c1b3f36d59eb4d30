"""The KQL language and an embedded Eventhouse; importing the language never loads DuckDB."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.engine.eventhouse import Eventhouse

__all__ = ["Eventhouse"]


def __getattr__(name: str) -> object:
    if name == "Eventhouse":
        from emulator.engine.eventhouse import Eventhouse

        return Eventhouse
    raise AttributeError(f"module 'emulator' has no attribute '{name}'")
