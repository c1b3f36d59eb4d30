"""Where batches of trades go."""

import orjson
import pytest

from emulator.errors import EngineFault, IngestionFault, KustoError
from producer.errors import BadData, ProducerError, Transient
from producer.model import Trade, encode_trade
from producer.sinks.eventhouse import EventhouseSink
from tests.producer.clock import START
from tests.producer.memory import MemoryEventhouse

TRADES = [Trade(f"e{n}", "AAPL", START, 100.0 + n, 1.0, "SIM", "simulated", START) for n in range(3)]
PAYLOADS = [encode_trade(trade) for trade in TRADES]


async def test_a_batch_is_json_lines_through_the_mapping() -> None:
    eventhouse = MemoryEventhouse()
    await EventhouseSink(eventhouse).send(TRADES, PAYLOADS)
    assert eventhouse.json_batches == [[orjson.loads(payload) for payload in PAYLOADS]]
    assert eventhouse.mappings == ["trades_v1"]


@pytest.mark.parametrize(
    ("fault", "kind"), [(EngineFault("disk full"), Transient), (IngestionFault("malformed"), BadData)]
)
async def test_errors_say_whether_sending_again_may_help(fault: KustoError, kind: type[ProducerError]) -> None:
    eventhouse = MemoryEventhouse()
    eventhouse.faults_before = [fault]
    with pytest.raises(kind, match=fault.message):
        await EventhouseSink(eventhouse).send(TRADES, PAYLOADS)
