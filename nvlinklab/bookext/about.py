"""Directives about the project itself: versions, running times, and the names of quantities."""

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from docutils import nodes

from nvlinklab.bookext.context import ResultDirective, data_folder
from nvlinklab.bookext.parts import page_link, paragraph, simple_table
from nvlinklab.quantities import QUANTITIES

PACKAGES = {
    "the model": ("nvlinklab", "jax", "jaxlib", "numpy", "scipy", "xarray", "pandas", "pint", "networkx"),
    "the charts": ("altair", "vl-convert-python"),
    "the book": ("jupyter-book", "sphinx", "myst-nb", "sphinx-book-theme", "sphinx-exercise", "sphinxcontrib-bibtex"),
    "the checks": ("pytest", "nbval", "hypothesis", "playwright", "axe-playwright-python"),
}
TIMES = "results/notebooks.json"
BETTER = {"lower": "lower is better", "higher": "higher is better", "neither": ""}


class Versions(ResultDirective):
    """`{versions}`: the versions this book was built with."""

    def show(self) -> list[nodes.Node]:
        """Return the table."""
        rows = [("python", platform.python_version(), "everything")]
        rows += [(name, _version(name), used) for used, names in PACKAGES.items() for name in names]
        rows += [(name, number, "the charts, in the browser") for name, number in _bundled()]
        return [simple_table(("Package", "Version", "Used for"), rows, "nvl-versions")]


class NotebookTimes(ResultDirective):
    """`{notebook-times}`: how long each notebook takes, as measured when its outputs were written."""

    def show(self) -> list[nodes.Node]:
        """Return the table, or a sentence where nothing was recorded."""
        path = data_folder(self.config) / TIMES
        self.env.note_dependency(str(path))
        if not path.is_file():
            return [
                paragraph(
                    "No running times are recorded yet; ", nodes.literal("", "nvlinklab notebooks run --record-times"), " writes them."
                )
            ]
        times = json.loads(path.read_text(encoding="utf-8"))
        rows = [
            (page_link(self.env, name, name.removesuffix(".ipynb")), f"{entry['cells']:,}", f"{entry['seconds']:.1f} s")
            for name, entry in times.items()
        ]
        return [simple_table(("Notebook", "Cells", "Time"), rows, "nvl-times")]


class QuantitiesTable(ResultDirective):
    """`{quantities-table}`: every registered quantity with its symbol and unit."""

    def show(self) -> list[nodes.Node]:
        """Return the table."""
        rows = [(nodes.literal("", name), _symbol(q.symbol), q.unit, q.long_name, BETTER[q.better]) for name, q in QUANTITIES.items()]
        return [simple_table(("Name", "Symbol", "Unit", "Meaning", "Direction"), rows, "nvl-quantities")]


def setup(app: Any) -> None:
    """Register the directives."""
    app.add_directive("versions", Versions)
    app.add_directive("notebook-times", NotebookTimes)
    app.add_directive("quantities-table", QuantitiesTable)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _symbol(text: str) -> list[nodes.Node]:
    base, _, index = text.partition("_")
    return [nodes.emphasis("", base), *([nodes.subscript("", index)] if index else [])]


def _bundled() -> list[tuple[str, str]]:
    import vl_convert

    from nvlinklab.bookext.charts import VEGA_LITE

    return [("vega", vl_convert.get_vega_version()), ("vega-lite", VEGA_LITE), ("vega-embed", vl_convert.get_vega_embed_version())]
