"""What the pages load comes with them: the Vega bundle is taken out of an installed package at build time."""

import shutil
from pathlib import Path
from typing import Any

from nvlinklab.bookext.charts import VEGA_LITE
from nvlinklab.bookext.context import data_folder

BUNDLE = "_static/vendor/vega-bundle.js"


def setup(app: Any) -> None:
    """Begin with the bundle, which takes a while; copy the files once the pages are written."""
    app.connect("builder-inited", _begin)
    app.connect("build-finished", _copy)


def _begin(app: Any) -> None:
    if app.builder.format == "html" and not (Path(app.outdir) / BUNDLE).exists():
        import vl_convert

        app.nvl_aside.begin(BUNDLE, vl_convert.javascript_bundle, vl_version=VEGA_LITE)


def _copy(app: Any, error: Exception | None) -> None:
    if error or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    _vega(app)
    _tables(data_folder(app.config), static / "data")


def _vega(app: Any) -> None:
    target = Path(app.outdir) / BUNDLE
    if target.exists():
        return
    import vl_convert

    target.parent.mkdir(parents=True, exist_ok=True)
    bundle = app.nvl_aside.result(BUNDLE, vl_convert.javascript_bundle, vl_version=VEGA_LITE)
    target.write_text(f"(()=>{{{bundle}}})();", encoding="utf-8")  # wrapped: its one-letter names would be global


def _tables(source: Path, target: Path) -> None:
    """Ship the data tables with the pages, so that every number can be downloaded where it is shown."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.tmp", ".*"))
