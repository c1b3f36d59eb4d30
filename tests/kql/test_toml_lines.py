"""Where tables and keys stand in a TOML file."""

import pytest

from kql.toml_lines import Path, TomlLines

TEXT = """\
# top = 1
title = "x" # [no.table]
[a]
b.c = 1
"d e" = 2
long = \'\'\'
[a.hidden]
x = 1
\'\'\'
[[rows]] # first
k = 1
[rows.inner.deep]
k = 2
[[rows]]
  k = 3
[[rows.inner]]
k = 4
[[rows.inner]]
k = 5
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("a",), 3),
        (("a", "b", "c"), 4),
        (("a", "d e"), 5),
        (("a", "long"), 6),
        (("a", "hidden", "x"), 3),
        (("rows", 0), 10),
        (("rows", 0, "k"), 11),
        (("rows", 0, "inner", "deep", "k"), 13),
        (("rows", 1, "k"), 15),
        (("rows", 1, "inner", 0, "k"), 17),
        (("rows", 1, "inner", 1, "k"), 19),
        (("rows", 1, "inner", 1, "missing"), 18),
        (("missing",), None),
        ((), None),
    ],
)
def test_a_path_has_its_line_or_that_of_what_is_around_it(path: Path, line: int | None) -> None:
    assert TomlLines(TEXT).of(path) == line
