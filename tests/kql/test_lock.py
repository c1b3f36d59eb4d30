"""The lock of released contracts: what it notices, what it says, and what writes it."""

from pathlib import Path

import pytest

from kql.errors import DefinitionError
from kql.loader import DATABASE_FOLDER, MarketDatabase, load_database
from kql.lock import (
    LOCK_FILE,
    Breach,
    LockedColumn,
    LockedContract,
    LockedParameter,
    breaches,
    lock_of,
    lock_text,
    read_lock,
    released_contracts,
    write_lock,
)

TABLE = ".create-merge table Prices (Symbol: string, At: datetime, Price: real)\n"
FUNCTION = """\
.create-or-alter function Latest_v1(symbol: string, window: int = 20, step: timespan = 60m) {
    Prices
    | where Symbol == symbol
    | project Symbol, At, Price, Share = Price / window, Step = bin(At, step)
}
"""
KEPT = "leave it as it was and write Latest_v2; if Latest_v1 was never released, `tickhouse lock --replace Latest_v1`"


def database(folder: Path, function: str = FUNCTION, **others: str) -> MarketDatabase:
    """Write the files of a small database into a folder, and read them."""
    for name, text in {"Prices": TABLE, "Latest_v1": function, **others}.items():
        (folder / f"{name}.kql").write_text(text, encoding="utf-8")
    return load_database(folder)


def problems(found: tuple[Breach, ...]) -> list[tuple[str, bool, str, str, int | None, str]]:
    return [(each.function, each.is_locked, *told(each.error)) for each in found]


def told(error: DefinitionError) -> tuple[str, str, int | None, str]:
    return error.message, error.file.name, error.line, error.hint


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """The lock of a database with one released function, beside its files."""
    file = tmp_path / "kql.lock"
    assert write_lock(database(tmp_path), file) == ("Latest_v1",)
    return file


@pytest.mark.slow
def test_the_released_functions_of_the_market_database_keep_their_contracts() -> None:
    assert problems(breaches(load_database())) == []


@pytest.mark.slow
def test_the_lock_of_the_market_database_is_as_the_command_writes_it() -> None:
    text = LOCK_FILE.read_text(encoding="utf-8")
    assert text == lock_text(read_lock())
    assert text == lock_text(released_contracts(load_database()))


def test_a_contract_is_locked_in_full(tmp_path: Path, lock: Path) -> None:
    contract = LockedContract(
        (
            LockedParameter("symbol", "string"),
            LockedParameter("window", "int", "20"),
            LockedParameter("step", "timespan", "1h"),
        ),
        (
            LockedColumn("Symbol", "string"),
            LockedColumn("At", "datetime"),
            LockedColumn("Price", "real"),
            LockedColumn("Share", "real"),
            LockedColumn("Step", "datetime"),
        ),
    )
    assert read_lock(lock) == {"Latest_v1": contract}
    assert lock.read_text(encoding="utf-8") == (
        "# The contracts of released functions. Written by `tickhouse lock`, never by hand: a function that does not "
        "keep its\n"
        "# contract fails the build. What callers could notice is a new version of the function.\n"
        "\n"
        "[Latest_v1]\n"
        "parameters = [\n"
        '    { name = "symbol", type = "string" },\n'
        '    { name = "window", type = "int", default = "20" },\n'
        '    { name = "step", type = "timespan", default = "1h" },\n'
        "]\n"
        "result = [\n"
        '    { name = "Symbol", type = "string" },\n'
        '    { name = "At", type = "datetime" },\n'
        '    { name = "Price", type = "real" },\n'
        '    { name = "Share", type = "real" },\n'
        '    { name = "Step", type = "datetime" },\n'
        "]\n"
    )
    assert breaches(load_database(tmp_path), lock) == ()


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ("window: int = 20", "window: long = 20", "parameter 'window' is of type long, released as int"),
        ("window: int = 20", "window: int = 30", "parameter 'window' has the default 30, released with the default 20"),
        ("window: int = 20", "window: int", "parameter 'window' has no default, released with the default 20"),
        (
            "(symbol: string,",
            '(symbol: string = "A",',
            "parameter 'symbol' has the default \"A\", released with no default",
        ),
        ("step: timespan = 60m)", "step: timespan = 60m, more: int = 1)", "parameter 'more' is new"),
        (
            "symbol: string, window: int = 20",
            "window: int = 20, symbol: string",
            "the parameters are in the order window, symbol, step, released as symbol, window, step",
        ),
        ("project Symbol, At,", "project Symbol, Time = At,", "column 'At' is gone; column 'Time' is new"),
        ("Price, Share", "Price = tolong(Price), Share", "column 'Price' is of type long, released as real"),
        (", Price, Share", ", Share", "column 'Price' is gone"),
        (", Price, Share", ", Price, Double = 2 * Price, Share", "column 'Double' is new"),
        (
            "Symbol, At, Price",
            "At, Symbol, Price",
            "the columns are in the order At, Symbol, Price, Share, Step, released as Symbol, At, Price, Share, Step",
        ),
        (
            "Symbol, At, Price, Share = Price / window, Step",
            "At, New = 1, Symbol, Price, Step",
            "column 'Share' is gone; column 'New' is new; "
            "the columns are in the order At, Symbol, Price, Step, released as Symbol, At, Price, Step",
        ),
    ],
)
def test_a_changed_contract_is_named_with_what_to_do(
    tmp_path: Path, lock: Path, old: str, new: str, change: str
) -> None:
    changed = database(tmp_path, FUNCTION.replace(old, new, 1))
    assert problems(breaches(changed, lock)) == [
        ("Latest_v1", True, f"Latest_v1 does not keep its released contract: {change}", "Latest_v1.kql", 1, KEPT)
    ]


def test_a_parameter_that_is_gone_is_named(tmp_path: Path, lock: Path) -> None:
    text = FUNCTION.replace(", window: int = 20", "").replace("Price / window", "Price / 20")
    assert problems(breaches(database(tmp_path, text), lock)) == [
        (
            *("Latest_v1", True),
            *("Latest_v1 does not keep its released contract: parameter 'window' is gone", "Latest_v1.kql", 1, KEPT),
        )
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    | where Symbol == symbol\n", "    | where Symbol =~ symbol\n"),
        ("60m", "1h"),
        ("(symbol: string, window: int = 20", "(\n    symbol: string,\n    window:int=20"),
    ],
)
def test_what_callers_do_not_notice_is_no_change(tmp_path: Path, lock: Path, old: str, new: str) -> None:
    assert breaches(database(tmp_path, FUNCTION.replace(old, new, 1)), lock) == ()


def test_a_released_function_that_is_gone_is_named(tmp_path: Path, lock: Path) -> None:
    (tmp_path / "Latest_v1.kql").unlink()
    assert problems(breaches(load_database(tmp_path), lock)) == [
        (
            *("Latest_v1", True),
            "Latest_v1 was released and is gone",
            "kql.lock",
            None,
            "bring it back, callers rely on it; if it was never released, `tickhouse lock --replace Latest_v1`",
        )
    ]


def test_a_new_version_is_told_until_it_is_locked(tmp_path: Path, lock: Path) -> None:
    second = "// The next one.\n" + FUNCTION.replace("Latest_v1", "Latest_v2").replace("At, Price", "Time = At, Price")
    files = database(tmp_path, Latest_v2=second)
    assert problems(breaches(files, lock)) == [
        (
            *("Latest_v2", False),
            *("the contract of Latest_v2 is not locked", "Latest_v2.kql", 2, "lock it with `tickhouse lock`"),
        )
    ]
    before = read_lock(lock)
    assert write_lock(files, lock) == ("Latest_v2",)
    assert breaches(files, lock) == ()
    assert read_lock(lock) == {**before, "Latest_v2": released_contracts(files)["Latest_v2"]}
    assert write_lock(files, lock) == ()


def test_functions_without_a_version_have_no_contract_to_keep(tmp_path: Path, lock: Path) -> None:
    files = database(tmp_path, Helper=".create-or-alter function Helper(x: int) { x + 1 }\n")
    assert breaches(files, lock) == ()
    assert list(released_contracts(files)) == ["Latest_v1"]


def test_a_lock_is_not_written_over_what_was_released(tmp_path: Path, lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    changed = database(tmp_path, FUNCTION.replace("window: int = 20", "window: int = 30"))
    with pytest.raises(DefinitionError) as caught:
        write_lock(changed, lock)
    assert [told(caught.value)] == [told(breach.error) for breach in breaches(changed, lock)]
    (tmp_path / "Latest_v1.kql").unlink()
    with pytest.raises(DefinitionError, match="Latest_v1 was released and is gone"):
        write_lock(load_database(tmp_path), lock)
    assert lock.read_text(encoding="utf-8") == text


def test_what_was_never_released_is_replaced_by_name(tmp_path: Path, lock: Path) -> None:
    changed = database(tmp_path, FUNCTION.replace("window: int = 20", "window: int = 30"))
    assert write_lock(changed, lock, replace=["Latest_v1"]) == ("Latest_v1",)
    assert read_lock(lock) == released_contracts(changed)
    (tmp_path / "Latest_v1.kql").unlink()
    assert write_lock(load_database(tmp_path), lock, replace=["Latest_v1"]) == ()
    assert read_lock(lock) == {}
    with pytest.raises(DefinitionError) as caught:
        write_lock(changed, lock, replace=["Latest_v7"])
    assert caught.value.message == "no released function 'Latest_v7' in the files or in the lock"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[F_v1]\nparameters = []\n", "not a lock of contracts: 'F_v1' is no table of 'parameters' and 'result'"),
        ("F_v1 = 1\n", "not a lock of contracts: 'F_v1' is no table of 'parameters' and 'result'"),
        (
            '[F_v1]\nparameters = []\nresult = []\nmore = ""\n',
            "not a lock of contracts: 'F_v1' is no table of 'parameters' and 'result'",
        ),
        (
            '[F_v1]\nparameters = [{ name = "a", type = 1 }]\nresult = []\n',
            "not a lock of contracts: {'name': 'a', 'type': 1} has not the texts 'name' and 'type'",
        ),
        (
            '[F_v1]\nparameters = []\nresult = [{ name = "a", type = "int" }, { name = "a", type = "long" }]\n',
            "not a lock of contracts: 'F_v1' names one thing twice",
        ),
        ("[F_v1\n", "not a lock of contracts: Expected ']' at the end of a table declaration (at line 1, column 6)"),
    ],
)
def test_a_damaged_lock_is_told(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "kql.lock"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DefinitionError) as caught:
        read_lock(file)
    assert (caught.value.message, caught.value.file, caught.value.hint) == (
        message,
        file,
        "restore it from version control; `tickhouse lock` writes it",
    )


def test_a_lock_that_is_no_text_is_told(tmp_path: Path) -> None:
    file = tmp_path / "kql.lock"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(DefinitionError, match="not a lock of contracts: 'utf-8' codec") as caught:
        read_lock(file)
    assert caught.value.file == file


def test_names_with_any_character_are_locked(tmp_path: Path) -> None:
    tabular = FUNCTION.replace("symbol: string,", """T: (['a"b']: long, ['c\\td']: string), symbol: string,""")
    changed = database(tmp_path, tabular.replace("Share =", """['e"f'] ="""))
    write_lock(changed, tmp_path / "kql.lock")
    assert problems(breaches(changed, tmp_path / "kql.lock")) == []


def test_without_a_lock_nothing_is_released(tmp_path: Path) -> None:
    assert read_lock(tmp_path / "kql.lock") == {}


def test_the_lock_of_files_is_beside_them_or_one_folder_above(tmp_path: Path) -> None:
    files = tmp_path / "database"
    files.mkdir()
    assert lock_of(files) == files / "kql.lock"
    (tmp_path / "kql.lock").touch()
    assert lock_of(files) == tmp_path / "kql.lock"
    assert lock_of(files / ".." / "database" / ".") == tmp_path / "kql.lock"
    assert lock_of(DATABASE_FOLDER) == LOCK_FILE


def test_a_second_lock_does_not_pass_by_the_first(tmp_path: Path) -> None:
    files = tmp_path / "database"
    files.mkdir()
    write_lock(database(files), tmp_path / "kql.lock")
    changed = database(files, FUNCTION.replace("window: int", "window: long"))
    with pytest.raises(DefinitionError) as caught:
        write_lock(changed, lock_of(files))
    message = "Latest_v1 does not keep its released contract: parameter 'window' is of type long, released as int"
    assert told(caught.value) == (message, "Latest_v1.kql", 1, KEPT)
    assert not (files / "kql.lock").exists()
    (files / "kql.lock").touch()
    with pytest.raises(DefinitionError) as caught:
        lock_of(files)
    assert str(caught.value) == (
        f"{files / 'kql.lock'}: the files have two locks, the other is {tmp_path / 'kql.lock'}\n"
        "hint: keep the one that holds the released contracts, and delete the other"
    )
