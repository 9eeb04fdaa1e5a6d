"""Stored notebooks are whole: nbval skips cells that never ran, so stripped outputs would pass it. This guard does not let them."""

import json
from pathlib import Path

import nbformat
import pytest

from nvlinklab.io.paths import project_dir
from nvlinklab.plotting.charts import MIN_ALT_TEXT
from nvlinklab.plotting.theme import MIME

NOTEBOOKS = sorted((project_dir() / "notebooks").glob("*.ipynb"))
FORBIDDEN_TAGS = {"nbval-skip", "nbval-ignore-output", "raises-exception"}


def complaints(path: Path) -> list[str]:
    """Everything that would let a notebook pass without being checked."""
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    found = []
    code = [c for c in book.cells if c.cell_type == "code"]
    if [c.execution_count for c in code] != list(range(1, len(code) + 1)):
        found.append("outputs are not from one clean run")
    if not any(c.outputs for c in code):
        found.append("no stored output")
    for cell in code:
        if FORBIDDEN_TAGS & set(cell.metadata.get("tags", [])) or "NBVAL_" in cell.source:
            found.append(f"{cell.id}: excused from comparison")
        for out in cell.outputs:
            if out.output_type == "error":
                found.append(f"{cell.id}: an error is stored")
            spec = out.get("data", {}).get(MIME)
            if spec and len(spec.get("description", "")) < MIN_ALT_TEXT:
                found.append(f"{cell.id}: a chart without alt text")
    if any(host in json.dumps(book) for host in ("cdn.", "unpkg.com")):
        found.append("something is fetched from elsewhere")
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_stored_whole(path):
    assert complaints(path) == []


def test_every_notebook_is_in_the_book_and_every_chapter_points_to_one():
    from nvlinklab.claims.ledger import ledger

    toc = (project_dir() / "book" / "_toc.yml").read_text(encoding="utf-8")
    for path in NOTEBOOKS:
        assert f"notebooks/{path.stem}" in toc
    for chapter in ledger().chapters.values():
        if chapter.notebook:
            assert (project_dir() / f"{chapter.notebook}.ipynb").is_file(), chapter.id


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_every_claim_of_a_chapter_is_named_in_its_notebook(path):
    from nvlinklab.claims.ledger import ledger

    text = path.read_text(encoding="utf-8")
    for chapter in ledger().chapters.values():
        if chapter.notebook.endswith(path.stem):
            assert [c for c in chapter.claims if c not in text] == []


def strip(book):
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None


def reorder(book):
    next(c for c in book.cells if c.cell_type == "code").execution_count = 7


def unname(book):
    for cell in book.cells:
        for out in cell.get("outputs", []):
            if MIME in out.get("data", {}):
                out["data"][MIME]["description"] = ""


@pytest.mark.parametrize(("change", "complaint"), [(strip, "no stored output"), (reorder, "one clean run"), (unname, "alt text")])
def test_the_guard_sees(change, complaint, tmp_path):
    source = project_dir() / "notebooks" / "05_ridge_points_and_hbm.ipynb"
    book = nbformat.read(source, as_version=4)
    change(book)
    copy = tmp_path / "changed.ipynb"
    nbformat.write(book, copy)
    assert any(complaint in c for c in complaints(copy))
