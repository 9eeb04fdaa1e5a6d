"""What the pages load comes with them: the Vega bundle is taken out of an installed package at build time."""

import shutil
from pathlib import Path
from typing import Any

from nvlinklab.bookext.charts import VEGA_LITE
from nvlinklab.bookext.context import data_folder


def setup(app: Any) -> None:
    """Copy the files once the pages are written."""
    app.connect("build-finished", _copy)


def _copy(app: Any, error: Exception | None) -> None:
    if error or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    _vega(static / "vendor" / "vega-bundle.js")
    _tables(data_folder(app.config), static / "data")


def _vega(target: Path) -> None:
    if target.exists():
        return
    import vl_convert

    target.parent.mkdir(parents=True, exist_ok=True)
    bundle = vl_convert.javascript_bundle(vl_version=VEGA_LITE)
    target.write_text(f"(()=>{{{bundle}}})();", encoding="utf-8")  # wrapped: its one-letter names would be global


def _tables(source: Path, target: Path) -> None:
    """Ship the data tables with the pages, so that every number can be downloaded where it is shown."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.tmp", ".*"))
