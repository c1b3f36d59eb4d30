"""The lock of released contracts: what every version of a function promised when it was released.

`kql.lock` stands beside the registry and is written by `tickhouse lock`, never by hand. A function whose name ends in
`_v1`, `_v2`, … is a released version: its parameters (names, types, defaults, order) and its result columns (names,
types, order) stay as they are locked.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from emulator.schema.subjects import Kind
from emulator.syntax.printing.printer import print_expression
from emulator.syntax.statements import Parameter, ScalarParameter
from kql.binding import DatabaseBinder
from kql.errors import DefinitionError
from kql.literals import string_literal
from kql.loader import MarketDatabase
from kql.names import RELEASED

LOCK_FILE = Path(__file__).parent / "kql.lock"
_HEADER = """\
# The contracts of released functions. Written by `tickhouse lock`, never by hand: a function that does not keep its
# contract fails the build. What callers could notice is a new version of the function.
"""


@dataclass(frozen=True, slots=True)
class LockedParameter:
    """A parameter as released; `default` is canonical KQL, None for one that every caller gives."""

    name: str
    type: str
    default: str | None = None


@dataclass(frozen=True, slots=True)
class LockedColumn:
    """A result column as released."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class LockedContract:
    """What a released version promises, both in order."""

    parameters: tuple[LockedParameter, ...]
    result: tuple[LockedColumn, ...]


@dataclass(frozen=True, slots=True)
class Breach:
    """A released function that is not as its lock says: changed or gone (`is_locked`), or new."""

    function: str
    is_locked: bool
    error: DefinitionError


Lock: TypeAlias = Mapping[str, LockedContract]


def released_contracts(database: MarketDatabase) -> dict[str, LockedContract]:
    """Return the contract of every released version in the files, by name."""
    binder = DatabaseBinder(database)
    return {name: _contract(binder, name) for name in sorted(binder.function_names()) if RELEASED.fullmatch(name)}


def read_lock(file: Path = LOCK_FILE) -> dict[str, LockedContract]:
    """Read a lock; where there is no file nothing was released. A file that was damaged is a `DefinitionError`."""
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
        return {name: _read_contract(name, entry) for name, entry in document.items()}
    except FileNotFoundError:
        return {}
    # ValueError: no TOML, no UTF-8, or not what a lock holds.
    except (ValueError, OSError, RecursionError) as error:
        raise DefinitionError(
            f"not a lock of contracts: {error}",
            file,
            hint="restore it from version control; `tickhouse lock` writes it",
        ) from error


def lock_of(files: Path) -> Path:
    """Return where the lock of a folder of files is: beside them, or one folder above where the project has it there.

    Two locks are a `DefinitionError`: by a second one a contract of the first could be changed.
    """
    beside, above = files / LOCK_FILE.name, files.resolve().parent / LOCK_FILE.name
    if not above.exists():
        return beside
    if beside.exists():
        raise DefinitionError(
            f"the files have two locks, the other is {above}",
            beside,
            hint="keep the one that holds the released contracts, and delete the other",
        )
    return above


def lock_text(lock: Lock) -> str:
    """Return a lock as it is written: one line per parameter and column, functions by name."""
    return "\n".join((_HEADER, *(_contract_text(name, lock[name]) for name in sorted(lock))))


def breaches(database: MarketDatabase, file: Path = LOCK_FILE) -> tuple[Breach, ...]:
    """Compare the files with their lock: released contracts that changed, are gone, or are not locked yet."""
    released, locked = released_contracts(database), read_lock(file)
    return (
        *(Breach(name, True, _changed(database, name, changes)) for name, changes in _changes(released, locked)),
        *(Breach(name, True, _gone(name, file)) for name in locked if name not in released),
        *(Breach(name, False, _unlocked(database, name)) for name in released if name not in locked),
    )


def write_lock(database: MarketDatabase, file: Path = LOCK_FILE, *, replace: Iterable[str] = ()) -> tuple[str, ...]:
    """Lock the versions that are not locked yet, and return their names.

    A contract that is locked stays: one that changed or is gone is a `DefinitionError`, unless `replace` names the
    function, because that version was never released.
    """
    released, locked, replaced = released_contracts(database), read_lock(file), set(replace)
    for name in replaced:
        if name not in released and name not in locked:
            raise DefinitionError(f"no released function '{name}' in the files or in the lock", file)
    kept = {name: contract for name, contract in locked.items() if name not in replaced}
    for name, changes in _changes(released, kept):
        raise _changed(database, name, changes)
    for name in kept:
        if name not in released:
            raise _gone(name, file)
    written = tuple(name for name, contract in released.items() if locked.get(name) != contract)
    if written or len(released) != len(locked):
        file.write_text(lock_text(released), encoding="utf-8")
    return written


def _contract(binder: DatabaseBinder, name: str) -> LockedContract:
    function, contract = binder.function(name), binder.contract(name)
    assert function is not None  # noqa: S101 - the name is one of the binder's own
    return LockedContract(
        tuple(map(_parameter, function.literal.parameters)),
        tuple(LockedColumn(column.name, str(column.type)) for column in contract.result),
    )


def _parameter(parameter: Parameter) -> LockedParameter:
    match parameter:
        case ScalarParameter(name, scalar, default):
            return LockedParameter(name.text, str(scalar), None if default is None else print_expression(default))
        case _:
            columns = parameter.columns
            listed = "*" if columns is None else ", ".join(f"{each.name.text}: {each.type}" for each in columns)
            return LockedParameter(parameter.name.text, f"({listed})")


def _changes(released: Lock, locked: Lock) -> Iterator[tuple[str, list[str]]]:
    for name, before in locked.items():
        if name in released and (changes := list(_differences(before, released[name]))):
            yield name, changes


def _differences(before: LockedContract, now: LockedContract) -> Iterator[str]:
    old, new = ({each.name: each for each in contract.parameters} for contract in (before, now))
    for name, parameter in old.items():
        if name not in new:
            yield f"parameter '{name}' is gone"
        elif parameter.type != new[name].type:
            yield f"parameter '{name}' is of type {new[name].type}, released as {parameter.type}"
        elif parameter.default != new[name].default:
            yield f"parameter '{name}' has {_default(new[name])}, released with {_default(parameter)}"
    yield from (f"parameter '{name}' is new" for name in new if name not in old)
    yield from _order("parameters", list(old), list(new))
    columns, found = ({each.name: each.type for each in contract.result} for contract in (before, now))
    for name, type_ in columns.items():
        if name not in found:
            yield f"column '{name}' is gone"
        elif type_ != found[name]:
            yield f"column '{name}' is of type {found[name]}, released as {type_}"
    yield from (f"column '{name}' is new" for name in found if name not in columns)
    yield from _order("columns", list(columns), list(found))


def _order(what: str, before: list[str], now: list[str]) -> Iterator[str]:
    kept, found = [name for name in before if name in now], [name for name in now if name in before]
    if kept != found:
        yield f"the {what} are in the order {', '.join(found)}, released as {', '.join(kept)}"


def _default(parameter: LockedParameter) -> str:
    return "no default" if parameter.default is None else f"the default {parameter.default}"


def _changed(database: MarketDatabase, name: str, changes: list[str]) -> DefinitionError:
    file, line = _place(database, name)
    return DefinitionError(
        f"{name} does not keep its released contract: {'; '.join(changes)}",
        file,
        line,
        f"leave it as it was and write {_next(name)}; if {name} was never released, `tickhouse lock --replace {name}`",
    )


def _gone(name: str, file: Path) -> DefinitionError:
    return DefinitionError(
        f"{name} was released and is gone",
        file,
        hint=f"bring it back, callers rely on it; if it was never released, `tickhouse lock --replace {name}`",
    )


def _unlocked(database: MarketDatabase, name: str) -> DefinitionError:
    file, line = _place(database, name)
    return DefinitionError(f"the contract of {name} is not locked", file, line, "lock it with `tickhouse lock`")


def _place(database: MarketDatabase, name: str) -> tuple[Path, int]:
    found = database.find(Kind.FUNCTION, name)
    assert found is not None  # noqa: S101 - the name comes from these files
    return found[1].file, found[1].line


def _next(name: str) -> str:
    match = RELEASED.fullmatch(name)
    assert match is not None  # noqa: S101 - only released versions are locked
    return f"{match['name']}_v{int(match['number']) + 1}"


def _contract_text(function: str, contract: LockedContract) -> str:
    lines = [f"[{function}]", "parameters = ["]
    for parameter in contract.parameters:
        default = "" if parameter.default is None else f", default = {string_literal(parameter.default)}"
        name, type_ = string_literal(parameter.name), string_literal(parameter.type)
        lines.append(f"    {{ name = {name}, type = {type_}{default} }},")
    lines += ["]", "result = ["]
    lines += [f'    {{ name = {string_literal(each.name)}, type = "{each.type}" }},' for each in contract.result]
    return "\n".join((*lines, "]", ""))


def _read_contract(name: str, entry: object) -> LockedContract:
    match entry:
        case {"parameters": list(parameters), "result": list(result), **more} if not more:
            contract = LockedContract(tuple(map(_read_parameter, parameters)), tuple(map(_read_column, result)))
        case _:
            raise ValueError(f"'{name}' is no table of 'parameters' and 'result'")
    for listed in (contract.parameters, contract.result):
        if len({each.name for each in listed}) != len(listed):
            raise ValueError(f"'{name}' names one thing twice")
    return contract


def _read_parameter(entry: object) -> LockedParameter:
    match entry:
        case {"name": str(name), "type": str(type_), "default": str(default), **more} if not more:
            return LockedParameter(name, type_, default)
        case _:
            column = _read_column(entry)
            return LockedParameter(column.name, column.type)


def _read_column(entry: object) -> LockedColumn:
    match entry:
        case {"name": str(name), "type": str(type_), **more} if not more:
            return LockedColumn(name, type_)
        case _:
            raise ValueError(f"{entry} has not the texts 'name' and 'type'")
