"""`evaluate`: plugins whose columns are known before the query runs; all others are refused by name."""

from emulator.binder.bind_expressions.calls import call_function
from emulator.binder.bind_expressions.conversion import convert
from emulator.binder.bind_expressions.special import constant_text
from emulator.binder.expression import BoundExpression, ColumnReference, Constant
from emulator.binder.faults import duplicate_name, not_allowed, unsupported
from emulator.binder.plan import Plan
from emulator.binder.projections import project
from emulator.binder.scope import NO_ROWS, Environment, Relation, Rows
from emulator.syntax import operators as syntax
from emulator.syntax.expressions import NamedArgument
from emulator.types import STRING, KqlType, Scalar


def bind_evaluate(node: syntax.Evaluate, relation: Relation, environment: Environment) -> Plan:
    """Bind `evaluate`: bag_unpack with the columns written behind it."""
    name = node.call.name.text
    if name == "bag_unpack":
        return _bag_unpack(node, relation, environment)
    raise unsupported(f"plugin '{name}'", node.span)


def _bag_unpack(node: syntax.Evaluate, relation: Relation, environment: Environment) -> Plan:
    arguments = node.call.arguments
    if node.schema is None:
        raise unsupported(
            "plugin 'bag_unpack' without its columns",
            node.span,
            "write them: evaluate bag_unpack(d) : (a: long, b: string)",
        )
    if not arguments or len(arguments) > 2 or any(isinstance(each, NamedArgument) for each in arguments):
        raise unsupported("bag_unpack with columnsConflict or ignoredProperties", node.span)
    bag = environment.expression(arguments[0], Rows.of(relation, "evaluate"))
    if not isinstance(bag, ColumnReference) or bag.type.scalar is not Scalar.DYNAMIC:
        raise not_allowed("bag_unpack() needs a column of type dynamic", arguments[0].span)
    prefix = constant_text(arguments[1], environment, NO_ROWS) if len(arguments) > 1 else ""
    columns: dict[str, BoundExpression] = {}
    if node.keeps_input:
        for column in relation.schema:
            if column.name != bag.name:
                columns[column.name] = ColumnReference(column.name, column.type, node.span)
    for declaration in node.schema:
        name = declaration.name.text
        if name in columns:
            raise duplicate_name("evaluate", name, declaration.span)
        key = Constant(name.removeprefix(prefix), STRING, declaration.span)
        member = call_function("[]", (bag, key), declaration.span, environment)
        columns[name] = convert(member, KqlType(declaration.type))
    return project(relation.plan, list(columns.items()))
