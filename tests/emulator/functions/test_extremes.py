"""Every function of extreme arguments answers, or refuses with a fault of the query: nothing raw."""

import pytest

from emulator.context import RequestProperties
from emulator.engine.eventhouse import Eventhouse
from emulator.errors import EngineFault, KustoError
from emulator.functions.catalogue import CATALOGUE
from tests.emulator.functions.extremes import calls

# Millions of items in an answer.
_LONG = frozenset({"range"})
# What was raw once, in quick calls.
ONCE_RAW = (
    "strrep(s, 3, s)",
    "strcat_array(d, s)",
    "extract('(a)', l, s)",
    "extract('ab', 9223372036854775807, 'ab')",
    "extract('\\\\', 9223372036854775807, 'ab')",
    "extract_all('(a)', dynamic([]), 'ab')",
    "make_string(55296)",
    "assert(bool(null), '')",
    "datetime_utc_to_local(t, 'nowhere')",
    "substring(3, long(-9223372036854775808), 3)",
    "range(3, long(null))",
)


def refused(all_types: Eventhouse, call: str) -> str:
    """Return the code of a fault that is the engine's; nothing where a call answers, or is refused for its values."""
    within = RequestProperties(options={"servertimeout": "00:02:00"})
    try:
        all_types.query(f"T | project x = {call}", properties=within)
    except EngineFault as fault:
        return fault.code
    except KustoError:
        return ""
    return ""


@pytest.mark.parametrize("call", ONCE_RAW)
def test_what_cannot_be_computed_is_a_fault_of_the_query(all_types: Eventhouse, call: str) -> None:
    assert refused(all_types, call) == ""


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(CATALOGUE.functions.keys() - _LONG))
def test_extreme_arguments_are_computed_or_refused(all_types: Eventhouse, name: str) -> None:
    assert {call: code for call in calls(name) if (code := refused(all_types, call))} == {}
