"""Microsoft's query clients, unmodified, against the wire."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from azure.kusto.data import KustoClient, KustoConnectionStringBuilder
from azure.kusto.data.aio import KustoClient as AsyncKustoClient
from azure.kusto.data.exceptions import KustoApiError, KustoMultiApiError, KustoServiceError
from azure.kusto.data.helpers import dataframe_from_result_table

from tests.emulator.server.sdk import request_properties, status_of

DATABASE = "NetDefaultDB"

# The SDK's data frame helper passes an argument that pandas 3 deprecates.
of_the_sdk = pytest.mark.filterwarnings("ignore:The copy keyword is deprecated")

EVERY_TYPE = """
print xbool = true, xint = int(7), xlong = 9007199254740993, xreal = 3.0, xdecimal = decimal(2.00000000000001),
    xstring = "it's", xdatetime = datetime(2020-03-04T14:05:01.310996Z), xtimespan = 1d + 1s,
    xguid = guid(74be27de-1e4e-49d9-b579-fe0b331d3642), xdynamic = dynamic({"a": [1, null, "b"]})
"""
EVERY_NULL = """
print xbool = bool(null), xint = int(null), xlong = long(null), xreal = real(null), xdecimal = decimal(null),
    xstring = "", xdatetime = datetime(null), xtimespan = timespan(null), xguid = guid(null), xdynamic = dynamic(null)
"""


def test_every_scalar_type_arrives_as_the_sdk_reads_it(client: KustoClient) -> None:
    (row,) = client.execute(DATABASE, EVERY_TYPE).primary_results[0]
    assert row.to_dict() == {
        "xbool": True,
        "xint": 7,
        "xlong": 9007199254740993,
        "xreal": 3.0,
        "xdecimal": Decimal("2.00000000000001"),
        "xstring": "it's",
        "xdatetime": datetime(2020, 3, 4, 14, 5, 1, 310996, tzinfo=UTC),
        "xtimespan": timedelta(days=1, seconds=1),
        "xguid": "74be27de-1e4e-49d9-b579-fe0b331d3642",
        "xdynamic": {"a": [1, None, "b"]},
    }
    assert isinstance(row["xreal"], float)


def test_every_null_arrives_as_none_but_a_string_does_not(client: KustoClient) -> None:
    (row,) = client.execute(DATABASE, EVERY_NULL).primary_results[0]
    assert {name for name, value in row.to_dict().items() if value is not None} == {"xstring"}
    assert row["xstring"] == ""


def test_parameters_travel_beside_the_text(client: KustoClient) -> None:
    quoted = 'it\'s "quoted"; | drop'
    day, span = datetime(2026, 1, 2, tzinfo=UTC), timedelta(days=1, hours=2)
    properties = request_properties({"n": 10, "s": quoted, "d": day, "t": span})
    text = (
        "declare query_parameters(n: long, s: string, d: datetime, t: timespan, unset: real = 0.5);"
        "print n = n + 1, s, day = startofday(d), later = d + t, unset"
    )
    (row,) = client.execute(DATABASE, text, properties).primary_results[0]
    assert row.to_list() == [
        11,
        quoted,
        day,
        day + span,
        0.5,
    ]


def test_the_streaming_reader_reads_the_same_rows(client: KustoClient) -> None:
    answer = client.execute_streaming_query(DATABASE, "range n from 1 to 3 step 1 | extend half = n / 2.0")
    tables = [[row.to_list() for row in table] for table in answer.iter_primary_results()]
    assert tables == [[[1, 0.5], [2, 1.0], [3, 1.5]]]


@of_the_sdk
def test_a_dataframe_has_the_right_types(client: KustoClient) -> None:
    frame = dataframe_from_result_table(client.execute(DATABASE, EVERY_TYPE).primary_results[0])
    kinds = {name: str(kind) for name, kind in frame.dtypes.items()}
    assert kinds["xlong"] == "Int64"
    assert kinds["xreal"] == "Float64"
    assert kinds["xdatetime"].endswith("UTC]")
    assert kinds["xtimespan"].startswith("timedelta64")


async def test_the_asynchronous_client_reads_the_same(url: str) -> None:
    async with AsyncKustoClient(url) as client:
        answer = await client.execute(DATABASE, "print n = 1")
        assert answer.primary_results[0][0]["n"] == 1
        streamed = await client.execute_streaming_query(DATABASE, "range n from 1 to 2 step 1")
        rows = [[row["n"] async for row in table] async for table in streamed.iter_primary_results()]
        assert rows == [[1, 2]]


def test_an_unknown_column_is_a_semantic_error_in_kustos_words(client: KustoClient) -> None:
    with pytest.raises(KustoApiError) as caught:
        client.execute(DATABASE, "Readings | where Prise > 1")
    error = caught.value.get_api_error()
    assert "SEM0100" in str(caught.value)
    assert "Failed to resolve column or scalar expression named 'Prise'" in str(caught.value)
    assert error.code == "General_BadRequest"
    assert error.permanent
    assert caught.value.is_semantic_error()


def test_a_syntax_error_says_where_it_is(client: KustoClient) -> None:
    with pytest.raises(KustoApiError, match="Syntax error") as caught:
        client.execute(DATABASE, "Readings | where | take 1")
    assert caught.value.get_api_error().code == "BadRequest_SyntaxError"
    assert "line:position=1:" in str(caught.value)


@pytest.mark.parametrize("text", ["NoSuchTable", "NoSuchFunction()", ".show table NoSuchTable cslschema"])
def test_what_does_not_exist_is_a_bad_request_not_a_missing_page(client: KustoClient, text: str) -> None:
    with pytest.raises(KustoApiError, match="NoSuch") as caught:
        client.execute(DATABASE, text)
    assert status_of(caught.value) == 400


def test_an_unknown_database_is_named(client: KustoClient) -> None:
    with pytest.raises(KustoServiceError, match="nowhere"):
        client.execute("nowhere", "print 1")


def test_a_result_beyond_its_limit_is_a_partial_failure(client: KustoClient) -> None:
    properties = request_properties(options={"truncationmaxrecords": 5})
    text = "range n from 1 to 10 step 1"
    with pytest.raises(KustoMultiApiError, match="set limit of 5 records"):
        client.execute(DATABASE, text, properties)
    deferred = request_properties(options={"truncationmaxrecords": 5, "deferpartialqueryfailures": True})
    answer = client.execute(DATABASE, text, deferred)
    assert answer.errors_count == 1
    assert [row["n"] for row in answer.primary_results[0]] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"request_is_agentic": True, "query_language": "kql", "norequesttimeout": True},
        {"servertimeout": timedelta(days=1, hours=2)},
    ],
)
def test_options_of_real_clients_are_accepted(client: KustoClient, options: dict[str, object]) -> None:
    assert client.execute(DATABASE, "print 1", request_properties(options=options)).primary_results[0][0][0] == 1


def test_several_statements_answer_several_tables(client: KustoClient) -> None:
    answer = client.execute(DATABASE, "print a = 1; print b = 2")
    assert [table[0].to_dict() for table in answer.primary_results] == [{"a": 1}, {"b": 2}]


def test_a_token_is_accepted_and_ignored_on_loopback(url: str) -> None:
    builder = KustoConnectionStringBuilder.with_aad_user_token_authentication(url, "any")
    with KustoClient(builder) as client:
        assert client.execute(DATABASE, "print 1").primary_results[0][0][0] == 1


@pytest.mark.slow
@of_the_sdk
def test_ten_thousand_rows_survive_the_journey(client: KustoClient) -> None:
    text = (
        "range n from 1 to 10000 step 1 | extend r = n * 1.5, s = strcat('x', n), "
        "d = datetime(2026-01-01) + n * 1s, t = n * 1ms"
    )
    frame = dataframe_from_result_table(client.execute(DATABASE, text).primary_results[0])
    assert len(frame) == 10_000
    assert frame["n"].sum() == 50_005_000
    assert frame["s"].iloc[-1] == "x10000"
    assert frame["d"].iloc[-1].isoformat() == "2026-01-01T02:46:40+00:00"
    assert frame["t"].iloc[-1].total_seconds() == 10.0
