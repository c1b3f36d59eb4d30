"""What commands that write do first: see to it that the market database is there, and whole."""

from collections.abc import AsyncIterator

import pytest

from cli.embedded import EmbeddedEventhouse
from cli.load import LAST_DEPLOYED, require_market
from kql.loader import Kind, load_database

STATEMENTS = load_database().statements
LANDING = next(number for number, statement in enumerate(STATEMENTS) if statement.name == "TradesRaw")


@pytest.fixture
async def eventhouse() -> AsyncIterator[EmbeddedEventhouse]:
    eventhouse = EmbeddedEventhouse.open(None, "Market")
    yield eventhouse
    await eventhouse.close()


async def names(eventhouse: EmbeddedEventhouse, command: str) -> set[object]:
    return {row[0] for row in (await eventhouse.command(command)).rows()}


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


async def test_a_whole_one_is_left_as_it_is(eventhouse: EmbeddedEventhouse) -> None:
    await eventhouse.command(f".create function {LAST_DEPLOYED}() {{ print 1 }}")
    await require_market(eventhouse)
    assert await names(eventhouse, ".show tables | project TableName") == set()


def test_what_is_looked_for_is_what_is_made_last() -> None:
    assert STATEMENTS[-1].name == LAST_DEPLOYED
