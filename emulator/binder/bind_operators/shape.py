"""Operators that choose rows and columns one row at a time: where, extend, project and its kin, take, getschema."""

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from emulator.binder.bind_expressions.constants import folded, is_row_independent
from emulator.binder.bind_expressions.conversion import require
from emulator.binder.expression import BoundExpression, ColumnReference, Constant
from emulator.binder.faults import bad_value, duplicate_name, not_allowed, unresolved_column, wrong_type
from emulator.binder.plan import Filter, Limit, Plan, Values
from emulator.binder.projections import NamedExpression, bind_projection, project, references, select
from emulator.binder.result_names import ColumnNames
from emulator.binder.scope import NO_ROWS, Environment, Relation, Rows
from emulator.binder.walk import staged
from emulator.syntax import operators as syntax
from emulator.syntax.expressions import Expression, Name
from emulator.text import Span
from emulator.types import INT, LONG, STRING, Column, Scalar, Schema

# getschema-operator.md: the .NET type of each column type.
_NET_TYPES = {
    Scalar.BOOL: "System.SByte",
    Scalar.INT: "System.Int32",
    Scalar.LONG: "System.Int64",
    Scalar.REAL: "System.Double",
    Scalar.DECIMAL: "System.Data.SqlTypes.SqlDecimal",
    Scalar.STRING: "System.String",
    Scalar.DATETIME: "System.DateTime",
    Scalar.TIMESPAN: "System.TimeSpan",
    Scalar.GUID: "System.Guid",
    Scalar.DYNAMIC: "System.Object",
}


def bind_where(node: syntax.Where, relation: Relation, environment: Environment) -> Plan:
    """Bind `where`."""
    return filtered(relation.plan, condition(node, Rows.of(relation, "where"), environment), node.span)


def condition(node: syntax.Where, rows: Rows, environment: Environment) -> BoundExpression:
    """Bind the predicate of `where`."""
    predicate = environment.expression(node.predicate, rows)
    if predicate.type.scalar is not Scalar.BOOL:
        raise wrong_type("where", "the condition", "of type bool", predicate.type, predicate.span)
    return predicate


def filtered(plan: Plan, predicate: BoundExpression, span: Span) -> Plan:
    """Return the rows for which a predicate holds; window calls in it are computed below."""
    lifted, (condition,) = staged(plan, (predicate,), keep_outermost=False)
    return select(Filter(lifted, condition), plan.schema, span)


def bind_extend(node: syntax.Extend, relation: Relation, environment: Environment) -> Plan:
    """Bind `extend`: columns of an existing name are replaced in place, new ones appended."""
    return extended(relation, node.columns, environment, "extend", node.span)


def extended(
    relation: Relation, columns: tuple[syntax.Projection, ...], environment: Environment, operator: str, span: Span
) -> Plan:
    """Return a relation with computed columns."""
    values: dict[str, BoundExpression] = dict(
        zip(relation.schema.names, references(relation.schema, span), strict=True)
    )
    values.update(assigned(columns, environment, Rows.of(relation, operator), ColumnNames(values)))
    return project(relation.plan, list(values.items()))


def assigned(
    columns: tuple[syntax.Projection, ...], environment: Environment, rows: Rows, names: ColumnNames
) -> Iterator[tuple[str, BoundExpression]]:
    """Yield the columns that `extend` computes, under names of which those of all columns are taken."""
    written: set[str] = set()
    for projection in columns:
        outputs = bind_projection(projection, environment, rows)
        for bound in outputs:
            if bound.is_written and bound.name is not None:
                if bound.name in written:
                    raise duplicate_name(rows.operator, bound.name, bound.span)
                written.add(names.take(bound.name))
                yield bound.name, bound.expression
            elif bound.name is not None and bound.name in names and len(outputs) == 1:
                # bin(Timestamp, 1h) takes the place of Timestamp; one of several outputs does not.
                yield bound.name, bound.expression
            else:
                yield names.of(bound.name), bound.expression


def bind_project(node: syntax.Project, relation: Relation, environment: Environment) -> Plan:
    """Bind `project`."""
    rows = Rows.of(relation, "project")
    bound = [each for projection in node.columns for each in bind_projection(projection, environment, rows)]
    return project(relation.plan, named_columns(bound, "project"))


def named_columns(bound: list[NamedExpression], operator: str) -> list[tuple[str, BoundExpression]]:
    """Give every column its final name: written ones must differ, derived ones are numbered."""
    names = ColumnNames()
    for each in bound:
        if each.is_declared and each.name is not None:
            if each.name in names:
                raise duplicate_name(operator, each.name, each.span)
            names.take(each.name)
    columns: list[tuple[str, BoundExpression]] = []
    for each in bound:
        name = each.name if each.is_declared and each.name is not None else names.of(each.name)
        columns.append((name, each.expression))
    return columns


def bind_project_away(node: syntax.ProjectAway, relation: Relation, _environment: Environment) -> Plan:
    """Bind `project-away`."""
    away = {name for pattern in node.patterns for name in matching(pattern, relation.schema, "project-away")}
    kept = tuple(column for column in relation.schema if column.name not in away)
    return select(relation.plan, Schema(kept), node.span)


def bind_project_keep(node: syntax.ProjectKeep, relation: Relation, _environment: Environment) -> Plan:
    """Bind `project-keep`: the columns stay in the input's order."""
    keep = {name for pattern in node.patterns for name in matching(pattern, relation.schema, "project-keep")}
    kept = tuple(column for column in relation.schema if column.name in keep)
    return select(relation.plan, Schema(kept), node.span)


def bind_project_rename(node: syntax.ProjectRename, relation: Relation, _environment: Environment) -> Plan:
    """Bind `project-rename`: columns keep their places."""
    renamed: dict[str, str] = {}
    for projection in node.columns:
        if not isinstance(projection.expression, Name) or len(projection.names) != 1:
            raise not_allowed("'project-rename' operator: the form is New = Old", projection.span)
        old = projection.expression
        if relation.schema.find(old.text) is None:
            raise unresolved_column("project-rename", old.text, relation.schema.names, old.span)
        renamed[old.text] = projection.names[0].text
    columns: list[tuple[str, BoundExpression]] = []
    names = ColumnNames()
    for column in relation.schema:
        name = renamed.get(column.name, column.name)
        if name in names:
            raise duplicate_name("project-rename", name, node.span)
        columns.append((names.take(name), ColumnReference(column.name, column.type, node.span)))
    return project(relation.plan, columns)


def bind_project_reorder(node: syntax.ProjectReorder, relation: Relation, _environment: Environment) -> Plan:
    """Bind `project-reorder`: the listed columns come first, the rest follows in its order."""
    ordered: list[str] = []
    for pattern in node.patterns:
        names = [name for name in matching(pattern, relation.schema, "project-reorder") if name not in ordered]
        if pattern.ascending is not None:
            names.sort(reverse=not pattern.ascending)
        ordered += names
    ordered += [name for name in relation.schema.names if name not in ordered]
    return select(relation.plan, _chosen(relation.schema, ordered), node.span)


def bind_project_by_names(node: syntax.ProjectByNames, relation: Relation, environment: Environment) -> Plan:
    """Bind `project-by-names`: constant names and patterns; what does not exist is left out."""
    ordered: list[str] = []
    for argument in node.arguments:
        for text in _constant_names(argument, environment):
            pattern = syntax.ColumnPattern(text, "*" in text, None, argument.span)
            if pattern.is_pattern or relation.schema.find(text) is not None:
                ordered += [name for name in matching(pattern, relation.schema, "") if name not in ordered]
    return select(relation.plan, _chosen(relation.schema, ordered), node.span)


def _constant_names(argument: Expression, environment: Environment) -> list[str]:
    value = folded(environment.expression(argument, NO_ROWS))
    if isinstance(value, Constant):
        if isinstance(value.value, tuple):
            return [str(each) for each in value.value]
        if isinstance(value.value, str) and value.type == STRING:
            return [value.value]
        if isinstance(value.value, str):
            names = json.loads(value.value)
            if isinstance(names, list):
                return [str(each) for each in names]
    raise bad_value("'project-by-names' operator: constant strings or arrays of strings are needed", argument.span)


def _chosen(schema: Schema, names: list[str]) -> Schema:
    return Schema(tuple(column for name in names if (column := schema.find(name)) is not None))


def matching(pattern: syntax.ColumnPattern, schema: Schema, operator: str) -> list[str]:
    """Return the columns that a name or a pattern with `*` selects; a plain name must exist."""
    if not pattern.is_pattern:
        if schema.find(pattern.text) is None:
            raise unresolved_column(operator, pattern.text, schema.names, pattern.span)
        return [pattern.text]
    shape = re.sub(r"([\[\]?])", r"[\1]", pattern.text)
    return [name for name in schema.names if fnmatchcase(name, shape)]


def bind_take(node: syntax.Take, relation: Relation, environment: Environment) -> Plan:
    """Bind `take` and `limit`."""
    return Limit(relation.plan, row_count(node.count, environment, "take"))


def bind_sample(node: syntax.Sample, relation: Relation, environment: Environment) -> Plan:
    """Bind `sample`."""
    return Limit(relation.plan, row_count(node.count, environment, "sample"), random=True)


def row_count(node: Expression, environment: Environment, operator: str) -> BoundExpression:
    """Bind a number of rows: a whole number that no row can change."""
    count = require(folded(environment.expression(node, Rows(operator=operator))), LONG, operator, "the number of rows")
    if not is_row_independent(count):
        raise bad_value(f"'{operator}' operator: the number of rows must be a constant", node.span)
    if isinstance(count, Constant) and (not isinstance(count.value, int) or count.value < 0):
        raise bad_value(f"'{operator}' operator: the number of rows must not be negative", node.span)
    return count


def bind_getschema(node: syntax.Getschema, relation: Relation, _environment: Environment) -> Plan:
    """Bind `getschema`: the answer is known without reading a row."""
    span = node.span
    rows = tuple(
        (
            Constant(column.name, STRING, span),
            Constant(ordinal, INT, span),
            Constant(_NET_TYPES[column.type.scalar], STRING, span),
            Constant(column.type.scalar.value, STRING, span),
        )
        for ordinal, column in enumerate(relation.schema)
    )
    columns = (
        Column("ColumnName", STRING),
        Column("ColumnOrdinal", INT),
        Column("DataType", STRING),
        Column("ColumnType", STRING),
    )
    return Values(Schema(columns), rows)
