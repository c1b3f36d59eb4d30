"""What holds for all tests."""

import os

import pytest
from hypothesis import settings

# The same examples on every run, so that a red build is a red build; HYPOTHESIS_PROFILE=exploring looks further.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("exploring", max_examples=2_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


@pytest.fixture(scope="session", autouse=True)
def own_runtime_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep commands from finding an Eventhouse that runs on this machine for another reason."""
    os.environ["XDG_RUNTIME_DIR"] = str(tmp_path_factory.mktemp("runtime"))
