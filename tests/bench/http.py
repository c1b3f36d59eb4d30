"""The generated history endpoint against a hand-written FastAPI + DuckDB + orjson route over the same bars."""

import asyncio
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.bench.measure import Pair
from tests.end_to_end.platform import MARKET, free_port, running, tickhouse

INTRADAY = MARKET / "intraday" / "av_1min_ext_2020q4.parquet"
DAY = "from=2020-12-01T14:30:00Z&to=2020-12-01T21:00:00Z"
PATH = f"/v1/prices/AAPL/history?interval=1m&{DAY}"
CONNECTIONS = 16
REQUESTS = 1500
ROUNDS = 3


def reference_server(port: int, file: str) -> None:
    """Serve the same records the way one would write it by hand: one SQL text, a two-thread executor, orjson."""
    from concurrent.futures import ThreadPoolExecutor
    from datetime import datetime

    import duckdb
    import orjson
    import uvicorn
    from fastapi import FastAPI, Response

    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE bars AS SELECT symbol, ts_utc_barend::TIMESTAMP - INTERVAL 1 MINUTE AS timestamp,"
        " open, high, low, close, volume FROM read_parquet(?) ORDER BY symbol, timestamp",
        [file],
    )
    executor = ThreadPoolExecutor(2)
    app = FastAPI()
    names = ("symbol", "timestamp", "open", "high", "low", "close", "volume")

    def fetch(symbol: str, start: datetime, stop: datetime) -> bytes:
        rows = (
            connection.cursor()
            .execute(
                "SELECT * FROM bars WHERE symbol = ? AND timestamp >= ? AND timestamp < ? ORDER BY timestamp",
                [symbol, start.replace(tzinfo=None), stop.replace(tzinfo=None)],
            )
            .fetchall()
        )
        return orjson.dumps({"data": [dict(zip(names, row, strict=True)) for row in rows]})

    @app.get("/v1/prices/{symbol}/history")
    async def history(symbol: str, start: datetime, stop: datetime) -> Response:
        body = await asyncio.get_running_loop().run_in_executor(executor, fetch, symbol, start, stop)
        return Response(body, media_type="application/json")

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


@contextmanager
def reference() -> Iterator[str]:
    """Run the hand-written server in a process of its own."""
    port = free_port()
    process = multiprocessing.get_context("spawn").Process(target=reference_server, args=(port, str(INTRADAY)))
    process.start()
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            try:
                httpx.get(f"{url}/openapi.json")
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.join()


async def seconds_per_request(url: str) -> float:
    """Load one URL over kept-alive connections and return wall seconds per request."""
    limits = httpx.Limits(max_connections=CONNECTIONS)
    async with httpx.AsyncClient(limits=limits, timeout=60) as client:
        (await client.get(url)).raise_for_status()

        async def worker() -> None:
            for _ in range(REQUESTS // CONNECTIONS):
                answer = await client.get(url, headers={"Cache-Control": "no-cache"})
                answer.raise_for_status()

        started = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(CONNECTIONS)))
        return (time.perf_counter() - started) / (REQUESTS // CONNECTIONS * CONNECTIONS)


def run() -> Iterator[Pair]:
    """Yield the pair of the history endpoint: 390 one-minute bars as records, sixteen connections."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        with running(data, "--source", "none") as platform, reference() as by_hand:
            loaded = tickhouse("load", str(INTRADAY), "--as", "intraday", "--data", str(data))
            if loaded.returncode:
                raise RuntimeError(loaded.stderr)
            ours_url = f"{platform.api}{PATH}"
            reference_url = f"{by_hand}/v1/prices/AAPL/history?{DAY.replace('from=', 'start=').replace('to=', 'stop=')}"
            counts = [len(httpx.get(url, timeout=60).json()["data"]) for url in (ours_url, reference_url)]
            if counts[0] != counts[1]:
                raise RuntimeError(f"the two servers answer {counts[0]} and {counts[1]} records")
            timings: tuple[list[float], list[float]] = ([], [])
            for _ in range(ROUNDS):
                for side, url in zip(timings, (ours_url, reference_url), strict=True):
                    side.append(asyncio.run(seconds_per_request(url)))
            yield Pair(
                "history endpoint, 390 bars",
                "hand-written FastAPI route",
                statistics.median(timings[0]),
                statistics.median(timings[1]),
                note="wall time per request, 16 connections",
            )
