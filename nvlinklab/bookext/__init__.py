"""The book's Sphinx extension: live charts without a server, and roles and directives that read the committed results.

Text in the book never repeats a number by hand. `` {claim-value}`id name` `` prints what the package computed, `{ledger-table}` prints all
of it, and an id or a name that does not exist is a warning, which breaks the strict build.
"""

from importlib.metadata import version
from typing import Any

from nvlinklab.bookext import about, charts, context, details, downloads, ledger, lists, overview, places, roles, vendor
from nvlinklab.bookext.charts import VegaLiteMime

__all__ = ["VegaLiteMime", "setup"]


def setup(app: Any) -> dict[str, Any]:
    """Register everything with Sphinx."""
    app.add_config_value("nvl_data", "", "env", str)
    app.add_config_value("nvl_ledger_page", "book/ledger", "env", str)
    for part in (context, roles, ledger, details, lists, about, vendor, charts, places, downloads, overview):
        part.setup(app)
    app.add_css_file("nvl.css")
    for script in ("charts.js", "page.js", "ledger.js"):
        app.add_js_file(script, loading_method="defer")
    return {"version": version("nvlinklab"), "parallel_read_safe": True, "parallel_write_safe": True}
