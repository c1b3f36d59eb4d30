"""`parse`, `parse-where` and `parse-kv`: patterns turned into regular expressions and the columns they capture."""

import re

from emulator.binder.bind_expressions.calls import call_function
from emulator.binder.bind_expressions.conversion import convert
from emulator.binder.bind_expressions.special import constant_text
from emulator.binder.bind_operators.shape import filtered
from emulator.binder.expression import BoundExpression, ColumnReference, Constant
from emulator.binder.faults import bad_value, duplicate_name, unsupported
from emulator.binder.plan import Plan, Project
from emulator.binder.projections import project, references
from emulator.binder.scope import NO_ROWS, Environment, Relation, Rows
from emulator.syntax import operators as syntax
from emulator.syntax.expressions import Expression, Literal
from emulator.text import Span
from emulator.types import LONG, STRING, Column, KqlType, Scalar, Schema

_KINDS = frozenset({"", "simple", "relaxed", "regex"})
_FLAGS = frozenset("Umsi")
_HIDDEN_TEXT = "$text"

# What a typed column may look like where nothing after it tells where it ends.
_SHAPES = {
    Scalar.INT: r"-?\d+",
    Scalar.LONG: r"-?\d+",
    Scalar.REAL: r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?",
    Scalar.DECIMAL: r"-?\d+(?:\.\d+)?",
}
_CAPTURE = re.compile(r"\\.|\[(?:\\.|[^\]])*\]|(\((?!\?)|\(\?P<)", re.DOTALL)


def bind_parse(node: syntax.Parse, relation: Relation, environment: Environment) -> Plan:
    """Bind `parse` and `parse-where`."""
    if node.kind not in _KINDS:
        raise bad_value(f"'parse' operator: unknown kind '{node.kind}'", node.span, "kinds: simple, regex, relaxed")
    if not set(node.flags) <= _FLAGS:
        raise bad_value(f"'parse' operator: unknown flags '{node.flags}'", node.span, "flags: U, m, s, i")
    pattern, columns = _pattern(node)
    text = convert(environment.expression(node.expression, Rows.of(relation, "parse")), STRING)
    source = _with_text(relation.plan, text, node.span)
    subject = ColumnReference(_HIDDEN_TEXT, STRING, node.span)
    expression = Constant(pattern, STRING, node.span)
    matched = call_function("matches regex", (subject, expression), node.span, environment)
    captured = [
        (column, convert(_captured(expression, group, subject, environment), column.type)) for column, group in columns
    ]
    checks = [value for column, value in captured if column.type != STRING]
    is_strict = node.kind != "relaxed"
    for value in checks if is_strict else ():
        present = call_function("isnotnull", (value,), node.span, environment)
        matched = call_function("and", (matched, present), node.span, environment)
    if is_strict and checks:
        captured = [(column, _when(matched, value, environment)) for column, value in captured]
    if node.where_matches:
        source = filtered(source, matched, node.span)
    return _with_columns(source, relation.schema, captured, node.span)


def _with_text(plan: Plan, text: BoundExpression, span: Span) -> Plan:
    schema = Schema((*plan.schema.columns, Column(_HIDDEN_TEXT, STRING)))
    return Project(plan, schema, (*references(plan.schema, span), text))


def _with_columns(source: Plan, schema: Schema, captured: list[tuple[Column, BoundExpression]], span: Span) -> Plan:
    values: dict[str, BoundExpression] = dict(zip(schema.names, references(schema, span), strict=True))
    values.update((column.name, value) for column, value in captured)
    return project(source, list(values.items()))


def _captured(
    pattern: BoundExpression, group: int, subject: BoundExpression, environment: Environment
) -> BoundExpression:
    return call_function("extract", (pattern, Constant(group, LONG, pattern.span), subject), pattern.span, environment)


def _when(condition: BoundExpression, value: BoundExpression, environment: Environment) -> BoundExpression:
    nothing = Constant("" if value.type == STRING else None, value.type, value.span)
    return call_function("iff", (condition, value, nothing), value.span, environment)


def _pattern(node: syntax.Parse) -> tuple[str, list[tuple[Column, int]]]:
    """Return the regular expression of a pattern, and per column the number of its group."""
    is_regex = node.kind == "regex"
    pieces: list[str] = []
    columns: list[tuple[Column, int]] = []
    groups = 0
    for position, part in enumerate(node.parts):
        following = node.parts[position + 1] if position + 1 < len(node.parts) else None
        if part.text is not None:
            pieces.append(part.text if is_regex else quoted(part.text))
            groups += sum(match[1] is not None for match in _CAPTURE.finditer(part.text)) if is_regex else 0
        elif part.column is None:
            pieces.append(".*" if following is None or is_regex else ".*?")
        else:
            column = Column(part.column.name.text, KqlType(part.column.type))
            if any(known.name == column.name for known, _ in columns):
                raise duplicate_name("parse", column.name, part.span)
            groups += 1
            columns.append((column, groups))
            pieces.append(_column_shape(column, following, is_regex=is_regex))
    inline = "".join(sorted({"s", *node.flags} if not is_regex else set(node.flags)))
    prefix = f"(?{inline})" if inline else ""
    ending = "$" if not is_regex and node.parts and node.parts[-1].column is not None else ""
    return f"{prefix}^{''.join(pieces)}{ending}", columns


def _column_shape(column: Column, following: syntax.ParsePart | None, *, is_regex: bool) -> str:
    # A regex pattern is one expression: its columns are greedy unless flag U turns that round (measured on the engine).
    if is_regex:
        return f"({_SHAPES.get(column.type.scalar, '.*')})"
    if following is None:
        return "(.*)"
    if following.text is None:
        return f"({_SHAPES.get(column.type.scalar, '.*?')})"
    return "(.*?)"


def quoted(text: str) -> str:
    """Return a regular expression that matches a text literally."""
    return re.sub(r"([^\w\s])", r"\\\1", text, flags=re.ASCII)


_KV_OPTIONS = frozenset({"pair_delimiter", "kv_delimiter", "quote", "escape", "greedy"})


def bind_parse_kv(node: syntax.ParseKv, relation: Relation, environment: Environment) -> Plan:
    """Bind `parse-kv`: per column one regular expression that finds its key."""
    options = dict(node.options)
    for name, value in options.items():
        if name not in _KV_OPTIONS:
            raise bad_value(
                f"'parse-kv' operator: unknown option '{name}'", value.span, f"options: {', '.join(_KV_OPTIONS)}"
            )
    if "escape" in options:
        raise unsupported("parse-kv with an escape character", options["escape"].span)
    delimiters = [_text_option(options.get(name), environment) for name in ("pair_delimiter", "kv_delimiter")]
    quotes = _text_option(options.get("quote"), environment)
    if len(quotes) > 2:
        raise bad_value("'parse-kv' operator: 'quote' is one character or a pair", options["quote"].span)
    is_greedy = _flag_option(options.get("greedy"))
    text = convert(environment.expression(node.expression, Rows.of(relation, "parse-kv")), STRING)
    source = _with_text(relation.plan, text, node.span)
    subject = ColumnReference(_HIDDEN_TEXT, STRING, node.span)
    captured: list[tuple[Column, BoundExpression]] = []
    for declaration in node.columns:
        column = Column(declaration.name.text, KqlType(declaration.type))
        pattern, groups = _key_pattern(column.name, delimiters[0], delimiters[1], quotes, is_greedy=is_greedy)
        expression = Constant(pattern, STRING, declaration.span)
        parts = [_captured(expression, group, subject, environment) for group in range(1, groups + 1)]
        found = parts[0] if groups == 1 else call_function("strcat", tuple(parts), declaration.span, environment)
        captured.append((column, convert(found, column.type)))
    return _with_columns(source, relation.schema, captured, node.span)


def _text_option(node: Expression | None, environment: Environment) -> str:
    return "" if node is None else constant_text(node, environment, NO_ROWS)


def _flag_option(node: Expression | None) -> bool:
    if node is None:
        return False
    if not isinstance(node, Literal) or not isinstance(node.value, bool):
        raise bad_value("'parse-kv' operator: 'greedy' is true or false", node.span)
    return node.value


def _key_pattern(key: str, pairs: str, values: str, quotes: str, *, is_greedy: bool) -> tuple[str, int]:
    """Return the expression that finds a key's value, and the number of groups that may hold it."""
    name = quoted(key)
    pair = quoted(pairs) if pairs else r"[^\w.\-]"
    between = quoted(values) if values else r"[^\w\s]"
    lead = rf"(?s)(?:^|{pair})\s*"
    if is_greedy:
        return rf"{lead}{name}\s*{between}\s*(.*?)\s*(?:{pair}[^{pair}]*?{between}|$)", 1
    plain = r"([\w.\-]+)" if not pairs else rf"(.*?)\s*(?:{pair}|$)"
    if not quotes:
        return rf"{lead}{name}\s*{between}\s*{plain}", 1
    opening, closing = quoted(quotes[0]), quoted(quotes[-1])
    names = rf"(?:{name}|{opening}{name}{closing})"
    return rf"{lead}{names}\s*{between}\s*(?:{opening}([^{closing}]*){closing}|{plain})", 2
