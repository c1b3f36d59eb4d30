"""Names and texts that DuckDB cannot hold as they are: half a surrogate pair, and NUL."""

import pytest

from emulator import Eventhouse
from emulator.errors import KustoError

HALF, SHOWN = "\ud800", "\ufffd"


@pytest.mark.parametrize("half", [HALF, r"\ud800"], ids=["sent", "escaped"])
def test_half_of_a_surrogate_pair_is_the_replacement_character_wherever_it_stands(
    empty_database: Eventhouse, half: str
) -> None:
    run = empty_database.command
    run(f".create table T (c: string) with (docstring = '{half}')")
    run(f".create function F() {{ print x = '{half}' }}")
    run(f".set-or-append T <| print '{half}'")
    assert empty_database.query(f"T | project ['c{half}'] = c, ['d{half}'] = '{half}'")[0].records() == [
        {f"c{SHOWN}": SHOWN, f"d{SHOWN}": SHOWN}
    ]
    assert empty_database.query("F()")[0].records() == [{"x": SHOWN}]
    shown = run(".show tables").records()
    assert [(row["TableName"], row["DocString"]) for row in shown] == [("T", SHOWN)]
    # entity-names.md knows letters, digits and a few marks: the character that stands in for a half is none of them.
    with pytest.raises(KustoError, match=f"'T{SHOWN}' cannot be the name of an entity of kind 'Table'"):
        run(f".create table ['T{half}'] (c: string)")


def test_halves_of_one_pair_are_joined(empty_database: Eventhouse) -> None:
    assert empty_database.query(r"print x = '\ud83d\ude00', n = strlen('\ud83d\ude00')")[0].records() == [
        {"x": "\U0001f600", "n": 1}
    ]


def test_columns_of_a_query_may_have_names_that_hold_a_nul(empty_database: Eventhouse) -> None:
    # A table or a view may not (entity-names.md); what is only computed is not stored under its name.
    empty_database.command(".create table T (Id: long, a: long)")
    empty_database.ingest("T", b"1,2\n1,2", format="csv")
    query = r"T | project-rename ['a\0b'] = a | summarize take_any(*), ['n\0'] = count() by Id"
    assert empty_database.query(query)[0].records() == [{"Id": 1, "a\0b": 2, "n\0": 2}]
