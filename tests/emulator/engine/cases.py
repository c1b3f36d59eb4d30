"""How the cases of commands and ingestion run: each in a database of its own, whose name they write as `CASE`.

A text is a query or a command, a payload `format table [mapping]` and the data on the lines below. The answer is rows
with cells separated by ` | `, `(none)` for no rows, or how many rows were ingested.
"""

from datetime import datetime
from functools import partial

from emulator import Eventhouse
from tests.casefiles import PAYLOAD, Case, Fault, Step, outcome
from tests.conftest import CheckCase


def run_case(eventhouse: Eventhouse, case: Case, database: str, check_case: CheckCase) -> None:
    for position, step in enumerate(case.steps):
        found = outcome(partial(run_step, eventhouse, step, database))
        shown = Fault(found.text.replace(database, "CASE")) if isinstance(found, Fault) else found
        check_case(case, shown, position)


def run_step(eventhouse: Eventhouse, step: Step, database: str) -> str:
    if step.kind == PAYLOAD:
        head, _, data = step.text.partition("\n")
        format_, table, *mapping = head.split()
        count = eventhouse.ingest(
            table, data.encode(), format=format_, mapping=mapping[0] if mapping else None, database=database
        )
        return str(count)
    text = step.text.replace("CASE", database)
    rows = [
        " | ".join(map(shown, row)).rstrip().replace(database, "CASE")
        for result in eventhouse.query(text, database=database)
        for row in result.rows()
    ]
    return "\n".join(rows) or "(none)"


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
