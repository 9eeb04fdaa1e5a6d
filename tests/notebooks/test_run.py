"""`nvlinklab notebooks run` rewrites outputs so that a second run changes no byte, and a failing cell leaves the file as it was."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from nvlinklab import notebooks


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "tiny.ipynb"

    def write(*sources):
        cells = [new_markdown_cell("# Tiny"), *(new_code_cell(s, metadata={"collapsed": True}) for s in sources)]
        nbformat.write(new_notebook(cells=cells, metadata={"widgets": {"state": 1}}), path)
        return path

    return write


def test_a_second_run_changes_no_byte(book):
    path = book("import nvlinklab as nl\nprint(nl.value('h100.mem_bw'))", "for i in range(3): print(i)")
    assert notebooks.run(path)["changed"]
    once = path.read_bytes()
    assert b"3350000000000.0" in once
    assert b"collapsed" not in once
    assert b"widgets" not in once
    assert not notebooks.run(path)["changed"]
    assert path.read_bytes() == once


def test_a_failing_cell_is_named_and_nothing_is_written(book):
    path = book("1 + 1", "raise KeyError('gone')")
    before = path.read_bytes()
    with pytest.raises(notebooks.NotebookError, match=r"tiny\.ipynb, cell 3: KeyError: 'gone'"):
        notebooks.run(path)
    assert path.read_bytes() == before


def test_an_unknown_notebook_says_what_exists():
    with pytest.raises(notebooks.NotebookError, match="05_ridge_points_and_hbm"):
        notebooks.find(["05_ridge_point_and_hbn"])
    assert [p.stem for p in notebooks.find(["05"])] == ["05_ridge_points_and_hbm"]
