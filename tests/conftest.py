"""Strict JAX for every test: 64-bit, no silent promotion of ranks."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import pytest

import nvlinklab  # noqa: F401  (turns on 64-bit)

jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture(autouse=True)
def _double_precision() -> None:
    assert jax.config.jax_enable_x64  # type: ignore[attr-defined]
