"""What commands that write do first: see to it that the market database is there, and whole."""

from collections.abc import AsyncIterator

import pytest

from cli.composition.embedded import EmbeddedEventhouse
from cli.composition.market import require_market
from emulator.schema.subjects import Kind
from kql.loader import load_database

STATEMENTS = load_database().statements
LANDING = next(number for number, statement in enumerate(STATEMENTS) if statement.name == "TradesRaw")


@pytest.fixture
async def eventhouse() -> AsyncIterator[EmbeddedEventhouse]:
    eventhouse = EmbeddedEventhouse.open(None, "Market")
    yield eventhouse
    await eventhouse.close()


async def names(eventhouse: EmbeddedEventhouse, command: str) -> set[object]:
    return {row[0] for row in (await eventhouse.command(command)).rows()}


@pytest.mark.slow
@pytest.mark.parametrize("done", [0, LANDING + 1, len(STATEMENTS) - 1])
async def test_a_deployment_that_was_cut_off_is_completed(eventhouse: EmbeddedEventhouse, done: int) -> None:
    for statement in STATEMENTS[:done]:
        await eventhouse.command(statement.text)
    await require_market(eventhouse)
    for kind, command in (
        (Kind.TABLE, ".show tables | project TableName"),
        (Kind.VIEW, ".show materialized-views | project Name"),
        (Kind.FUNCTION, ".show functions | project Name"),
    ):
        assert await names(eventhouse, command) == {each.name for each in STATEMENTS if each.kind is kind}


@pytest.mark.slow
async def test_a_whole_one_is_left_as_it_is(eventhouse: EmbeddedEventhouse) -> None:
    last = [each.name for each in STATEMENTS if each.kind is Kind.FUNCTION][-1]
    await eventhouse.command(f".create function {last}() {{ print 1 }}")
    await require_market(eventhouse)
    assert await names(eventhouse, ".show tables | project TableName") == set()


@pytest.mark.slow
@pytest.mark.parametrize("made", [("TradesRaw",), ("TradesRaw", "DailyBars", "IntradayBars", "CorporateActions")])
async def test_a_database_with_landing_tables_on_purpose_is_left_as_it_is(
    eventhouse: EmbeddedEventhouse, made: tuple[str, ...]
) -> None:
    for statement in STATEMENTS:
        if statement.kind is Kind.TABLE and statement.name in made:
            await eventhouse.command(statement.text)
    await eventhouse.command(".create function Mine() { TradesRaw | count }")
    await require_market(eventhouse)
    assert await names(eventhouse, ".show tables | project TableName") == set(made)
    assert await names(eventhouse, ".show functions | project Name") == {"Mine"}


@pytest.mark.slow
async def test_what_else_a_database_has_does_not_matter(eventhouse: EmbeddedEventhouse) -> None:
    for command in (".create table Notes (Text: string)", *(each.text for each in STATEMENTS[: LANDING + 1])):
        await eventhouse.command(command)
    await require_market(eventhouse)
    tables = {each.name for each in STATEMENTS if each.kind is Kind.TABLE}
    assert await names(eventhouse, ".show tables | project TableName") == tables | {"Notes"}


def test_what_is_made_last_is_looked_for_by_its_name() -> None:
    assert STATEMENTS[-1].name, "a command without an entity could be missing unseen"
