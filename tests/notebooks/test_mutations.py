"""Strict nbval notices a data row 0.1 % off, one digit of a stored output, one point of a stored chart. Each is tried for real."""

import os
import re
import shutil
import subprocess
import sys

import nbformat
import pytest

from nvlinklab.io.paths import data_dir, project_dir
from nvlinklab.plotting.theme import MIME

SOURCE = project_dir() / "notebooks" / "05_ridge_points_and_hbm.ipynb"
SHORT = 6  # the first cells: import, model, a chart; enough to see each kind of change, and quick


@pytest.fixture(scope="module")
def short_notebook():
    book = nbformat.read(SOURCE, as_version=4)
    book.cells = [c for c in book.cells if c.cell_type == "code"][:SHORT]
    return book


def failures(folder, data=None) -> set[str]:
    """Run strict nbval on a folder as `make test` does; return the notebooks with a failing cell."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")} | ({"NVLINKLAB_DATA": str(data)} if data else {})
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--nbval", "--nbval-current-env", "--nbval-cell-timeout=120"]
    sanitize = f"--nbval-sanitize-with={project_dir() / 'tests' / 'nbval_sanitize.cfg'}"
    command = [sys.executable, "-m", "pytest", *options, sanitize, "-o", "addopts=", "--rootdir", str(folder), "-rf", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=folder)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return set(re.findall(r"FAILED .*?(\w+)\.ipynb", done.stdout))


def test_one_digit_and_one_chart_point(short_notebook, tmp_path):
    nbformat.write(short_notebook, tmp_path / "control.ipynb")

    digit = nbformat.reads(nbformat.writes(short_notebook), as_version=4)
    stream = next(o for c in digit.cells for o in c.outputs if o.output_type == "stream" and "44.04" in o.text)
    stream.text = stream.text.replace("44.04", "44.05", 1)
    nbformat.write(digit, tmp_path / "digit.ipynb")

    point = nbformat.reads(nbformat.writes(short_notebook), as_version=4)
    spec = next(o["data"][MIME] for c in point.cells for o in c.outputs if MIME in o.get("data", {}))
    row = next(iter(spec["datasets"].values()))[0]
    key = next(k for k, v in row.items() if isinstance(v, float))
    row[key] *= 1.0001
    nbformat.write(point, tmp_path / "point.ipynb")

    assert failures(tmp_path) == {"digit", "point"}


def test_a_spec_one_thousandth_off(short_notebook, tmp_path):
    folder, data = tmp_path / "books", tmp_path / "data"
    folder.mkdir()
    nbformat.write(short_notebook, folder / "control.ipynb")
    shutil.copytree(data_dir(), data)
    table = data / "hardware" / "accelerators.csv"
    text = table.read_text(encoding="utf-8")
    changed, count = re.subn(r"^(gb300,mem_bw,)8(?:\.0)?,", r"\g<1>8.008,", text, flags=re.MULTILINE)
    assert count == 1
    table.write_text(changed, encoding="utf-8")
    assert failures(folder, data=data) == {"control"}
