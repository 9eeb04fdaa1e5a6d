"""Strict JAX for every test: 64-bit, no silent promotion of ranks; and fixed seeds, so that a failure comes back when it is run again."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import pytest
from hypothesis import settings

import nvlinklab  # noqa: F401  (turns on 64-bit)

jax.config.update("jax_numpy_rank_promotion", "raise")
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.load_profile("fixed")


@pytest.fixture(autouse=True)
def _double_precision() -> None:
    assert jax.config.jax_enable_x64  # type: ignore[attr-defined]
