"""Functions in Python end with their work, amid one value as between two, whoever runs them."""

import time
from collections.abc import Iterator

import numpy as np
import pytest

from emulator import Eventhouse
from emulator.engine.udf import filters
from emulator.errors import CancelFault, LimitFault
from emulator.work import Work
from tests.emulator.engine.endless import PROMPT_SECONDS, canceled_soon, count

# Every one of them would take minutes at least.
HEAVY = {
    "one value with feedback": "print series_iir(range(1.0, 1000000), dynamic([1]), range(1.0, 1000))",
    "one value with many weights": "print series_fir(range(1.0, 1000000), range(1.0, 1000000))",
    "many values": """range x from 1 to 10000000 step 1
        | extend s = series_iir(range(todouble(x), x + 1000), dynamic([1]), dynamic([1, 0.5, 0.25]))
        | summarize max(todouble(s[999]))""",
    "many texts": """range x from 1 to 30000000 step 1 | extend u = url_encode(strcat("ä", x)) | summarize max(u)""",
}


@pytest.fixture
def eventhouse() -> Iterator[Eventhouse]:
    opened = Eventhouse.open(None)
    opened.command(".create table T (X: long)")
    yield opened
    opened.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", HEAVY)
def test_a_heavy_function_ends_in_time(eventhouse: Eventhouse, name: str) -> None:
    for work in (Work(0.2), Work()):
        started = time.monotonic()
        with canceled_soon(work, 0.4), pytest.raises((LimitFault, CancelFault)) as raised:
            eventhouse.query(HEAVY[name], work=work)
        assert raised.value.code in ("E_QUERY_TIMEOUT", "E_QUERY_CANCELLED")
        assert time.monotonic() - started < PROMPT_SECONDS
    # The connection that was interrupted works, and no work of before is in its way.
    assert eventhouse.query("print series_fir(dynamic([1, 2]), dynamic([1, 1]), false)")[0].records() == [
        {"print_0": "[1.0,3.0]"}
    ]


@pytest.mark.slow
def test_a_heavy_function_of_a_command_ends_in_time(eventhouse: Eventhouse) -> None:
    heavy = "range(1.0, 1000000), dynamic([1]), range(1.0, 1000)"
    started = time.monotonic()
    with pytest.raises(LimitFault, match="E_QUERY_TIMEOUT"):
        eventhouse.command(f".set-or-append T <| print tolong(series_iir({heavy})[0])", work=Work(0.3))
    assert time.monotonic() - started < PROMPT_SECONDS
    assert count(eventhouse, "T") == 0


@pytest.mark.parametrize(("values", "weights"), [(1, 1), (7, 3), (3, 7), (1, 5), (50, 8)])
def test_convolution_in_parts_is_the_same(values: int, weights: int, monkeypatch: pytest.MonkeyPatch) -> None:
    series, factors = np.arange(1.0, values + 1), np.arange(2.0, weights + 2)
    expected = np.convolve(series, factors).tolist()
    for products in (1, 10, 1_000):
        monkeypatch.setattr(filters, "_PRODUCTS", products)
        assert filters._convolved(series, factors).tolist() == expected
