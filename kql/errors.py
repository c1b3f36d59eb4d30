"""What can be wrong with the files of the market database and the registry."""

from dataclasses import dataclass
from pathlib import Path


@dataclass
class DefinitionError(Exception):
    """A file of the market database or the registry cannot be used; says which, where and what would help."""

    message: str
    file: Path
    line: int | None = None
    hint: str = ""

    def __post_init__(self) -> None:
        super().__init__(self.message)

    def __str__(self) -> str:
        place = str(self.file) if self.line is None else f"{self.file}:{self.line}"
        hint = f"\nhint: {self.hint}" if self.hint else ""
        return f"{place}: {self.message}{hint}"
