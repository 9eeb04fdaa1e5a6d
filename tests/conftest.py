"""Strict JAX for every test: 64-bit, no silent promotion of ranks; and fixed seeds, so that a failure comes back when it is run again.

A test runs a program once or a few times, so XLA compiles quickly rather than well here, which halves the time of the suite; processes
that a test starts inherit it. Results agree to rounding. Set XLA_FLAGS, to an empty string if need be, to test what users run.
"""

import os
from collections.abc import Iterator
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault(
    "XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
)

import jax
import pytest
from hypothesis import settings

import nvlinklab  # noqa: F401  (turns on 64-bit)

jax.config.update("jax_numpy_rank_promotion", "raise")
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.load_profile("fixed")


SLOW_FIRST = (
    "tests/book/test_visits_1.py", "notebooks/", "tests/book/", "tests/live/", "tests/calibration/", "tests/claims/test_results.py",
    "tests/commands/", "tests/serving/",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slowest files first, so that two workers end at about the same time."""
    items.sort(key=lambda item: next((i for i, start in enumerate(SLOW_FIRST) if item.nodeid.startswith(start)), len(SLOW_FIRST)))


@pytest.fixture(autouse=True)
def _double_precision() -> None:
    assert jax.config.jax_enable_x64  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A browser found on this machine, one for all tests of a worker; the test is skipped where there is none."""
    from nvlinklab.bench import pages

    path = pages.chromium()
    if not path:
        pytest.skip(f"no browser: none of {', '.join(pages.BROWSERS)} is on PATH and NVLINKLAB_CHROMIUM is not set")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=pages.flags())
        yield running
        running.close()
