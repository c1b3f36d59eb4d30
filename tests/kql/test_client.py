"""The client seam: every implementation passes the same tests; the remote one speaks to the emulator's wire."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from cli.composition.embedded import EmbeddedEventhouse
from emulator.context import ParameterValue
from emulator.engine.eventhouse import Eventhouse as Engine
from emulator.errors import (
    EngineFault,
    EntityNotFound,
    IngestionFault,
    KustoError,
    SemanticFault,
    SyntaxFault,
    UnsupportedFault,
)
from emulator.server.app import create_app
from kql.client import Eventhouse, IngestFormat
from kql.client.remote import RemoteEventhouse, parameter_literal
from kql.deploy import deploy
from kql.errors import DefinitionError
from kql.loader import load_database
from tests.emulator.server.live import serving

DATABASE = "Market"
COLUMNS = ("At", "Sensor", "Value")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = Engine.open(None, database=DATABASE)
    engine.command(".create table Readings (At: datetime, Sensor: string, Value: real)")
    mapping = json.dumps([{"column": each, "Properties": {"Path": f"$.{each.lower()}"}} for each in COLUMNS])
    engine.command(f".create table Readings ingestion json mapping \"readings\" '{mapping}'")
    engine.command(".alter table Readings policy streamingingestion enable")
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def url(engine: Engine) -> Iterator[str]:
    with serving(create_app(engine)) as url:
        yield url


@pytest.fixture(params=["embedded", "remote"])
async def eventhouse(request: pytest.FixtureRequest, engine: Engine, url: str) -> AsyncIterator[Eventhouse]:
    client: Eventhouse
    if request.param == "embedded":
        client = EmbeddedEventhouse(engine, DATABASE)
    else:
        client = RemoteEventhouse.connect(url, DATABASE)
    yield client
    await client.close()


async def test_columns_come_in_the_canonical_types(eventhouse: Eventhouse) -> None:
    result = await eventhouse.query(
        """
        print Flag = true, Small = int(-3), Large = long(9007199254740993), Number = 1.5, Exact = decimal(2.25),
            Text = "Kurs €", Time = datetime(2024-01-03T15:00:00.1234567Z), Span = -timespan(1.02:03:04.5000001),
            Id = guid(74be27de-1e4e-49d9-b579-fe0b331d3642), Bag = dynamic({"a": [1, null]})
        """
    )
    assert result.schema.csl() == (
        "Flag:bool,Small:int,Large:long,Number:real,Exact:decimal,Text:string,Time:datetime,Span:timespan,Id:guid,Bag:dynamic"
    )
    types = {field.name: field.type for field in result.arrow.schema}
    assert pa.types.is_decimal128(types.pop("Exact"))
    assert types == {
        "Flag": pa.bool_(),
        "Small": pa.int32(),
        "Large": pa.int64(),
        "Number": pa.float64(),
        "Text": pa.string(),
        "Time": pa.timestamp("us"),
        "Span": pa.int64(),
        "Id": pa.string(),
        "Bag": pa.string(),
    }
    (row,) = result.records()
    assert float(str(row.pop("Exact"))) == 2.25
    assert row == {
        "Flag": True,
        "Small": -3,
        "Large": 9007199254740993,
        "Number": 1.5,
        "Text": "Kurs €",
        "Time": datetime(2024, 1, 3, 15, 0, 0, 123456),  # noqa: DTZ001 - naive UTC, as everywhere in Arrow
        "Span": -(((26 * 60 + 3) * 60 + 4) * 10_000_000 + 5_000_001),
        "Id": "74be27de-1e4e-49d9-b579-fe0b331d3642",
        "Bag": '{"a":[1,null]}',
    }


async def test_nulls_and_special_numbers_survive(eventhouse: Eventhouse) -> None:
    result = await eventhouse.query(
        "print Flag = bool(null), Number = long(null), Real = real(null), Time = datetime(null), Span = timespan(null),"
        ' Text = "", Bag = dynamic(null), High = real(+inf), Low = real(-inf), NotANumber = real(nan)'
    )
    (row,) = result.records()
    assert str(row.pop("NotANumber")) == "nan"
    assert row == {
        **dict.fromkeys(("Flag", "Number", "Real", "Time", "Span", "Bag")),
        "Text": "",
        "High": float("inf"),
        "Low": float("-inf"),
    }


async def test_an_empty_result_keeps_its_columns(eventhouse: Eventhouse) -> None:
    result = await eventhouse.query("Readings | where false")
    assert len(result) == 0
    assert result.schema.csl() == "At:datetime,Sensor:string,Value:real"
    assert result.arrow.schema.names == ["At", "Sensor", "Value"]


@pytest.mark.parametrize(
    ("type_", "value", "found"),
    [
        ("string", 'it\'s "quoted"; | take 1', 'it\'s "quoted"; | take 1'),
        ("string", "1d", "1d"),
        ("string", "", ""),
        ("long", 5, 5),
        ("int", -7, -7),
        ("real", 0.1, 0.1),
        ("real", 3.0, 3.0),
        ("real", float("inf"), float("inf")),
        ("bool", True, True),
        ("bool", False, False),
        ("datetime", datetime(2024, 1, 3, 15, tzinfo=UTC), datetime(2024, 1, 3, 15)),  # noqa: DTZ001 - naive UTC
        ("datetime", datetime(2024, 1, 3, 15, 0, 0, 5), datetime(2024, 1, 3, 15, 0, 0, 5)),  # noqa: DTZ001 - naive UTC
        ("timespan", timedelta(days=-1, minutes=5), -23 * 36_000_000_000 - 55 * 600_000_000),
        ("timespan", "5m", 3_000_000_000),
        ("datetime", None, None),
        ("long", None, None),
        ("bool", None, None),
    ],
)
async def test_values_travel_as_parameters(
    eventhouse: Eventhouse, type_: str, value: ParameterValue, found: object
) -> None:
    text = f"declare query_parameters(value: {type_});\nprint Value = value"
    assert (await eventhouse.query(text, parameters={"value": value})).records() == [{"Value": found}]


async def test_a_parameter_left_out_takes_its_default(eventhouse: Eventhouse) -> None:
    text = "declare query_parameters(n: long = 4);\nprint Value = n"
    assert (await eventhouse.query(text)).records() == [{"Value": 4}]


async def test_a_command_answers_with_a_table(eventhouse: Eventhouse) -> None:
    result = await eventhouse.command(".show tables | where TableName == 'Readings' | project TableName")
    assert result.records() == [{"TableName": "Readings"}]


def parquet(rows: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(rows, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("format", "mapping", "data"),
    [
        (
            "json",
            "readings",
            b'{"at": "2024-01-03T15:00:00Z", "sensor": "s", "value": 1.5}\n{"sensor": "t", "value": 2}\n',
        ),
        (
            "multijson",
            "readings",
            b'[{"at": "2024-01-03T15:00:00Z", "sensor": "s", "value": 1.5}, {"sensor": "t", "value": 2}]',
        ),
        ("csv", None, b"2024-01-03T15:00:00Z,s,1.5\n,t,2\n"),
        (
            "parquet",
            None,
            parquet(
                pa.table(
                    {
                        "At": pa.array([datetime(2024, 1, 3, 15), None], pa.timestamp("us")),  # noqa: DTZ001 - naive UTC
                        "Sensor": ["s", "t"],
                        "Value": [1.5, 2.0],
                    }
                )
            ),
        ),
    ],
)
async def test_an_acknowledged_batch_is_visible(
    eventhouse: Eventhouse, format: IngestFormat, mapping: str | None, data: bytes
) -> None:
    await eventhouse.command(".clear table Readings data")
    answer = await eventhouse.ingest("Readings", data, format=format, mapping=mapping)
    assert answer.consumed_records == 2
    assert (await eventhouse.query("Readings | sort by Sensor asc")).records() == [
        {"At": datetime(2024, 1, 3, 15), "Sensor": "s", "Value": 1.5},  # noqa: DTZ001 - naive UTC
        {"At": None, "Sensor": "t", "Value": 2.0},
    ]


@pytest.mark.slow
async def test_requests_run_side_by_side(eventhouse: Eventhouse) -> None:
    answers = await asyncio.gather(*(eventhouse.query(f"print Value = {n}") for n in range(20)))
    assert [answer.records()[0]["Value"] for answer in answers] == list(range(20))


Request = Callable[[Eventhouse], Awaitable[object]]


@pytest.mark.parametrize(
    ("request_", "kind", "message"),
    [
        (lambda each: each.query("Readings | where Valu > 1"), SemanticFault, "Valu"),
        (lambda each: each.query("Reading | take 1"), SemanticFault, "Reading"),
        (lambda each: each.query("Readings | where"), SyntaxFault, "where"),
        (lambda each: each.query("Readings | evaluate autocluster()"), UnsupportedFault, "autocluster"),
        (lambda each: each.command(".show table Nothing cslschema"), EntityNotFound, "Nothing"),
        (lambda each: each.command(".create tabel T (A: int)"), SyntaxFault, "tabel"),
        (lambda each: each.ingest("Nothing", b"{}", format="json"), EntityNotFound, "Nothing"),
        (lambda each: each.ingest("Readings", b"{}", format="json", mapping="other"), EntityNotFound, "other"),
        (lambda each: each.ingest("Readings", b"not parquet", format="parquet"), IngestionFault, "[Pp]arquet"),
        (lambda each: each.query("declare query_parameters(n: long);\nprint n"), SemanticFault, "n"),
    ],
)
async def test_errors_are_of_one_kind_everywhere(
    eventhouse: Eventhouse, request_: Request, kind: type[KustoError], message: str
) -> None:
    with pytest.raises(kind, match=message) as caught:
        await request_(eventhouse)
    assert type(caught.value) is kind
    assert caught.value.permanent


async def test_an_error_keeps_its_code_its_place_and_its_hint(eventhouse: Eventhouse) -> None:
    text = "Readings\n| where Valu > 1"
    with pytest.raises(SemanticFault) as caught:
        await eventhouse.query(text)
    fault = caught.value
    assert fault.code == "SEM0100"
    assert text[fault.span.start : fault.span.end] == "Valu"
    assert "Value" in fault.hint
    assert "line:position" not in fault.message


@pytest.mark.slow
async def test_the_market_database_is_deployed_and_deployed_again(eventhouse: Eventhouse) -> None:
    first, second = await deploy(eventhouse), await deploy(eventhouse)
    assert first.statements == second.statements
    rows = (await eventhouse.query("MarketSummary_v1() | project Symbol")).records()
    assert len(rows) == 5


async def test_a_refused_command_is_named_with_its_file_and_line(
    eventhouse: Eventhouse, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("broken")
    (folder / "T.kql").write_text(
        ".create-merge table T (A: int)\n\n// what does not exist cannot be the source\n"
        ".create-or-alter table Missing ingestion json mapping \"m\" '[]'\n",
        encoding="utf-8",
    )
    with pytest.raises(DefinitionError, match="Missing") as caught:
        await deploy(eventhouse, load_database(folder))
    assert (caught.value.file.name, caught.value.line) == ("T.kql", 4)


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (
            ".create-or-alter materialized-view Counts on table Numbers { Numbers | summarize count() by Id = N }",
            "Bad request: BadRequest_MaterializedViewAlter: Cannot alter materialized view 'Counts': the group-by"
            " expressions cannot be changed.",
        ),
        (
            ".create-merge table Numbers (N: string)",
            "Bad request: BadRequest_ColumnTypeMismatch: Table 'Numbers': column 'N' is of type 'long' and cannot"
            " become 'string'.\nhint: `.alter column` changes a type, and loses the column's values",
        ),
        (
            ".create-or-alter function F() { Numer }",
            "Semantic error: SEM0100: Failed to resolve column or scalar expression named 'Numer' [line:position=1:3]\n"
            "1 | { Numer }\n      ^^^^^\nhint: did you mean 'Numbers'?",
        ),
        (
            ".drop table Nope",
            "Entity not found: BadRequest_EntityNotFound: Entity 'Nope' of kind 'Table' was not found.",
        ),
    ],
)
async def test_a_fault_has_one_kind_and_one_code_on_both_sides_of_the_wire(
    eventhouse: Eventhouse, command: str, text: str
) -> None:
    await eventhouse.command(".create-merge table Numbers (N: long)")
    view = ".create-or-alter materialized-view Counts on table Numbers { Numbers | summarize count() by N }"
    await eventhouse.command(view)
    with pytest.raises(KustoError) as caught:
        await eventhouse.command(command)
    assert str(caught.value) == text


async def test_nobody_listening_reads_as_what_it_is() -> None:
    client = RemoteEventhouse.connect("http://127.0.0.1:9", DATABASE)
    with pytest.raises(KustoError) as caught:
        await client.query("print 1")
    await client.close()
    assert str(caught.value) == (
        "Network error: TH_NETWORK: no connection to http://127.0.0.1:9\n"
        "hint: is the Eventhouse running, and is the URL right?"
    )


async def test_the_results_of_all_statements_come_in_order(eventhouse: Eventhouse) -> None:
    results = await eventhouse.query_all("print A = 1; range B from 1 to 2 step 1")
    assert [(result.schema.names, list(result.rows())) for result in results] == [
        (("A",), [(1,)]),
        (("B",), [(1,), (2,)]),
    ]


async def test_nobody_listening_is_no_permanent_fault() -> None:
    client = RemoteEventhouse.connect("http://127.0.0.1:9", DATABASE)
    with pytest.raises(EngineFault, match="no connection") as caught:
        await client.query("print 1")
    assert not caught.value.permanent
    await client.close()


@pytest.mark.parametrize("text", ["print 1", ".show tables"])
async def test_what_is_no_eventhouse_is_told(text: str) -> None:
    async def api(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await Response(b'{"title": "Not found"}', 404, media_type="application/problem+json")(scope, receive, send)

    with serving(api) as url:
        eventhouse = RemoteEventhouse.connect(url, DATABASE)
        try:
            with pytest.raises(EngineFault) as caught:
                await (eventhouse.command(text) if text.startswith(".") else eventhouse.query(text))
        finally:
            await eventhouse.close()
    assert caught.value.hint == (
        "is that the URL of an Eventhouse? The REST API has another port; `tickhouse up` prints both"
    )


def test_a_null_takes_the_type_that_the_query_declares() -> None:
    text = "declare query_parameters(a: long, b: string = 'x');\nprint a, b"
    assert [parameter_literal(name, None, text) for name in ("a", "b")] == ["long(null)", "string(null)"]
    with pytest.raises(KustoError) as caught:
        parameter_literal("c", None, text)
    assert (caught.value.message, caught.value.hint) == (
        "the query declares no parameter 'c'",
        "declare query_parameters(c: type) stands first in a query",
    )
