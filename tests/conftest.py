"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# Machines here are noisy: no test is judged by how long it takes.
settings.register_profile("noisy", deadline=None)
settings.load_profile("noisy")
