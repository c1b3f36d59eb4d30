"""The changes that are tried, and where lines that have moved were recorded."""

from tests.mutants.record import places
from tests.mutants.sites import sites

MODULE = '''"""Text 1."""
LIMIT = 7; _FIRST, _LAST = 1, 2
@dataclass(frozen=True)
class A:
    size: int = 3
def f(a: int, b=2) -> bool:
    if a < b and not flag:
        return a + 1
    return "x" + str(a) if a else f"{a + 1}"
size(zip(2, strict=True), strict=False)
'''


def test_every_change_of_a_module() -> None:
    changes = [(site.line, site.before, site.after) for site in sites(MODULE)]
    assert changes == [
        (5, "3", "4"),
        (6, "2", "3"),
        (7, "<", "<="),
        (7, "and", "or"),
        (7, "not flag", "flag"),
        (8, "a + 1", "None"),
        (8, "+", "-"),
        (8, "1", "2"),
        (9, '"x" + str(a) if a else f"{a + 1}"', "None"),
        (9, "a", "(not (a))"),
        (10, "2", "3"),
        (10, "False", "True"),
    ]


def test_a_change_is_one_place_of_the_text() -> None:
    text = "ä = 'ü'\ndef f(x):\n    return 'é', x == 'ß'\n"
    turned = [site.applied(text) for site in sites(text) if site.before == "=="]
    assert turned == ["ä = 'ü'\ndef f(x):\n    return 'é', x != 'ß'\n"]


def test_lines_that_have_moved_are_found_where_they_were_recorded() -> None:
    old, new = list("abcdefg"), list("xabDdeyfg")
    found = [list(each) for each in places(old, new)]
    assert found == [[0, 1], [1], [2], [3], [4], [5], [5, 6], [6], [7]]
