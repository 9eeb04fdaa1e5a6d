"""One browser page for all comparisons."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.live.parity import Browser


@pytest.fixture(scope="session")
def runtime(browser: Any) -> Iterator[Browser]:
    """Vega and JavaScript in a page under a strict policy."""
    made = Browser(browser)
    yield made
    assert made.refused == []
    assert sorted(set(made.messages)) == [], "Vega warned, or the policy stopped something"
    made.context.close()
