"""What holds for all tests."""

import os

from hypothesis import settings

# The same examples on every run, so that a red build is a red build; HYPOTHESIS_PROFILE=exploring looks further.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("exploring", max_examples=2_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
