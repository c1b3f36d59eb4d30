"""Predicates where null counts as false: the forms that DuckDB binds soonest and skips rows by."""

from emulator.sql.ast import Call, Case, Literal, Operation, Sql


def as_filter(sql: Sql) -> Sql:
    """Simplify a predicate of which only the rows that are true matter."""
    match sql:
        case Operation("AND" | "OR" as operator, operands):
            return Operation(operator, tuple(map(as_filter, operands)))
        case Call("coalesce", (inner, Literal(False))):
            return as_filter(inner)
        case Case(((condition, Literal(True)), *others), otherwise) if all(
            map(_is_never_true, (otherwise, *(then for _, then in others)))
        ):
            return as_filter(condition)
        case _:
            return sql


def conjuncts(sql: Sql) -> tuple[Sql, ...]:
    """Split a predicate at its ANDs."""
    if isinstance(sql, Operation) and sql.operator == "AND":
        return tuple(part for operand in sql.operands for part in conjuncts(operand))
    return (sql,)


def _is_never_true(sql: Sql) -> bool:
    return isinstance(sql, Literal) and (sql.value is None or sql.value is False)
