"""Every live chart of the book: what the browser computes is what JAX computes, and what the notebooks store is what the package makes."""

import json

import nbformat
import pytest

from nvlinklab import whatif
from nvlinklab.errors import SpecError
from nvlinklab.io.paths import project_dir
from nvlinklab.plotting import theme
from nvlinklab.plotting.theme import MIME
from tests.live.parity import chart_gap

NAMES = list(whatif.names())
TOLERANCE = 1e-12


@pytest.fixture(scope="module", autouse=True)
def our_theme():
    theme.enable()


@pytest.fixture(scope="module")
def lives():
    """Each chart, made once."""
    made = {}

    def get(name):
        if name not in made:
            made[name] = whatif.prepare(name)
        return made[name]

    return get


@pytest.mark.parametrize("name", NAMES)
def test_the_browser_computes_what_jax_computes(runtime, lives, name):
    live = lives(name)
    values, slopes = chart_gap(runtime, live)
    assert values.points >= 1000
    assert values.worst <= TOLERANCE
    assert slopes.worst <= TOLERANCE
    assert slopes.points >= 1000


def stored(stem):
    """The live charts of a notebook as stored: `{name: specification}`."""
    book = nbformat.read(project_dir() / "notebooks" / f"{stem}.ipynb", as_version=4)
    found = {}
    for cell in book.cells:
        for out in cell.outputs if cell.cell_type == "code" else ():
            spec = out.get("data", {}).get(MIME, {})
            if "live" in spec.get("usermeta", {}):
                found[cell.source.removeprefix('whatif.chart("').removesuffix('")')] = spec
    return found


@pytest.mark.parametrize("stem", sorted(set(whatif.names().values())))
def test_notebooks_show_the_charts_that_are_checked_here(lives, stem):
    """So that no live chart of the book escapes the comparison with JAX."""
    listed = [name for name, notebook in whatif.names().items() if notebook == stem]
    found = stored(stem)
    assert set(found) == set(listed)
    for name, spec in found.items():
        assert json.loads(json.dumps(lives(name).chart.to_dict())) == spec


def test_no_other_notebook_has_one():
    others = {p.stem for p in (project_dir() / "notebooks").glob("*.ipynb")} - set(whatif.names().values())
    assert not {stem: list(found) for stem in others if (found := stored(stem))}


@pytest.mark.parametrize("name", NAMES)
def test_a_chart_says_what_it_shows(lives, name):
    spec = lives(name).chart.to_dict()
    title = spec["title"]["text"]
    assert "".join(title) != ""
    text = spec["description"]
    assert "Controls move" in text
    assert "n/a" not in text, "a curve has no value at an end or at the start"
    assert len(json.dumps(spec)) < 40_000


def test_an_unknown_chart_suggests():
    with pytest.raises(SpecError, match="did you mean 'roofline'"):
        whatif.prepare("rofline")
