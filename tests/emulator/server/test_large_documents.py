"""Documents that are read piece by piece say what they say read at once."""

import random

import orjson
import pytest

from emulator.errors import KustoError, LimitFault
from emulator.server import large_documents
from emulator.server.errors import PayloadFault
from emulator.server.large_documents import load_large
from emulator.work import Work


def nothing() -> None:
    """Let it go on."""


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_documents, "_AT_ONCE", 64)
    monkeypatch.setattr(large_documents, "_LONG", 8)


# Characters of one to four bytes, and every kind of escape.
_PARTS = [
    "a", "é", "€", "😀", r"\n", r"\"", "\\\\", r"\/", "\\u0041", r"\ud83d\ude00", "\\\\ud83d",
    "[1, 2]", "{", "}", ",", ":",
]  # fmt: skip


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("seed", range(40))
def test_a_long_text_is_the_same_however_it_is_cut(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a choice of texts
    text = "".join(chance.choices(_PARTS, k=chance.randrange(200)))
    data = f' {{"db": "d", "csl": "{text}", "{text}": ["{text}", {{"a": "{text}"}}, 1.5], "n": null}} '.encode()
    assert load_large(data, nothing) == orjson.loads(data)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("end", ['"', '"}', "\\", '\\"', '\\ud83d"}', '\\x"}', '"} x', '", "b"}', '\udc00"}'])
def test_what_is_no_document_is_refused(end: str) -> None:
    data = ('{"csl": "' + "x" * 300 + end).encode(errors="surrogatepass")
    if end == '"}':
        assert load_large(data, nothing) == {"csl": "x" * 300}
        return
    with pytest.raises(orjson.JSONDecodeError):
        load_large(data, nothing)


@pytest.mark.usefixtures("small")
def test_a_text_alone_is_a_document_and_depth_is_no_matter() -> None:
    text = "x" * 300
    assert load_large(f'"{text}"'.encode(), nothing) == text
    deep = load_large(b"[" * 30 + f'"{text}"'.encode() + b"]" * 30, nothing)
    for _ in range(30):
        assert isinstance(deep, list)
        (deep,) = deep
    assert deep == text


@pytest.mark.slow
@pytest.mark.parametrize(
    "filling",
    [b"[]," * 400_000, b" " * 1_100_000, b'"a",' * 300_000, b'{"a":1},' * 200_000],
    ids=["lists", "blanks", "texts", "objects"],
)
def test_much_beside_the_text_is_refused_before_it_is_parsed(filling: bytes) -> None:
    with pytest.raises(PayloadFault, match="more than 1048576 bytes beside its text"):
        load_large(b'{"csl": "print 1", "properties": [' + filling + b"0]}", nothing)


@pytest.mark.slow
def test_a_text_is_read_until_its_work_is_over() -> None:
    data = orjson.dumps({"csl": "\\" * 3_000_000})
    assert load_large(data, Work(60).check) == {"csl": "\\" * 3_000_000}
    with pytest.raises(LimitFault):
        load_large(data, Work(0).check)
    canceled = Work()
    canceled.cancel()
    with pytest.raises(KustoError):
        load_large(data, canceled.check)


@pytest.mark.parametrize("data", [b'{"csl": "x', b'["' + b"x" * 300, b'["a", "'])
def test_a_string_without_an_end_is_told_as_such(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_documents, "_AT_ONCE", 4)
    with pytest.raises(orjson.JSONDecodeError) as caught:
        load_large(data, nothing)
    fault = caught.value
    assert (fault.msg, fault.doc, fault.pos) == ("a string does not end", "", 0)
