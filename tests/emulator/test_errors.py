"""What each fault tells a caller: its kind, whether to ask again, and the status on the wire."""

import pytest

from emulator import errors
from emulator.errors import KustoError

FAULTS = {
    "KustoError": ("Bad request", True, 400),
    "SyntaxFault": ("Syntax error", True, 400),
    "SemanticFault": ("Semantic error", True, 400),
    "UnsupportedFault": ("Semantic error: not supported by the embedded Eventhouse", True, 400),
    "EntityNotFound": ("Entity not found", True, 400),
    "EntityAlreadyExists": ("Entity already exists", True, 400),
    "IngestionFault": ("Ingestion failed", True, 400),
    "LimitFault": ("Limit exceeded", False, 400),
    "LargeValueFault": ("Limit exceeded", True, 400),
    "QueryTooDeep": ("Limit exceeded", True, 400),
    "QueryTooComplex": ("Limit exceeded", True, 400),
    "CancelFault": ("Canceled", False, 400),
    "ThrottledFault": ("Throttled", False, 429),
    "CommandThrottledFault": ("Throttled", False, 429),
    "FolderFault": ("Data folder error", True, 400),
    "EngineFault": ("Internal error", False, 500),
    "OutOfResources": ("Out of resources", False, 503),
    "DiskFull": ("Disk full", False, 503),
    "ClosingFault": ("Closing", False, 503),
    "NetworkFault": ("Network error", False, 500),
    "AccessFault": ("Access denied", True, 400),
}


def test_every_fault_says_its_kind_whether_it_stays_and_its_status() -> None:
    kinds = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, KustoError)]
    found = {each.__name__: (each.kind, each.permanent, each.http_status) for each in kinds}
    assert found == FAULTS


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (KustoError("wrong"), "Bad request: General_BadRequest: wrong"),
        (KustoError("wrong", "C", hint="h"), "Bad request: C: wrong\nhint: h"),
        (KustoError("wrong", "C").with_source("T"), "Bad request: C: wrong"),
    ],
)
def test_the_text_of_a_fault(fault: KustoError, text: str) -> None:
    assert str(fault) == text


def test_a_fault_keeps_the_text_that_it_was_given_first_and_leaves_it_out_of_its_repr() -> None:
    fault = KustoError("wrong", "C").with_source("T").with_source("U")
    assert (fault.source, repr(fault).count("source")) == ("T", 0)
