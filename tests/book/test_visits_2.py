"""Every page in a browser: the even ones, so that two workers share the visits."""

from typing import Any

import pytest

from tests.book.visits import names, visit

NAMES = names(1)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_nothing_wrong(browser: Any, site: str, name: str) -> None:
    assert visit(browser, f"{site}{name}.html", whole=name in NAMES[:2]) == {}
