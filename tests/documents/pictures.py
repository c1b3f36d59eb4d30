"""Pictures of imports, drawn from the code: an arrow for every import between rooms that others do not imply."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import grimp

from tests.documents.reading import ROOT

Edges = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Layers:
    """A contract of import-linter: layers from the top down, each of modules that do not import each other."""

    name: str
    container: str
    layers: tuple[tuple[str, ...], ...]

    @property
    def rooms(self) -> tuple[str, ...]:
        """All modules, from the top down."""
        return tuple(room for layer in self.layers for room in layer)

    def module(self, room: str) -> str:
        """Return the full name of a room."""
        return f"{self.container}.{room}" if self.container else room


def contracts() -> list[Layers]:
    """Return the contracts that are about layers."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found = []
    for contract in project["tool"]["importlinter"]["contracts"]:
        if contract["type"] == "layers":
            (container,) = contract.get("containers", [""])
            layers = tuple(tuple(map(str.strip, layer.split("|"))) for layer in contract["layers"])
            found.append(Layers(contract["name"], container, layers))
    return found


@cache
def _graph() -> grimp.ImportGraph:
    return grimp.build_graph("api", "cli", "emulator", "kql", "producer")


def imports(contract: Layers) -> dict[str, frozenset[str]]:
    """Return which rooms each room imports."""
    graph = _graph()
    inside = {room: _inside(graph, contract.module(room)) for room in contract.rooms}
    room_of = {module: room for room, modules in inside.items() for module in modules}
    return {
        room: frozenset(
            room_of[imported]
            for module in modules
            for imported in graph.find_modules_directly_imported_by(module)
            if room_of.get(imported, room) != room
        )
        for room, modules in inside.items()
    }


def _inside(graph: grimp.ImportGraph, module: str) -> set[str]:
    return {module, *graph.find_descendants(module)}


def reduced(edges: Edges) -> dict[str, frozenset[str]]:
    """Leave out what follows from other edges; there must be no circle."""
    return {
        room: frozenset(
            target for target in targets if not any(target in _reached(edges, {other}) for other in targets)
        )
        for room, targets in edges.items()
    }


def _reached(edges: Edges, rooms: Iterable[str]) -> set[str]:
    reached: set[str] = set()
    waiting = list(rooms)
    while waiting:
        targets = edges[waiting.pop()] - reached
        reached |= targets
        waiting.extend(targets)
    return reached


def drawn(contract: Layers) -> str:
    """Draw the rooms of a contract as Mermaid, from the top down."""
    edges = reduced(imports(contract))
    lines = ["flowchart TD"]
    for room in contract.rooms:
        targets = sorted(edges[room], key=contract.rooms.index)
        if targets:
            lines.append(f"    {room} --> {' & '.join(targets)}")
        elif not any(room in others for others in edges.values()):
            lines.append(f"    {room}")
    return "\n".join(lines)
