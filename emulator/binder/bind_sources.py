"""Where rows come from: tables, functions, tabular lets, datatable, range, print, union."""

from emulator.binder.bind_expressions.constants import folded, is_row_independent, reads_columns
from emulator.binder.bind_expressions.conversion import require
from emulator.binder.bind_expressions.literal_values import literal_value
from emulator.binder.bind_expressions.special import constant_text
from emulator.binder.bind_expressions.user_functions import bind_user_call
from emulator.binder.bind_operators.combine import bind_union
from emulator.binder.expression import BoundExpression, Constant
from emulator.binder.faults import bad_value, not_allowed, unresolved_table, unsupported
from emulator.binder.plan import Materialized, OneRow, Plan, Range, Scan, Values
from emulator.binder.projections import bind_projection, project
from emulator.binder.result_names import ColumnNames
from emulator.binder.scope import NO_ROWS, Environment, FunctionBinding, Relation, Rows, ScalarBinding, TabularBinding
from emulator.binder.tabular_names import as_pipeline
from emulator.errors import SemanticFault
from emulator.functions.overloads import common_type
from emulator.syntax import operators as syntax
from emulator.syntax.expressions import Call, Name
from emulator.text import Span
from emulator.types import DATETIME, REAL, TIMESPAN, Column, KqlType, Scalar, Schema


def bind_source(source: syntax.Source, environment: Environment) -> Relation:
    """Bind the head of a pipeline."""
    match source:
        case syntax.NameSource(name=name):
            return _bind_name(name, environment)
        case syntax.CallSource(call=call):
            return _bind_call(call, environment)
        case syntax.ParenthesisSource(pipeline=pipeline):
            return environment.pipeline(pipeline)
        case syntax.Datatable():
            return Relation(_bind_datatable(source, environment))
        case syntax.RangeSource():
            return Relation(_bind_range(source, environment))
        case syntax.PrintSource():
            return Relation(_bind_print(source, environment))
        case syntax.UnionSource(operator=operator):
            return Relation(bind_union(operator, None, environment))
        case syntax.Evaluate(call=call, span=span):
            raise unsupported(f"plugin '{call.name.text}'", span)
        case syntax.Search(span=span):
            raise unsupported("operator 'search'", span, "name the table and use where * has …")
        case syntax.Unparsed(keyword=keyword, span=span):
            raise unsupported(f"'{keyword}'", span)


def _bind_name(name: Name, environment: Environment) -> Relation:
    binding = environment.names.get(name.text)
    match binding:
        case TabularBinding(relation=relation):
            return relation
        case FunctionBinding():
            return _bind_call(Call(name, (), name.span), environment)
        case ScalarBinding():
            raise not_allowed(f"'{name.text}' is a scalar; a table is needed here", name.span)
        case None:
            return _bind_entity(name.text, name.span, environment)


def _bind_entity(name: str, span: Span, environment: Environment) -> Relation:
    entities = environment.session.entities
    if entities.function(name) is not None:
        return _bind_call(Call(Name(name, span), (), span), environment)
    table = entities.table(name)
    if table is None:
        raise unresolved_table(name, environment.tabular_names(), span)
    return Relation(Scan(table.stored), name)


def _bind_call(call: Call, environment: Environment) -> Relation:
    name = call.name.text
    if not isinstance(environment.names.get(name), FunctionBinding):
        match name:
            case "materialize":
                return _materialize(call, environment)
            case "table" | "materialized_view":
                return _bind_table_call(call, environment)
            case "external_table" | "database" | "cluster":
                raise unsupported(f"{name}()", call.span)
            case _:
                pass
    value = bind_user_call(call, environment, NO_ROWS)
    if value is None:
        known = name in environment.session.catalogue.functions or name in environment.session.catalogue.aggregates
        if known:
            raise not_allowed(f"{name}() is not a table", call.span, f"write `print {name}(…)` for its value")
        raise SemanticFault(
            f"Unknown function: '{name}'.",
            "SEM0260",
            call.name.span,
            unresolved_table(name, environment.tabular_names(), call.span).hint,
        )
    if not isinstance(value, Relation):
        raise not_allowed(
            f"'{name}' returns a scalar; a table is needed here", call.span, f"write `print {name}(…)` for its value"
        )
    return Relation(value.plan, name, value.visualization)


def _bind_table_call(call: Call, environment: Environment) -> Relation:
    if not call.arguments:
        raise not_allowed(f"{call.name.text}() needs the name of a table", call.span)
    name = constant_text(call.arguments[0], environment, NO_ROWS)
    table = environment.session.entities.table(name)
    if table is None or (call.name.text == "materialized_view" and table.kind != "materialized-view"):
        raise unresolved_table(name, environment.session.entities.table_names(), call.span)
    return Relation(Scan(table.stored), name)


def _materialize(call: Call, environment: Environment) -> Relation:
    pipeline = as_pipeline(call.arguments[0]) if len(call.arguments) == 1 else None
    if pipeline is None:
        raise not_allowed("materialize() needs a tabular expression", call.span)
    relation = environment.pipeline(pipeline)
    return materialized(relation, environment)


def materialized(relation: Relation, environment: Environment) -> Relation:
    """Return a relation whose rows are computed once however often it is read."""
    if isinstance(relation.plan, Materialized):
        return relation
    return Relation(Materialized(relation.plan, next(environment.session.keys)), relation.name)


def _bind_datatable(node: syntax.Datatable, environment: Environment) -> Plan:
    columns = tuple(Column(each.name.text, KqlType(each.type)) for each in node.columns)
    names = ColumnNames()
    for each in node.columns:
        if each.name.text in names:
            raise bad_value(f"datatable: there are two columns named '{each.name.text}'", each.span)
        names.take(each.name.text)
    if not columns or len(node.values) % len(columns) != 0:
        raise bad_value(
            f"datatable: {len(node.values)} values do not fill rows of {len(columns)} columns", node.span,
            "every row needs one value per column",
        )  # fmt: skip
    values: list[Constant] = []
    for position, value in enumerate(node.values):
        bound = folded(environment.expression(value, Rows(operator="datatable")))
        if not isinstance(bound, Constant):
            raise bad_value("datatable: values must be literals", value.span)
        values.append(literal_value(bound, columns[position % len(columns)]))
    width = len(columns)
    rows = tuple(tuple(values[start : start + width]) for start in range(0, len(values), width))
    return Values(Schema(columns), rows)


def _bind_range(node: syntax.RangeSource, environment: Environment) -> Plan:
    rows = Rows(operator="range")
    start, stop, step = (folded(environment.expression(each, rows)) for each in (node.start, node.stop, node.step))
    for each in (start, stop, step):
        if not is_row_independent(each) and not _is_computed(each):
            raise bad_value("'range' operator: bounds and step must not depend on rows", each.span)
    scalars = {start.type.scalar, stop.type.scalar}
    if Scalar.DATETIME in scalars:
        type_, step_type = DATETIME, TIMESPAN
    elif Scalar.TIMESPAN in scalars:
        type_, step_type = TIMESPAN, TIMESPAN
    else:
        common = common_type((start.type, stop.type, step.type))
        if common is None or not (common.scalar.is_numeric or common.scalar is Scalar.DYNAMIC):
            raise bad_value(
                f"'range' operator: cannot count from {start.type} to {stop.type} by {step.type}", node.span
            )
        type_ = step_type = REAL if common.scalar is Scalar.DECIMAL else common
    return Range(
        Schema((Column(node.name.text, type_),)),
        require(start, type_, "range", "the start"),
        require(stop, type_, "range", "the end"),
        require(step, step_type, "range", "the step"),
    )


def _is_computed(expression: BoundExpression) -> bool:
    return not reads_columns(expression)


def _bind_print(node: syntax.PrintSource, environment: Environment) -> Plan:
    rows = Rows(operator="print")
    columns: list[tuple[str, BoundExpression]] = []
    names = ColumnNames()
    for projection in node.columns:
        for name in projection.names:
            if name.text in names:
                raise bad_value(f"'print' operator: there are two columns named '{name.text}'", name.span)
            names.take(name.text)
    for position, projection in enumerate(node.columns):
        bound = bind_projection(projection, environment, rows)
        for each in bound:
            if each.is_written and each.name is not None:
                columns.append((each.name, each.expression))
            elif len(bound) > 1 and projection.names:
                break  # `print (a, b) = f()` shows the named outputs only
            elif len(bound) > 1 and each.name:
                columns.append((names.unique(each.name), each.expression))
            else:
                columns.append((names.unique(f"print_{position}"), each.expression))
    return project(OneRow(), columns)
