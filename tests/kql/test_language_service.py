from pathlib import Path

import pytest

from kql.loader import load_database
from tests.kql.language_service import check

pytestmark = pytest.mark.slow


def test_every_file_passes_the_language_service_without_a_remark() -> None:
    files = [script.file for script in load_database().scripts]
    remarks = {checked.file.name: checked.faults for checked in check(files) if checked.faults}
    assert remarks == {}


def test_a_wrong_column_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "Broken.kql"
    file.write_text(".create-or-alter function Broken() { TradesRaw | project Prise }\n", encoding="utf-8")
    tables = [script.file for script in load_database().scripts if script.file.stem == "TradesRaw"]
    assert any("Prise" in fault for checked in check([*tables, file]) for fault in checked.faults)
