"""What may stand in a materialized view: everything else is refused, what comes new to the plan included."""

from dataclasses import field, make_dataclass, replace
from typing import get_args

import pytest

from emulator import Eventhouse
from emulator.binder.expression import BoundExpression
from emulator.binder.plan import Aggregate, Plan, Scan, Stored
from emulator.engine.derived.rules import ALLOWED, check_view
from emulator.engine.derived.shape import Shape
from emulator.errors import SemanticFault
from emulator.functions.catalogue import CATALOGUE
from emulator.types import Schema

REFUSED = {
    *("Sort", "Serialize", "Limit", "ForEachGroup", "GroupInput", "MakeSeries", "ScanMatch"),
    *("CurrentTime", "QueryParameter", "WindowCall"),
}
# Supported aggregation functions of materialized-view-create.md, without hll and tdigest, which are not built.
DOCUMENTED = {
    *("count", "countif", "dcount", "dcountif", "min", "max", "avg", "avgif", "sum", "sumif", "arg_max", "arg_min"),
    *("take_any", "take_anyif", "make_set", "make_list", "make_bag", "percentile", "percentiles"),
}


def test_every_node_of_a_plan_is_allowed_or_refused_by_name() -> None:
    nodes = {*get_args(Plan), *get_args(BoundExpression)}
    assert {node.__name__ for node in nodes if node not in ALLOWED} == REFUSED


def shape_over(rows: Plan) -> Shape:
    aggregate = Aggregate(rows, Schema(), (), ())
    return Shape(aggregate, Schema(), ())


def test_a_node_that_nobody_has_allowed_is_refused() -> None:
    source = Scan(Stored("T", "t1", Schema()))
    novel = make_dataclass("Novel", [("input", Plan), ("schema", Schema, field(default=Schema()))], frozen=True)
    novel.__module__ = "emulator.binder.plan"
    shape = shape_over(source)
    check_view("V", shape.aggregate, shape, "T", ())
    shape = shape_over(novel(source))
    with pytest.raises(SemanticFault, match="Cannot create materialized view 'V': Novel is not supported"):
        check_view("V", shape.aggregate, shape, "T", ())
    hidden = replace(shape.aggregate, input=source, keys=(novel(source),))
    with pytest.raises(SemanticFault, match="Novel is not supported"):
        check_view("V", hidden, replace(shape, aggregate=hidden), "T", ())


def test_the_aggregates_of_views_are_the_documented_ones() -> None:
    assert {row.name for row in CATALOGUE.aggregates.values() if row.in_views} == DOCUMENTED


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("T | summarize minif(X, X > 1) by Key", "aggregation function 'minif' is not supported"),
        ("T | summarize any(X) by Key", "aggregation function 'any' is not supported"),
        ("T | summarize X = max(X) by Key | summarize sum(X) by Key", "aggregated only once"),
        ("T | distinct Key, X | summarize count() by Key", "aggregated only once"),
        ("T | extend R = rand() | summarize sum(R) by Key", "'rand' is not deterministic"),
        ("T | sort by X asc | extend P = prev(X) | summarize sum(P) by Key", "'sort', 'top', 'take' and 'serialize'"),
        ("T | make-series sum(X) on X from 0 to 9 step 1 by Key | summarize count() by Key", "'make-series'"),
    ],
)
def test_a_query_that_depends_on_more_than_single_rows_is_refused(
    empty_database: Eventhouse, query: str, problem: str
) -> None:
    empty_database.command(".create table T (Key: string, X: long)")
    with pytest.raises(SemanticFault, match=problem):
        empty_database.command(f".create materialized-view V on table T {{ {query} }}")


def test_a_dimension_table_may_be_aggregated_before_it_is_joined(empty_database: Eventhouse) -> None:
    empty_database.command(".create table T (Key: string, X: long)")
    empty_database.command(".create table D (Key: string, Weight: long)")
    empty_database.command(".set-or-append D <| datatable(Key: string, Weight: long)['a', 2, 'a', 3]")
    empty_database.command(
        ".create materialized-view with (dimensionTables = 'D') V on table T"
        " { T | lookup (D | summarize Weight = sum(Weight) by Key) on Key | summarize sum(X * Weight) by Key }"
    )
    empty_database.command(".set-or-append T <| print 'a', 10")
    assert list(empty_database.query("V")[0].rows()) == [("a", 50)]
