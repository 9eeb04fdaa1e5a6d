"""The link checker on small pages; `test_pages.py` runs it on the book."""

from pathlib import Path

import pytest

from tests.book.links import broken

CHART = """(window.nvlSpecs ??= {})["opens"] = {"datasets": {"d": [{"link": "#there"}]}, "encoding": {"href": {"field": "link"}}};\n"""


def folder(tmp_path: Path, **pages: str) -> Path:
    (tmp_path / "_static" / "charts").mkdir(parents=True)
    (tmp_path / "_static" / "charts" / "chart-opens.js").write_text(CHART, encoding="utf-8")
    for name, text in pages.items():
        (tmp_path / f"{name}.html").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("link", "why"),
    [
        ('<a href="nowhere.html">', "no such file"),
        ('<a href="b.html#there">', "b.html has no place called 'there'"),
        ('<a href="#there">', "a.html has no place called 'there'"),
        ('<img src="picture.svg">', "no such file"),
        ('<img srcset="picture.svg 2x">', "no such file"),
        ('<a href="/b.html">', "root of the site"),
        ('<a href="../b.html">', "outside the book"),
        ('<a href="">', "empty"),
        ('<div data-spec="opens">', "a.html has no place called 'there'"),
    ],
)
def test_a_link_that_leads_nowhere_is_named(tmp_path: Path, link: str, why: str) -> None:
    found = broken(folder(tmp_path, a=f"\n{link}", b="<p id='here'>"))
    assert len(found) == 1
    assert found[0].startswith("a.html:2: <")
    assert why in found[0]


def test_links_that_lead_somewhere_pass(tmp_path: Path) -> None:
    text = """<p id="top"><a name="old"></a> <a href="#top"> <a href="#old"> <a href="#"> <a href="b.html?verdict=holds#h%C3%A9re">
      <a href="https://example.org/none"> <a href="mailto:a@example.org"> <img src="data:image/png;base64,"> <a href="b.html">"""
    assert broken(folder(tmp_path, a=text, b="<p id='hére'>")) == []
