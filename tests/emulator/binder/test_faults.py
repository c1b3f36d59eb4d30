"""Hints that are made from the names that exist."""

import pytest

from emulator.binder.faults import did_you_mean

NAMES = [f"Column{number:02d}" for number in range(1, 22)]


@pytest.mark.parametrize(
    ("name", "names", "hint"),
    [
        ("x", [], "there are no columns here"),
        ("x", ["b", "a", "b"], "columns: a, b"),
        ("x", NAMES[:20], f"columns: {', '.join(NAMES[:20])}"),
        ("x", NAMES, f"columns: {', '.join(NAMES[:20])}, …"),
        ("PRICE", ["Price", "Size"], "names are case-sensitive: did you mean 'Price'?"),
        ("Prise", ["Price", "Size"], "did you mean 'Price'?"),
        ("Column0", NAMES[:2], "did you mean 'Column02' or 'Column01'?"),
    ],
)
def test_a_hint_offers_close_names_or_lists_what_exists(name: str, names: list[str], hint: str) -> None:
    assert did_you_mean(name, names, "columns") == hint
