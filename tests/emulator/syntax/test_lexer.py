"""Text to tokens."""

import pytest

from emulator.syntax.lexer import scan
from emulator.syntax.tokens import TokenKind
from tests.casefiles import Case, cases_in
from tests.conftest import CheckCase


def render(text: str) -> str:
    lines = []
    for token in scan(text)[:-1]:
        value = "" if token.value is None and token.type is None else f" {token.value!r}"
        kind = token.kind.name.lower()
        lines.append(f"{kind} {token.type}{value}" if token.type else f"{kind} {token.text}{value}")
    return "\n".join(lines)


@pytest.mark.parametrize("case", cases_in("lex/tokens.txt"), ids=str)
def test_text_becomes_tokens(case: Case, check_case: CheckCase) -> None:
    check_case(case, render(case.step.text))


@pytest.mark.parametrize("case", cases_in("lex/literals.txt"), ids=str)
def test_literals_have_type_and_value(case: Case, check_case: CheckCase) -> None:
    check_case(case, render(case.step.text))


@pytest.mark.parametrize("case", cases_in("lex/errors.txt"), ids=str)
def test_what_is_no_token_says_why_and_scanning_goes_on(case: Case, check_case: CheckCase) -> None:
    check_case(case, render(case.step.text))


@pytest.mark.parametrize("text", ["T | where a == 'b' // c\n| take 1d", "", "  // only a comment", '"open', "é ? ` ~"])
def test_tokens_stand_where_their_text_is(text: str) -> None:
    tokens = scan(text)
    assert all(text[token.start : token.end] == token.text for token in tokens)
    assert tokens[-1].kind is TokenKind.END
    assert tokens[-1].start == len(text)
