"""Cases of functions, text in and text out: an expression or a query, and what it prints or how it is refused.

A line is `expression => printed` or `expression !! code: words`; an expression becomes `print expression`, a line of
aggregates.txt is a whole query whose rows are joined by semicolons. Lines with `#` say where the truth comes from.
"""

from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from emulator.errors import KustoError
from tests.emulator.conformance_adapter import run
from tests.emulator.functions.printed import printed

FOLDER = Path(__file__).parents[2] / "cases" / "functions"
QUERIES = "aggregates"


def cases(separator: str) -> list[ParameterSet]:
    found = []
    for file in sorted(FOLDER.glob("*.txt")):
        for line in file.read_text(encoding="utf-8").splitlines():
            if line and not line.startswith("#") and separator in line:
                text, _, answer = line.partition(separator)
                kql = text.strip() if file.stem == QUERIES else f"print {text.strip()}"
                answer = answer.removeprefix(" ").replace(";", "\n" if file.stem == QUERIES else ";")
                found.append(pytest.param(kql, answer, id=f"{file.stem}: {text.strip()}"))
    return found


@pytest.mark.parametrize(("kql", "answer"), cases(" =>"))
def test_an_expression_prints_what_its_case_says(kql: str, answer: str) -> None:
    assert printed(kql) == answer


@pytest.mark.parametrize(("kql", "words"), cases(" !!"))
def test_an_expression_is_refused_in_the_words_of_its_case(kql: str, words: str) -> None:
    with pytest.raises(KustoError) as caught:
        run(kql, "")
    assert words in f"{caught.value.code}: {caught.value.message}"
