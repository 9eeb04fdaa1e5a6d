"""The book's Sphinx extension: live charts without a server, and roles and directives that read the committed results.

Text in the book never repeats a number by hand. `` {claim-value}`id name` `` prints what the package computed, `{ledger-table}` prints all
of it, and an id or a name that does not exist is a warning, which breaks the strict build.
"""

from importlib.metadata import version
from typing import Any

from nvlinklab.bookext import (
    about,
    api,
    aside,
    calculator,
    charts,
    citation,
    context,
    details,
    downloads,
    formulas,
    headline,
    ledger,
    lists,
    overview,
    places,
    preview,
    roles,
    vendor,
    verdicts,
)
from nvlinklab.bookext.charts import VegaLiteMime

__all__ = ["VegaLiteMime", "setup"]

PARTS = (
    context, aside, formulas, roles, ledger, details, lists, about, api, citation, headline, vendor, charts, places, downloads, overview,
    preview, verdicts, calculator,
)  # fmt: skip


def setup(app: Any) -> dict[str, Any]:
    """Register everything with Sphinx."""
    app.add_config_value("nvl_data", "", "env", str)
    app.add_config_value("nvl_ledger_page", "book/ledger", "env", str)
    app.add_config_value("nvl_evidence_page", "book/evidence", "env", str)
    for part in PARTS:
        part.setup(app)
    app.add_css_file("nvl.css")
    for script in ("load.js", "charts.js", "live.js", "page.js", "excerpts.js", "ledger.js"):
        app.add_js_file(script, loading_method="defer")
    return {"version": version("nvlinklab"), "parallel_read_safe": True, "parallel_write_safe": True}
