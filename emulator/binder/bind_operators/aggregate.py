"""Operators that fold rows: summarize, distinct, count, make-series, sample-distinct."""

from dataclasses import replace

from emulator.binder.bind_expressions.calls import aggregate_calls
from emulator.binder.bind_expressions.constants import folded, is_row_independent
from emulator.binder.bind_expressions.conversion import convert, require
from emulator.binder.bind_expressions.function_calls import bind_aggregate
from emulator.binder.bind_operators.shape import row_count
from emulator.binder.expression import AggregateCall, BoundExpression, ColumnReference, Constant
from emulator.binder.faults import bad_value, duplicate_name, not_allowed
from emulator.binder.plan import Aggregate, Limit, MakeSeries, Plan, Project, SeriesAggregate
from emulator.binder.projections import bind_projection, references
from emulator.binder.result_names import ColumnNames, aggregate_name, aggregate_output_names, column_name, is_star
from emulator.binder.scope import AggregateCollector, Environment, FunctionBinding, Relation, Rows
from emulator.binder.walk import staged
from emulator.functions.function import OutputNames
from emulator.syntax import operators as syntax
from emulator.syntax.expressions import Call
from emulator.text import Span
from emulator.types import DYNAMIC, LONG, TIMESPAN, Column, KqlType, Scalar, Schema, list_of


class _Outputs:
    """The columns that an operator adds behind its keys: names and values over the aggregated rows."""

    def __init__(self, keys: list[tuple[str, BoundExpression]], operator: str) -> None:
        self._operator = operator
        self.names = ColumnNames(name for name, _ in keys)
        self.columns: list[tuple[str, BoundExpression]] = []

    def reserve(self, projections: tuple[syntax.Projection, ...]) -> None:
        """Take the written names first: derived names give way to them."""
        for projection in projections:
            for name in projection.names:
                if name.text in self.names:
                    raise duplicate_name(self._operator, name.text, name.span)
                self.names.take(name.text)

    def add(self, written: str | None, derived: str | None, value: BoundExpression) -> None:
        """Add a column under its written or its derived name."""
        name = written if written is not None else self.names.of(derived)
        self.columns.append((name, value))


def bind_summarize(node: syntax.Summarize, relation: Relation, environment: Environment) -> Plan:
    """Bind `summarize`: keys first, then one column per aggregate output."""
    keys = group_keys(node.by or (), relation, environment, "summarize")
    outputs = _Outputs(keys, "summarize")
    outputs.reserve(node.aggregates)
    collector = AggregateCollector(environment.session)
    rows = replace(Rows.of(relation, "summarize"), aggregates=collector)
    for projection in node.aggregates:
        _add_aggregate(projection, relation, rows, keys, outputs, environment)
    if not keys and not outputs.columns:
        raise not_allowed("'summarize' operator: neither an aggregate nor a key is given", node.span)
    return aggregated(relation.plan, keys, collector.calls, outputs.columns)


def aggregated(
    plan: Plan,
    keys: list[tuple[str, BoundExpression]],
    calls: list[AggregateCall],
    outputs: list[tuple[str, BoundExpression]],
) -> Plan:
    """Return the aggregation of a plan and, where outputs are more than the calls themselves, a projection on top."""
    values = tuple(value for _, value in keys)
    plan, lifted = staged(plan, (*values, *calls), keep_outermost=False)
    lifted_keys = lifted[: len(keys)]
    lifted_calls = tuple(call for call in lifted[len(keys) :] if isinstance(call, AggregateCall))
    key_columns = tuple(Column(name, value.type) for name, value in zip((n for n, _ in keys), lifted_keys, strict=True))
    hidden = tuple(f"$aggregate{index}" for index in range(len(calls)))
    direct = tuple(value.name if isinstance(value, ColumnReference) else "" for _, value in outputs)
    if direct == hidden:
        columns = tuple(Column(name, call.type) for (name, _), call in zip(outputs, lifted_calls, strict=True))
        return Aggregate(plan, Schema(key_columns + columns), lifted_keys, lifted_calls)
    columns = tuple(Column(name, call.type) for name, call in zip(hidden, lifted_calls, strict=True))
    folded_rows = Aggregate(plan, Schema(key_columns + columns), lifted_keys, lifted_calls)
    span = calls[0].span if calls else Span(0, 0)
    schema = Schema((*key_columns, *(Column(name, value.type) for name, value in outputs)))
    passed = references(Schema(key_columns), span)
    return Project(folded_rows, schema, (*passed, *(value for _, value in outputs)))


def _add_aggregate(
    projection: syntax.Projection,
    relation: Relation,
    rows: Rows,
    keys: list[tuple[str, BoundExpression]],
    outputs: _Outputs,
    environment: Environment,
) -> None:
    written = [name.text for name in projection.names]
    expression = projection.expression
    if not is_aggregate(expression, environment):
        for bound in bind_projection(projection, environment, rows):
            outputs.add(bound.name if bound.is_written else None, bound.name, bound.expression)
        return
    assert isinstance(expression, Call)  # noqa: S101 - what is_aggregate has found
    aggregate = environment.session.catalogue.aggregates[expression.name.text]
    remaining: tuple[BoundExpression, ...] | None = None
    names: list[str]
    if any(map(is_star, expression.arguments)) and aggregate.naming is OutputNames.ARGUMENTS:
        taken = {value.name for _, value in keys if isinstance(value, ColumnReference)}
        taken |= {column_name(argument, environment) or "" for argument in expression.arguments}
        columns = tuple(column for column in relation.schema if column.name not in taken)
        remaining = tuple(references(Schema(columns), expression.span))
        calls = bind_aggregate(expression, environment, rows, remaining)
        starred = [column.name for column in columns]
        names = (
            starred
            if is_star(expression.arguments[0])
            else [aggregate_name(aggregate, expression, environment), *starred]
        )
    elif len(expression.arguments) == 1 and is_star(expression.arguments[0]):
        # count(*) counts rows, as count() does.
        calls = bind_aggregate(replace(expression, arguments=()), environment, rows)
        names = [aggregate_name(aggregate, replace(expression, arguments=()), environment)]
    else:
        calls = bind_aggregate(expression, environment, rows)
        names = aggregate_output_names(aggregate, expression, calls, environment)
    if len(written) > len(calls):
        raise not_allowed(f"'summarize' operator: {len(written)} names for {len(calls)} columns", projection.span)
    assert rows.aggregates is not None  # noqa: S101 - bind_summarize has set it
    for index, call in enumerate(calls):
        outputs.add(written[index] if index < len(written) else None, names[index] or None, rows.aggregates.add(call))


def is_aggregate(expression: object, environment: Environment) -> bool:
    """Tell whether an expression is the call of an aggregate function and nothing else."""
    return (
        isinstance(expression, Call)
        and expression.name.text in environment.session.catalogue.aggregates
        and not isinstance(environment.names.get(expression.name.text), FunctionBinding)
    )


def group_keys(
    projections: tuple[syntax.Projection, ...], relation: Relation, environment: Environment, operator: str
) -> list[tuple[str, BoundExpression]]:
    """Bind group keys with their names."""
    rows = Rows.of(relation, operator)
    names = ColumnNames()
    bound = [each for projection in projections for each in bind_projection(projection, environment, rows)]
    for each in bound:
        if each.is_declared and each.name is not None:
            if each.name in names:
                raise duplicate_name(operator, each.name, each.span)
            names.take(each.name)
    keys: list[tuple[str, BoundExpression]] = []
    for each in bound:
        if each.expression.type.scalar is Scalar.DYNAMIC:
            raise not_allowed(
                f"'{operator}' operator: group key '{each.name or ''}' is of a 'dynamic' type. Please use an explicit "
                "cast as grouping by a 'dynamic' type is not supported",
                each.span,
                "convert it, for example with tostring()",
            )
        keys.append((each.name if each.is_declared and each.name is not None else names.of(each.name), each.expression))
    return keys


def bind_distinct(node: syntax.Distinct, relation: Relation, environment: Environment) -> Plan:
    """Bind `distinct`."""
    if len(node.columns) == 1 and is_star(node.columns[0].expression):
        keys = list(zip(relation.schema.names, references(relation.schema, node.span), strict=True))
    else:
        keys = group_keys(node.columns, relation, environment, "distinct")
    return aggregated(relation.plan, keys, [], [])


def bind_count(node: syntax.Count, relation: Relation, environment: Environment) -> Plan:
    """Bind `count`: one row with the column `Count`."""
    calls = aggregate_calls(environment.session.catalogue.aggregates["count"], (), node.span)
    name = "Count" if node.name is None else node.name.text
    return Aggregate(relation.plan, Schema((Column(name, LONG),)), (), calls)


def bind_sample_distinct(node: syntax.SampleDistinct, relation: Relation, environment: Environment) -> Plan:
    """Bind `sample-distinct`: any of the distinct values."""
    count = row_count(node.count, environment, "sample-distinct")
    projection = syntax.Projection((), node.column, node.span)
    keys = group_keys((projection,), relation, environment, "sample-distinct")
    return Limit(aggregated(relation.plan, keys, [], []), count)


def bind_make_series(node: syntax.MakeSeries, relation: Relation, environment: Environment) -> Plan:
    """Bind `make-series`: keys, the aggregates as arrays, then the axis as an array."""
    rows = Rows.of(relation, "make-series")
    keys = group_keys(node.by, relation, environment, "make-series")
    (axis,) = bind_projection(node.axis, environment, rows)
    if axis.expression.type.scalar not in _AXES:
        raise not_allowed(
            f"'make-series' operator: the axis must be datetime, timespan or a number, found {axis.expression.type}",
            axis.span,
        )
    axis_type = axis.expression.type
    step_type = TIMESPAN if axis_type.scalar is Scalar.DATETIME else axis_type
    start, stop = (
        None if bound is None else _series_constant(bound, axis_type, environment, what)
        for bound, what in ((node.start, "'from'"), (node.stop, "'to'"))
    )
    step = _series_constant(node.step, step_type, environment, "'step'")
    if step is None:
        raise bad_value("'make-series' operator: 'step' is needed", node.span)
    names = ColumnNames(name for name, _ in keys)
    series: list[SeriesAggregate] = []
    columns: list[Column] = []
    for aggregate in node.aggregates:
        name, call = _series_call(aggregate, rows, environment)
        columns.append(Column(names.of(name), series_type(call.type)))
        series.append(SeriesAggregate(call, _series_default(aggregate, call.type, environment)))
    axis_column = Column(names.of(axis.name), series_type(axis_type))
    values = (*(value for _, value in keys), axis.expression)
    plan, lifted = staged(relation.plan, values, keep_outermost=False)
    key_columns = tuple(Column(name, value.type) for name, value in keys)
    is_nonempty = any(option.name == "kind" and option.value == "nonempty" for option in node.options)
    return MakeSeries(
        plan,
        Schema((*key_columns, *columns, axis_column)),
        lifted[:-1],
        lifted[-1],
        start,
        stop,
        step,
        node.stop_inclusive,
        tuple(series),
        is_nonempty,
    )


_AXES = frozenset({Scalar.DATETIME, Scalar.TIMESPAN, Scalar.INT, Scalar.LONG, Scalar.REAL})


def series_type(element: KqlType) -> KqlType:
    """Return the type of an array of values of a type."""
    return DYNAMIC if element.scalar is Scalar.DYNAMIC else list_of(element.scalar)


def _series_constant(node: object, type_: KqlType, environment: Environment, what: str) -> BoundExpression | None:
    value = require(folded(environment.expression(node, Rows(operator="make-series"))), type_, "make-series", what)  # type: ignore[arg-type] # the three callers pass expressions
    if not is_row_independent(value):
        raise bad_value(f"'make-series' operator: {what} must be a constant", value.span)
    return value


def _series_call(
    node: syntax.MakeSeriesAggregate, rows: Rows, environment: Environment
) -> tuple[str | None, AggregateCall]:
    if len(node.names) > 1:
        raise not_allowed("'make-series' operator: an aggregate has one name", node.span)
    written = node.names[0].text if node.names else None
    collector = AggregateCollector(environment.session)
    inner = replace(rows, aggregates=collector)
    if is_aggregate(node.aggregate, environment):
        assert isinstance(node.aggregate, Call)  # noqa: S101 - what is_aggregate has found
        calls = bind_aggregate(node.aggregate, environment, inner)
        if len(calls) != 1:
            raise not_allowed("'make-series' operator: an aggregate with several outputs may not stand here", node.span)
        aggregate = environment.session.catalogue.aggregates[node.aggregate.name.text]
        names = aggregate_output_names(aggregate, node.aggregate, calls, environment)
        return written or names[0] or None, calls[0]
    value = environment.expression(node.aggregate, inner)
    if collector.calls or not is_row_independent(value):
        raise not_allowed(
            "'make-series' operator: an aggregate call must stand alone",
            node.span,
            "compute with the arrays afterwards",
        )
    # A constant fills the bins that have rows.
    take_any = environment.session.catalogue.aggregates["take_any"]
    return written, aggregate_calls(take_any, (value,), node.span)[0]


def _series_default(node: syntax.MakeSeriesAggregate, type_: KqlType, environment: Environment) -> BoundExpression:
    if node.default is None:
        if type_.scalar.is_numeric:
            return convert(Constant(0, LONG, node.span), type_)
        if type_.scalar is Scalar.TIMESPAN:
            return Constant(0, type_, node.span)
        return convert(Constant(None, type_, node.span), type_)
    default = folded(environment.expression(node.default, Rows(operator="make-series")))
    if not is_row_independent(default):
        raise bad_value("'make-series' operator: 'default' must be a constant", node.span)
    return require(default, type_, "make-series", "'default'")
