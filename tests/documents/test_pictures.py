"""The pictures of ARCHITECTURE.md are what the code imports; `--update-cases` draws them anew."""

import re

import pytest

from tests.conftest import UPDATE
from tests.documents.pictures import Layers, contracts, drawn, imports, reduced
from tests.documents.reading import ROOT, document

ARCHITECTURE = "ARCHITECTURE.md"
_PICTURE = re.compile(r"<!-- picture: ([^\n]+) -->\n```mermaid\n(.*?)\n```\n", re.DOTALL)


def name(contract: Layers) -> str:
    return contract.name


@pytest.mark.parametrize("contract", contracts(), ids=name)
def test_a_picture_shows_what_the_rooms_of_a_contract_import(contract: Layers, pytestconfig: pytest.Config) -> None:
    pictures = dict(_PICTURE.findall(document(ARCHITECTURE)))
    found = drawn(contract)
    if pytestconfig.getoption(UPDATE) and pictures[contract.name] != found:
        head = f"<!-- picture: {contract.name} -->\n```mermaid\n"
        text = document(ARCHITECTURE).replace(head + pictures[contract.name], head + found)
        (ROOT / ARCHITECTURE).write_text(text, encoding="utf-8")
        return
    assert pictures[contract.name] == found


def test_there_is_a_picture_for_each_contract_of_layers_and_no_other() -> None:
    found = [name for name, _ in _PICTURE.findall(document(ARCHITECTURE))]
    assert sorted(found) == sorted(contract.name for contract in contracts())


@pytest.mark.parametrize("contract", contracts(), ids=name)
def test_an_arrow_points_down_the_layers(contract: Layers) -> None:
    height = {room: number for number, layer in enumerate(contract.layers) for room in layer}
    upwards = [(a, b) for a, targets in imports(contract).items() for b in targets if height[a] >= height[b]]
    assert upwards == []


def test_what_follows_from_other_arrows_is_left_out() -> None:
    edges = {"a": frozenset("bcd"), "b": frozenset("c"), "c": frozenset("d"), "d": frozenset[str]()}
    assert reduced(edges) == {
        "a": frozenset("b"), "b": frozenset("c"), "c": frozenset("d"), "d": frozenset(),
    }  # fmt: skip
