"""What all tests share: where things are, and how random input is drawn.

With `HYPOTHESIS_SEED=N` in the environment it is other input than the usual one, and much more of it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

REPOSITORY = Path(__file__).resolve().parents[1]
FIXTURES = REPOSITORY / "fixtures"
VECTORS = FIXTURES / "vectors"
PACKAGE = REPOSITORY / "packaging_kit"

CAMPAIGN_SEED = os.environ.get("HYPOTHESIS_SEED")

SEEDS = range(25) if CAMPAIGN_SEED is None else range(int(CAMPAIGN_SEED), int(CAMPAIGN_SEED) + 1000)
"""Seeds of the fuzz tests that make their input with `random.Random`."""

settings.register_profile(
    "usual",
    derandomize=True,
    database=None,
    deadline=None,
    print_blob=True,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile(
    "campaign",
    settings.get_profile("usual"),
    derandomize=False,
    max_examples=2000,
)
settings.load_profile("usual" if CAMPAIGN_SEED is None else "campaign")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Hand the campaign's seed to hypothesis, in every process that runs tests."""
    if CAMPAIGN_SEED is not None and config.getoption("--hypothesis-seed", None) is None:
        config.option.hypothesis_seed = CAMPAIGN_SEED
