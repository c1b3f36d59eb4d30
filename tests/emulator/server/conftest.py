"""One Eventhouse in memory behind a live wire, with the table and mapping that the tests write to."""

from collections.abc import Iterator

import pytest
from azure.kusto.data import KustoClient

from emulator.context import NO_PROPERTIES
from emulator.engine.eventhouse import Eventhouse
from emulator.server.app import create_app
from tests.emulator.server.live import serving

DATABASE = "NetDefaultDB"
TYPES = """.create table Types (
    rownumber: int, rowguid: string, xdouble: real, xbool: bool, xint32: int, xint64: long, xdate: datetime,
    xsmalltext: string, xtime: timespan, xguid: guid, xnumber: decimal, xdynamic: dynamic)"""
MAPPING = """.create table Readings ingestion json mapping "readings"
```
[{"column": "At", "Properties": {"Path": "$.at"}}, {"column": "Sensor", "Properties": {"Path": "$.sensor"}},
 {"column": "Value", "Properties": {"Path": "$.value"}}]
```"""


@pytest.fixture(scope="module")
def eventhouse() -> Iterator[Eventhouse]:
    eventhouse = Eventhouse.open(None, database=DATABASE)
    for command in (
        ".create table Readings (At: datetime, Sensor: string, Value: real)",
        ".alter table Readings policy streamingingestion enable",
        MAPPING,
        TYPES,
        ".alter table Types policy streamingingestion enable",
    ):
        eventhouse.command(command, properties=NO_PROPERTIES)
    yield eventhouse
    eventhouse.close()


@pytest.fixture(scope="module")
def url(eventhouse: Eventhouse) -> Iterator[str]:
    with serving(create_app(eventhouse)) as url:
        yield url


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[KustoClient]:
    with KustoClient(url) as client:
        yield client
