"""What DuckDB's errors, told apart by the words they begin with, are to a user."""

import errno
import os
import re

import duckdb
import pytest

from emulator.engine.faults import closed_fault, is_disk_full, is_invalidated, is_of_statement, kusto_fault

NO_ROOM = f'IO Error: Could not write file "x": {os.strerror(errno.ENOSPC)}'
ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
FILTER = "filter or summarize earlier, or narrow the time range"
BUG = "this is a bug of the embedded Eventhouse, not of the query"
VALUE = "A value cannot be computed"
REFUSED = "The compiled query was refused by the storage engine"
ROOM = "make room: what was acknowledged is safe, and nothing needs to be started again"
GONE = "The storage engine failed and is opened again"
DEEP = "The query is too deep: one of its expressions has more levels than the storage engine follows (1000)"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            f"{NO_ROOM}\nmore",
            ("DiskFull", "TH_DiskFull", "There is no space left on the disk of the data folder (fault …)", ROOM),
        ),
        ("INTERRUPT Error: Interrupted!", ("LimitFault", "Aborted", "The query was cancelled", "")),
        (
            "Out of Memory Error: could not allocate",
            ("LimitFault", "E_RUNAWAY_QUERY", "The query needs more memory than this Eventhouse may use", FILTER),
        ),
        (
            "Binder Error: Max expression depth limit of 1000 exceeded.",
            ("QueryTooDeep", "TH_QueryTooDeep", DEEP, "join fewer values in one expression"),
        ),
        (
            "Parser Error: Max expression depth limit of 1000 exceeded.",
            ("QueryTooDeep", "TH_QueryTooDeep", DEEP, "join fewer values in one expression"),
        ),
        (
            "Binder Error: no column",
            (
                "EngineFault",
                "TH0911",
                f"{REFUSED}: Binder error (fault …)",
                BUG,
            ),
        ),
        (
            "  FATAL Error: gone\nStack",
            (
                "EngineFault",
                "TH_StorageReopens",
                "The storage engine failed and is opened again: FATAL error (fault …)",
                "",
            ),
        ),
        ("IO Error: torn", ("EngineFault", "TH0910", "Storage failed: IO error (fault …)", "")),
        ("Out of Range Error: 300", ("SemanticFault", "SEM0053", f"{VALUE}: Out of Range error (fault …)", "")),
        ("Conversion Error: 'a'", ("SemanticFault", "SEM0053", f"{VALUE}: Conversion error (fault …)", "")),
        ("Invalid Input Error: -1", ("SemanticFault", "SEM0053", f"{VALUE}: Invalid Input error (fault …)", "")),
        ("Not implemented Error: x", ("EngineFault", "TH0911", f"{REFUSED}: Not implemented error (fault …)", BUG)),
        (
            "Out of Range Error: Overflow in addition of INT32 (1 + 2147483647)!",
            ("SemanticFault", "SEM0053", f"{VALUE}: 1 + 2147483647 is beyond the range of int", ""),
        ),
        (
            "Conversion Error: Could not cast value 1000000000000000000.000000 to DECIMAL(18,8) when casting from x",
            ("SemanticFault", "SEM0053", f"{VALUE}: 1000000000000000000.000000 is beyond the range of decimal", ""),
        ),
        (
            "Out of Range Error: Cannot create a string of size: '3' * '9223372036854775807', the maximum",
            ("SemanticFault", "SEM0053", f"{VALUE}: a text is longer than 4294967295 bytes", ""),
        ),
        (
            "Conversion Error: Timestamp microseconds out of range: 9223372036854775807",
            ("SemanticFault", "SEM0053", f"{VALUE}: a datetime is out of range", ""),
        ),
        (
            "",
            (
                "EngineFault",
                "TH0911",
                f"{REFUSED}: Error error (fault …)",
                BUG,
            ),
        ),
        (
            "Catalog Error: Table with name /secret\nLINE 1: SELECT",
            (
                "EngineFault",
                "TH0911",
                f"{REFUSED}: Catalog error (fault …)",
                BUG,
            ),
        ),
        (
            '/secret "x": Error: no kind',
            (
                "EngineFault",
                "TH0911",
                f"{REFUSED}: Error error (fault …)",
                BUG,
            ),
        ),
    ],
)
def test_the_fault_of_an_error(text: str, found: tuple[str, str, str, str], caplog: pytest.LogCaptureFixture) -> None:
    error = duckdb.Error(text)
    fault = kusto_fault(error)
    message = re.sub(ID, "…", fault.message)
    assert (type(fault).__name__, fault.code, message, fault.hint) == found
    assert fault.__cause__ is error
    # What is told by an id stands under it in the log, in one line and in the engine's own words.
    ids = re.findall(ID, fault.message)
    logged = [record.getMessage() for record in caplog.records]
    words = text.encode("unicode_escape").decode()
    assert logged == [f"the storage engine failed, fault {each}: Error: {words}" for each in ids]


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (duckdb.BinderException("no column"), (True, False, False)),
        (duckdb.InterruptException("INTERRUPT Error"), (False, False, False)),
        (duckdb.IOException("IO Error"), (False, False, False)),
        (duckdb.HTTPException("HTTP Error"), (False, False, False)),
        (duckdb.Error(NO_ROOM), (False, True, False)),
        (duckdb.Error(os.strerror(errno.EDQUOT)), (False, True, False)),
        (duckdb.Error(os.strerror(errno.EFBIG)), (False, True, False)),
        (duckdb.FatalException("FATAL Error"), (False, False, True)),
        (duckdb.Error("the database has been invalidated because"), (False, False, True)),
    ],
)
def test_whose_an_error_is(error: duckdb.Error, found: tuple[bool, bool, bool]) -> None:
    assert (is_of_statement(error), is_disk_full(error), is_invalidated(error)) == found


def test_a_closed_eventhouse_says_so() -> None:
    fault = closed_fault()
    assert (type(fault).__name__, fault.code, fault.message) == ("KustoError", "TH_Closed", "The Eventhouse is closed.")
