"""`scan`: a state machine over serialized rows, as a recursive common table expression.

Each round of the recursion takes one row per group, so that groups advance together. A state is a struct with a
match id and, per step, the values that expressions read from that step (`step.column`); NULL is an inactive state.
The rules are those of scan-operator.md, "Matching logic".
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from emulator.binder.plan import ScanMatch, ScanStep
from emulator.emit.context import Emission
from emulator.emit.expressions import Scope, column_names, predicate, value
from emulator.emit.relation import Relation
from emulator.emit.scalar_types import duckdb_type
from emulator.errors import UnsupportedFault
from emulator.functions.physical import null_of
from emulator.sql.ast import (
    Call,
    Cast,
    ColumnRef,
    Cte,
    Field,
    Item,
    JoinRef,
    ListLiteral,
    OrderBy,
    Select,
    Sql,
    StructLiteral,
    SubqueryRef,
    TableRef,
    Window,
)
from emulator.sql.build import FALSE, NULL, and_, call, case, coalesce, is_not_null, is_null, lambda_, lit, op
from emulator.types import KqlType

_ROW, _NEXT, _MATCHES = "$row", "$next", "$matches"
_MOVED, _STAYED = 1, 2


@dataclass(slots=True)
class _Layer:
    """A subquery that grows outward: each layer replaces or adds columns of the one below."""

    emission: Emission
    alias: str
    names: list[str]
    source: SubqueryRef | JoinRef
    pending: dict[str, Sql] = field(default_factory=dict)

    def __getitem__(self, name: str) -> ColumnRef:
        return ColumnRef(name, self.alias)

    def __setitem__(self, name: str, sql: Sql) -> None:
        self.pending[name] = sql

    def close(self) -> None:
        """Put the pending columns into a subquery."""
        new = [name for name in self.pending if name not in self.names]
        items = tuple(Item(self.pending.get(name, self[name]), name) for name in (*self.names, *new))
        select = Select(items, self.source)
        self.names.extend(new)
        self.pending.clear()
        self.alias = self.emission.alias()
        self.source = SubqueryRef(select, self.alias)


@dataclass(frozen=True, slots=True)
class _Machine:
    """What the steps share: the types of all columns, the columns read from states, and the initial state."""

    plan: ScanMatch
    types: dict[str, KqlType]
    fields: dict[str, tuple[str, KqlType]]
    initial: Sql
    defaults: dict[str, Sql]

    @property
    def state_type(self) -> str:
        """The DuckDB type of a state."""
        fields = "".join(f", {name} {duckdb_type(type_)}" for name, type_ in self.fields.values())
        return f"STRUCT(m BIGINT{fields})"

    @property
    def match_type(self) -> str:
        """The DuckDB type of what a match adds to its row: its id and the declared columns."""
        values = "".join(f", v{n} {duckdb_type(column.type)}" for n, (column, _) in enumerate(self.plan.declarations))
        return f"STRUCT(m BIGINT{values})"

    def read(self, state: Sql) -> dict[str, Sql]:
        """Return the values that `step.column` has in a state, also in an inactive one."""
        present = coalesce(state, self.initial)
        return {reference: Field(present, name) for reference, (name, _) in self.fields.items()}


def scan_match(emission: Emission, plan: ScanMatch, rows: Relation) -> Relation:
    """Emit the state machine: one row per step that a row matches."""
    for step in plan.steps:
        if step.output == "last":
            raise UnsupportedFault(f"'scan' operator: output=last of step '{step.name}'", "TH0102", step.condition.span)
    machine = _machine(emission, plan)
    inputs, keys = _numbered_rows(emission, rows)
    name = emission.alias("$s")
    columns = [*keys, *(f"state{k}" for k in range(len(plan.steps))), _NEXT, _MATCHES]
    anchor = _anchor(emission, machine, inputs, keys)
    step_query = _round(emission, machine, inputs, keys, name, columns)
    emission.ctes.append(Cte(name, anchor, recursive_step=step_query))
    return _outputs(emission, machine, name, keys)


def _machine(emission: Emission, plan: ScanMatch) -> _Machine:
    declared = [column for column, _ in plan.declarations]
    types = {column.name: column.type for column in (*plan.input.schema, *declared)}
    defaults = {
        column.name: null_of(column.type) if default is None else value(emission, Scope(()), default)
        for column, default in plan.declarations
    }
    fields = dict(_fields(plan, types))
    parts: list[tuple[str, Sql]] = [("m", NULL)]
    for reference, (name, type_) in fields.items():
        column = reference.split(".", 1)[1]
        parts.append((name, defaults[column] if column in defaults else null_of(type_)))
    machine = _Machine(plan, types, fields, NULL, defaults)
    return replace(machine, initial=Cast(StructLiteral(tuple(parts)), machine.state_type))


def _fields(plan: ScanMatch, types: dict[str, KqlType]) -> Iterator[tuple[str, tuple[str, KqlType]]]:
    for j, step in enumerate(plan.steps):
        for i, (column, type_) in enumerate(types.items()):
            reference = f"{step.name}.{column}"
            if any(reference == name for each in plan.steps for _, name in _reads(each)):
                yield reference, (f"f{j}_{i}", type_)


def _reads(step: ScanStep) -> Iterator[tuple[int, str]]:
    yield from column_names(step.condition)
    for _, expression in step.assignments:
        yield from column_names(expression)


def _numbered_rows(emission: Emission, rows: Relation) -> tuple[str, tuple[str, ...]]:
    """Add the rows, numbered within their group, as a common table expression; return its name and columns."""
    rows = emission.closed(rows)
    keys = rows.order or ()
    number = Window(Call("row_number", ()), rows.groups if keys else (), keys)
    items = [Item(sql, f"c{n}") for n, sql in enumerate(rows.columns)]
    items.extend(Item(sql, f"g{n}") for n, sql in enumerate(rows.groups))
    items.extend(Item(sql, f"k{n}") for n, sql in enumerate(rows.carried))
    items.append(Item(number, _ROW))
    select = Select(tuple(items), rows.source, rows.condition)
    if rows.groups and not keys:
        # Numbered as they arrive, then within the group.
        alias = emission.alias()
        within = Window(
            Call("row_number", ()),
            tuple(ColumnRef(item.alias, alias) for item in items if item.alias.startswith("g")),
            (OrderBy(ColumnRef(_ROW, alias)),),
        )
        columns = tuple(Item(ColumnRef(item.alias, alias), item.alias) for item in items[:-1])
        select = Select((*columns, Item(within, _ROW)), SubqueryRef(select, alias))
    return emission.cte(select, "r", materialized=True), tuple(item.alias for item in items)


def _anchor(emission: Emission, machine: _Machine, inputs: str, keys: tuple[str, ...]) -> Select:
    alias = emission.alias()
    items = [Item(lit(0, "BIGINT") if key == _ROW else ColumnRef(key, alias), key) for key in keys]
    items.extend(Item(Cast(NULL, machine.state_type), f"state{k}") for k in range(len(machine.plan.steps)))
    items.append(Item(lit(0, "BIGINT"), _NEXT))
    items.append(Item(Cast(ListLiteral(()), f"{machine.match_type}[]"), _MATCHES))
    return Select(tuple(items), emission.table(inputs, alias), op("=", ColumnRef(_ROW, alias), lit(1)))


def _round(
    emission: Emission, machine: _Machine, inputs: str, keys: tuple[str, ...], name: str, columns: list[str]
) -> Select:
    before, row, joined = emission.alias(), emission.alias(), emission.alias()
    steps = machine.plan.steps
    matches = [op("=", ColumnRef(_ROW, row), op("+", ColumnRef(_ROW, before), lit(1)))]
    matches.extend(
        op("IS NOT DISTINCT FROM", ColumnRef(key, row), ColumnRef(key, before)) for key in keys if key.startswith("g")
    )
    carried = [f"state{k}" for k in range(len(steps))] + [_NEXT]
    items = [Item(ColumnRef(key, row), key) for key in keys] + [Item(ColumnRef(key, before), key) for key in carried]
    source = JoinRef("INNER", TableRef((name,), before), emission.table(inputs, row), and_(matches))
    layer = _Layer(emission, joined, [*keys, *carried], SubqueryRef(Select(tuple(items), source), joined))
    reversed_steps = range(len(steps) - 1, -1, -1)
    for k in reversed_steps:
        _evaluate(emission, machine, layer, k)
    element = ColumnRef("e")
    outputs = tuple(layer[f"match{k}"] for k in reversed_steps if steps[k].output != "none")
    listed = Cast(ListLiteral(outputs), f"{machine.match_type}[]")
    layer[_MATCHES] = call("list_filter", listed, lambda_("e", is_not_null(element)))
    layer.close()
    return Select(tuple(Item(layer[column], column) for column in columns), layer.source)


def _evaluate(emission: Emission, machine: _Machine, layer: _Layer, k: int) -> None:
    """Add the layers that evaluate one step against the row of this round."""
    step = machine.plan.steps[k]

    def scope(state: Sql, assigned: dict[str, Sql]) -> Scope:
        inputs = {column.name: layer[f"c{n}"] for n, column in enumerate(machine.plan.input.schema)}
        return Scope(({**inputs, **assigned, **machine.read(state)},))

    def meets(state: Sql) -> Sql:
        return coalesce(predicate(emission, scope(state, machine.defaults), step.condition), FALSE)

    own, previous = layer[f"state{k}"], layer[f"state{k - 1}"]
    stays = meets(own) if k == 0 else and_((is_not_null(own), meets(own)))
    moves = FALSE if k == 0 else and_((is_not_null(previous), meets(previous)))
    layer["hit"] = case((moves, lit(_MOVED)), (stays, lit(_STAYED)), otherwise=lit(0))
    layer.close()
    own, previous, hit = layer[f"state{k}"], layer[f"state{k - 1}"], layer["hit"]
    layer["base"] = own if k == 0 else case((op("=", hit, lit(_MOVED)), previous), otherwise=own)
    layer.close()
    assigned = dict(machine.defaults)
    for name, expression in step.assignments:
        assigned[name] = value(emission, scope(layer["base"], assigned), expression)
    for n, (column, _) in enumerate(machine.plan.declarations):
        layer[f"v{n}"] = Cast(assigned[column.name], duckdb_type(column.type))
    base = layer["base"]
    layer["id"] = coalesce(Field(base, "m"), layer[_NEXT]) if k == 0 else Field(base, "m")
    layer.close()
    _advance(machine, layer, k)
    layer.close()


def _advance(machine: _Machine, layer: _Layer, k: int) -> None:
    base, hit, own = layer["base"], layer["hit"], layer[f"state{k}"]
    is_hit = op(">", hit, lit(0))
    current = {column.name: layer[f"c{n}"] for n, column in enumerate(machine.plan.input.schema)}
    values = tuple((f"v{n}", layer[f"v{n}"]) for n in range(len(machine.plan.declarations)))
    current |= {column.name: sql for (column, _), (_, sql) in zip(machine.plan.declarations, values, strict=True)}
    kept = machine.read(base)
    prefix = f"{machine.plan.steps[k].name}."
    fields = tuple(
        (name, current[reference.removeprefix(prefix)] if reference.startswith(prefix) else kept[reference])
        for reference, (name, _) in machine.fields.items()
    )
    state = Cast(StructLiteral((("m", layer["id"]), *fields)), machine.state_type)
    layer[f"state{k}"] = case((is_hit, state), otherwise=own)
    if k == 0:
        begins = and_((is_hit, is_null(base)))
        layer[_NEXT] = op("+", layer[_NEXT], case((begins, lit(1, "BIGINT")), otherwise=lit(0, "BIGINT")))
    else:
        moved = op("=", hit, lit(_MOVED))
        layer[f"state{k - 1}"] = case((moved, Cast(NULL, machine.state_type)), otherwise=layer[f"state{k - 1}"])
    if machine.plan.steps[k].output != "none":
        match = Cast(StructLiteral((("m", layer["id"]), *values)), machine.match_type)
        layer[f"match{k}"] = case((is_hit, match), otherwise=NULL)


def _outputs(emission: Emission, machine: _Machine, name: str, keys: tuple[str, ...]) -> Relation:
    scanned, matched = emission.alias(), emission.alias()
    plan = machine.plan
    items = [Item(ColumnRef(key, scanned), key) for key in keys]
    items.append(Item(call("unnest", ColumnRef(_MATCHES, scanned)), "match"))
    places = call("range", lit(0, "BIGINT"), call("len", ColumnRef(_MATCHES, scanned)))
    items.append(Item(call("unnest", places), "place"))
    source = Select(tuple(items), TableRef((name,), scanned), op(">", ColumnRef(_ROW, scanned), lit(0)))
    match = ColumnRef("match", matched)
    by_name: dict[str, Sql] = {column.name: ColumnRef(f"c{n}", matched) for n, column in enumerate(plan.input.schema)}
    by_name |= {column.name: Field(match, f"v{n}") for n, (column, _) in enumerate(plan.declarations)}
    if plan.match_id is not None:
        by_name[plan.match_id] = Field(match, "m")
    is_single = sum(step.output != "none" for step in plan.steps) == 1
    order = [OrderBy(ColumnRef(_ROW, matched))]
    if not is_single:
        order.append(OrderBy(ColumnRef("place", matched)))
    return Relation(
        plan.schema,
        tuple(by_name[column.name] for column in plan.schema),
        SubqueryRef(source, matched),
        order=tuple(order),
        is_total=is_single,
        groups=tuple(ColumnRef(key, matched) for key in keys if key.startswith("g")),
        carried=tuple(ColumnRef(key, matched) for key in keys if key.startswith("k")),
    )
