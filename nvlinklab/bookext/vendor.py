"""What the pages load comes with them: the Vega bundle and MathJax are taken out of installed packages at build time."""

import importlib.util
import shutil
from pathlib import Path
from typing import Any

from nvlinklab.bookext.charts import VEGA_LITE
from nvlinklab.bookext.context import data_folder

MATHJAX = "vendor/mathjax/tex-chtml-full.js"


def setup(app: Any) -> None:
    """Point Sphinx at our MathJax and copy the files once the pages are written."""
    app.connect("config-inited", lambda _app, config: setattr(config, "mathjax_path", MATHJAX))
    app.connect("build-finished", _copy)


def _copy(app: Any, error: Exception | None) -> None:
    if error or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    _vega(static / "vendor" / "vega-bundle.js")
    _mathjax(static / "vendor" / "mathjax")
    _tables(data_folder(app.config), static / "data")


def _vega(target: Path) -> None:
    if target.exists():
        return
    import vl_convert

    target.parent.mkdir(parents=True, exist_ok=True)
    bundle = vl_convert.javascript_bundle(vl_version=VEGA_LITE)
    target.write_text(f"(()=>{{{bundle}}})();", encoding="utf-8")  # wrapped: its one-letter names would be global


def _mathjax(target: Path) -> None:
    if target.exists():
        return
    spec = importlib.util.find_spec("sphinx-mathjax-offline")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("sphinx-mathjax-offline is not installed; install nvlinklab[book]")
    source = Path(spec.origin).parent / "static" / "mathjax"
    (target / "output" / "chtml").mkdir(parents=True)
    shutil.copy(source / "tex-chtml-full.js", target)
    shutil.copytree(source / "output" / "chtml" / "fonts", target / "output" / "chtml" / "fonts")


def _tables(source: Path, target: Path) -> None:
    """Ship the data tables with the pages, so that every number can be downloaded where it is shown."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.tmp", ".*"))
