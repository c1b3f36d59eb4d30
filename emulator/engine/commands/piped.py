"""A command's table piped into operators: `.show tables | where … | project …`."""

import pyarrow as pa

from emulator.binder.bind import bind_query
from emulator.binder.entities import StoredTable
from emulator.binder.plan import Stored
from emulator.emit.names import physical_names
from emulator.emit.relations import emit_query
from emulator.engine.catalog.entities import Entities
from emulator.engine.core import Core
from emulator.engine.running.limits import Limits
from emulator.engine.running.results import fetch
from emulator.engine.session.statement import Statement
from emulator.engine.session.workload import Workload
from emulator.engine.storage.relations import DuckStorage, Reads
from emulator.errors import SemanticFault
from emulator.optimize.sharing import in_steps
from emulator.result import ResultTable
from emulator.sql.render import render
from emulator.syntax.commands import PipedCommand
from emulator.syntax.expressions import Name
from emulator.syntax.operators import NameSource, Pipeline
from emulator.syntax.statements import Query
from emulator.types import DYNAMIC, STRING, Column, Schema
from emulator.work import Work, doing, work_here

_RESULT = "$command"


def pipe(core: Core, database: str, result: ResultTable, command: PipedCommand, text: str) -> ResultTable:
    """Apply operators to a command's result; they may read the database too, and are as heavy as a query may be."""
    # The result's dynamic and guid columns are texts in Arrow.
    schema = Schema(tuple(Column(each.name, STRING if each.type == DYNAMIC else each.type) for each in result.schema))
    source = StoredTable(Stored(_RESULT, _RESULT, schema))
    entities = Entities(core.database(database), {_RESULT: source})
    pipeline = Pipeline(NameSource(Name(_RESULT, command.span), command.span), command.operators, command.span)
    bound = bind_query(Query((pipeline,), text, command.span), entities)
    if len(bound.results) != 1:
        raise SemanticFault("A piped command has one result.", "BadRequest_InvalidQuery", command.span)
    plan, steps = in_steps(bound.results[0])
    reads = Reads(DuckStorage())
    emitted = emit_query(plan, reads, for_result=True, separate=steps)
    workload = Workload.of(plan, reads.identities - {_RESULT})
    statement = Statement(render(emitted.query))
    values: dict[str, object] | None = {"now": core.writer.last_time} if emitted.uses_now else None

    def compute(work: Work) -> pa.Table:
        with doing(work), core.cursor() as cursor:
            cursor.register(_RESULT, result.arrow.rename_columns(list(physical_names(schema))))
            try:
                with core.fit(workload):
                    arrow, _ = fetch(statement.run(cursor, values, streams=True), emitted.schema, Limits(None, None))
            finally:
                cursor.unregister(_RESULT)
        return arrow

    return ResultTable(emitted.schema, (work_here() or Work()).compute(compute), result.name)
