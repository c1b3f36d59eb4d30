"""Values are taken as the document promises them, and in no other form that Python could read."""

import httpx
import pytest

from api.values import read_boolean, read_integer, read_number

AVERAGE = "/v1/analytics/AAPL/rolling-average"


@pytest.mark.parametrize(
    "text", ["1_0", "5.0", "+5", "05", " 5", "5 ", "5e0", "٥", "５", "0x5", "", "five", "--5", "5\n", "1e1", "５.0"]
)
async def test_an_integer_is_written_as_one(http: httpx.AsyncClient, text: str) -> None:
    answer = await http.get(AVERAGE, params={"window": text})
    assert answer.status_code == 422
    document = answer.json()
    assert (document["code"], document["parameter"]) == ("BAD_PARAMETER", "window")
    assert document["detail"].endswith(f", found '{text}'.")


@pytest.mark.parametrize("text", ["yes", "no", "on", "off", "1", "0", "t", "y", "True", "TRUE", "False", " true", ""])
async def test_a_boolean_is_true_or_false(http: httpx.AsyncClient, text: str) -> None:
    answer = await http.get(AVERAGE, params={"adjusted": text})
    assert answer.status_code == 422
    assert answer.json()["detail"] == f"The parameter 'adjusted' takes true or false, found '{text}'."


@pytest.mark.parametrize(("name", "text"), [("window", "5"), ("adjusted", "true"), ("adjusted", "false")])
async def test_what_the_document_promises_is_taken(http: httpx.AsyncClient, name: str, text: str) -> None:
    assert (await http.get(AVERAGE, params={name: text})).status_code == 200


@pytest.mark.parametrize("text", ["5", "-5", "0", "0.5", "-0.5", "1e3", "1.5E-3"])
def test_a_number_is_written_as_one(text: str) -> None:
    assert read_number(text) == text


@pytest.mark.parametrize("text", ["nan", "inf", "-Infinity", "1_0.5", "+5", ".5", "5.", "05", "٥", "1e", " 1"])
def test_other_forms_of_numbers_are_refused(text: str) -> None:
    with pytest.raises(Exception, match="not written so"):
        read_number(text)


def test_values_that_are_none_of_texts_pass() -> None:
    assert (read_integer(5), read_number(0.5), read_boolean(True), read_integer(None)) == (5, 0.5, True, None)
