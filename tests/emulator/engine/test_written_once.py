"""The statements of a batch are written once: a batch like an earlier one runs what is kept."""

import pytest

from emulator.engine.eventhouse import Eventhouse
from emulator.sql import render, render_query

SCHEMA = """
.create table Raw (Id: long, Symbol: string, Price: real)
.create table Trades (Id: long, Symbol: string, Price: real)
.alter table Trades policy update @'[{"IsEnabled": true, "Source": "Raw", "Query": "Raw | where Price > 0"}]'
.create materialized-view UniqueTrades on table Trades { Trades | summarize take_any(*) by Id }
.create materialized-view Prices on materialized-view UniqueTrades
    { UniqueTrades | summarize count(), max(Price) by Symbol }
.create materialized-view Symbols on table Trades { Trades | summarize dcount(Id) by Symbol }
"""


def lines(first: int, count: int) -> bytes:
    return b"\n".join(b'{"Id": %d, "Symbol": "A", "Price": 1.5}' % number for number in range(first, first + count))


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 5])
def test_a_batch_like_an_earlier_one_writes_no_statement(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    eventhouse = Eventhouse.open(None, database="Market")
    for command in SCHEMA.strip().replace("\n    ", " ").split("\n"):
        eventhouse.command(command)
    eventhouse.ingest("Raw", lines(0, count), format="json")
    eventhouse.ingest("Raw", lines(count, count), format="json")
    written: list[str] = []
    for module, name in ((render, "query_text"), (render, "source_text"), (render_query, "source_text")):
        write = getattr(module, name)

        def noted(tree: object, write: object = write) -> str:
            text = str(write(tree))  # type: ignore[operator] # one of the functions above
            written.append(text)
            return text

        monkeypatch.setattr(module, name, noted)
    eventhouse.ingest("Raw", lines(2 * count, count), format="json")
    assert written == []
    (answer,) = eventhouse.query("Prices")
    assert written != []
    assert list(answer.rows()) == [("A", 3 * count, 1.5)]
    eventhouse.close()
