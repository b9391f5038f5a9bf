"""What holds for every test: how hard hypothesis tries, and that there is one real world."""

import os

from hypothesis import settings

from tests.e2e.worlds import account, world

__all__ = ["account", "world"]

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile("ci", max_examples=200, deadline=None, derandomize=True)
settings.register_profile("night", max_examples=50_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))
