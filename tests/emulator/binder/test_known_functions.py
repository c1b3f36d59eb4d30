"""The list of what is refused by name does not outlive what it lists."""

from emulator.binder.bind_expressions.known_functions import NOT_BUILT
from emulator.functions.catalogue import CATALOGUE


def test_nothing_that_is_built_is_listed_as_not_built() -> None:
    built = {*CATALOGUE.functions, *CATALOGUE.aggregates, *CATALOGUE.windows}
    assert sorted(NOT_BUILT & built) == []
