"""Case files of commands and ingestion.

A case begins with `== name`. A line `> text` is a request, a line `< format table [mapping]` a payload; lines indented
by two spaces continue it. The lines below are what it answers: rows with cells separated by ` | `, `(none)` for no
rows, `! text` for a fault that contains the text; without any, it has to succeed. `CASE` is the name of the database.
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from emulator import Eventhouse
from emulator.errors import KustoError

CASES = Path(__file__).parents[2] / "cases"


@dataclass
class Step:
    line: int
    kind: str
    text: str
    expected: list[str] = field(default_factory=list)


@dataclass
class EngineCase:
    name: str
    steps: list[Step] = field(default_factory=list)


def read_cases(folder: str) -> list[EngineCase]:
    return [case for path in sorted((CASES / folder).glob("*.txt")) for case in read_file(path)]


def read_file(path: Path) -> list[EngineCase]:
    cases: list[EngineCase] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith("== "):
            cases.append(EngineCase(f"{path.stem}: {line[3:]}"))
        elif line.startswith(("> ", "< ")):
            cases[-1].steps.append(Step(number, line[0], line[2:]))
        elif line.startswith("  ") and cases:
            cases[-1].steps[-1].text += "\n" + line[2:]
        elif line and cases:
            cases[-1].steps[-1].expected.append(line)
    return cases


def run_case(eventhouse: Eventhouse, case: EngineCase, database: str) -> None:
    for step in case.steps:
        faults = [line[2:].replace("CASE", database) for line in step.expected if line.startswith("! ")]
        try:
            found, error = run_step(eventhouse, step, database), None
        except KustoError as raised:
            found, error = [], raised
        assert (error is not None) == bool(faults), f"line {step.line}: {error or found}"
        for fault in faults:
            assert fault in str(error), f"line {step.line}: {error}"
        if step.expected and not faults:
            assert found == step.expected, f"line {step.line}: found {found}"


def run_step(eventhouse: Eventhouse, step: Step, database: str) -> list[str]:
    if step.kind == "<":
        head, _, data = step.text.partition("\n")
        format_, table, *mapping = head.split()
        count = eventhouse.ingest(
            table, data.encode(), format=format_, mapping=mapping[0] if mapping else None, database=database
        )
        return [str(count)]
    text = step.text.replace("CASE", database)
    rows = [
        " | ".join(map(shown, row)).rstrip().replace(database, "CASE")
        for result in eventhouse.query(text, database=database)
        for row in result.rows()
    ]
    return rows or ["(none)"]


def shown(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case datetime():
            return value.isoformat()
        case _:
            return str(value)
