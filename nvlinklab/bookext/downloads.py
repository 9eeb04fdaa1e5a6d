"""The ledger as files beside the pages, with the address of each claim's row and of the cell that derives it."""

from pathlib import Path
from typing import Any

from docutils import nodes

from nvlinklab.bookext.context import ResultDirective, data_folder, results
from nvlinklab.bookext.parts import link, paragraph
from nvlinklab.bookext.places import place
from nvlinklab.claims import export
from nvlinklab.claims.page import load

FILES = {"claims.csv": export.to_csv, "claims.json": export.to_json}
SAYS = {"claims.csv": "one row a stated number, in the article's units", "claims.json": "everything computed, in SI"}


class Downloads(ResultDirective):
    """`{ledger-downloads}`: links to the ledger's files."""

    def show(self) -> list[nodes.Node]:
        """Return one line."""
        results(self.env)
        parts: list[str | nodes.Node] = ["Download the ledger: "]
        for name, what in SAYS.items():
            parts += [link(name, f"{'../' * self.env.docname.count('/')}_static/{name}"), f" ({what})", ", "]
        return [paragraph(*parts[:-1], ".", classes=["nvl-downloads"])]


def setup(app: Any) -> None:
    """Register the directive; write the files once the pages are written."""
    app.add_directive("ledger-downloads", Downloads)
    app.connect("build-finished", _write)


def _write(app: Any, error: Exception | None) -> None:
    if error or app.builder.format != "html":
        return
    found = load(data_folder(app.config))
    links = {claim_id: (_row(app, claim_id), _cell(app, claim_id)) for claim_id in found.claims}
    for name, write in FILES.items():
        (Path(app.outdir) / "_static" / name).write_text(write(found, links), encoding="utf-8")


def _row(app: Any, claim_id: str) -> str:
    page = app.config.nvl_ledger_page
    return f"{app.builder.get_target_uri(page)}#{claim_id}" if page in app.env.found_docs else ""


def _cell(app: Any, claim_id: str) -> str:
    found = place(app.env, claim_id)
    return f"{app.builder.get_target_uri(found[0])}#{found[1]}" if found else ""
