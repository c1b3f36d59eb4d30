"""Every function nested in itself is planned as so many calls, not as a power of them."""

import pytest

from emulator.engine.eventhouse import Eventhouse
from emulator.functions.macros import COPIES, MACROS
from tests.emulator.functions.nesting import Nesting, copies, nestings, planned_size

LEVELS = 16
NESTINGS = tuple(nestings())
# What wrote its operand most often.
DEAREST = {
    "+ 1 1 timespan",
    "between 0 1 datetime",
    "in 0 0 long",
    "array_split 0 0 dynamic",
    "array_iff 0 1 dynamic",
    "series_fill_forward 0 0 dynamic",
    "series_add 0 0 dynamic",
    "toint 0 0 dynamic",
    "totimespan 0 0 string",
    "format_datetime 0 0 datetime",
}


def size(all_types: Eventhouse, nesting: Nesting, depth: int) -> int:
    ((_, _, sql),) = all_types.command(f".show queryplan <| {nesting.text(depth)}").rows()
    return planned_size(str(sql))


@pytest.mark.parametrize(
    "nesting",
    [pytest.param(each, id=each.id, marks=() if each.id in DEAREST else pytest.mark.slow) for each in NESTINGS],
)
def test_a_function_nested_in_itself_grows_as_its_text(all_types: Eventhouse, nesting: Nesting) -> None:
    # The first levels may be written out; 16 of them would be thousands of nodes for any function
    # that writes its operand twice.
    assert size(all_types, nesting, LEVELS) <= 125 * LEVELS


def test_the_dearest_are_among_them() -> None:
    assert {each.id for each in NESTINGS} >= DEAREST


@pytest.mark.parametrize("macro", [macro.name for macro in MACROS])
def test_copies_of_a_macro_are_counted_never_too_low(macro: str) -> None:
    assert all(counted >= real for counted, real in zip(COPIES[macro], copies(macro), strict=True))
