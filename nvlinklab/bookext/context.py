"""Where roles and directives read, and how they complain: a warning at the place in the text, which breaks the strict build."""

from abc import abstractmethod
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

from nvlinklab.claims.ledger import Ledger, read_ledger
from nvlinklab.claims.ledger import ledger as packaged_ledger
from nvlinklab.claims.page import RESULTS, Results, load
from nvlinklab.errors import ClaimError, NvlinklabError
from nvlinklab.io.paths import data_dir

logger = logging.getLogger(__name__)


def data_folder(config: Any) -> Path:
    """Return the folder of the data: the package's, unless `nvl_data` names another."""
    return Path(config.nvl_data) if config.nvl_data else data_dir()


def results(env: Any) -> Results:
    """Return the committed results and note that the page depends on them."""
    folder = data_folder(env.config)
    env.note_dependency(str(folder / RESULTS))
    return load(folder)


def claims(env: Any) -> Ledger:
    """Return the ledger's records (chapters, questions, notebooks) and note that the page depends on them."""
    folder = data_folder(env.config)
    for path in sorted((folder / "claims").glob("*.yml")):
        env.note_dependency(str(path))
    return read_ledger(folder / "claims") if env.config.nvl_data else packaged_ledger()


def kept(env: Any, name: str) -> dict[str, Any]:
    """Return what the pages leave behind under a name, `{page: anything}`; a page that is read again starts afresh."""
    if not hasattr(env, "nvl_kept"):
        env.nvl_kept = {}
    return env.nvl_kept.setdefault(name, {})


def setup(app: Any) -> None:
    """Forget what a changed page left behind, and gather what parallel readers found."""
    app.connect("env-purge-doc", _forget)
    app.connect("env-merge-info", _gather)


def _forget(_app: Any, env: Any, page: str) -> None:
    for by_page in getattr(env, "nvl_kept", {}).values():
        by_page.pop(page, None)


def _gather(_app: Any, env: Any, pages: set[str], other: Any) -> None:
    for name, by_page in getattr(other, "nvl_kept", {}).items():
        kept(env, name).update({page: by_page[page] for page in pages if page in by_page})


class ResultRole(SphinxRole):
    """A role whose text is words separated by spaces; `show` turns them into a node.

    Attributes:
        takes: how many words it may have
        usage: what they are, for messages
    """

    takes = (1, 2)
    usage = "id name"

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the node, or a warning and the text as it stands."""
        words = self.words()
        try:
            if len(words) not in self.takes:
                raise ClaimError(f"expected {self.usage}")
            return [self.show(results(self.env), *words)], []
        except NvlinklabError as exc:
            logger.warning("{%s}`%s`: %s", self.name, self.text, exc, location=self.get_location(), type="nvl", subtype="role")
            return [nodes.inline("", self.text, classes=["nvl-unknown"])], []

    def words(self) -> list[str]:
        """Return the words of the text."""
        return self.text.split()

    def about(self, claim_id: str, node: nodes.Element) -> nodes.Element:
        """Note on a node which claim it speaks of and how, for whoever looks for the place that derives it."""
        node["nvl_role"], node["nvl_claim"] = self.name, claim_id
        return node

    @abstractmethod
    def show(self, found: Results, *words: str) -> nodes.Node:
        """Return the node for these words."""


class ResultDirective(SphinxDirective):
    """A directive whose nodes come from the data; `show` returns them."""

    has_content = False
    option_spec = {"chapter": directives.unchanged_required}  # noqa: RUF012  (docutils' own convention)

    def run(self) -> list[nodes.Node]:
        """Return the nodes, or a warning and nothing."""
        try:
            return self.show()
        except NvlinklabError as exc:
            logger.warning("{%s}: %s", self.name, exc, location=self.get_location(), type="nvl", subtype="directive")
            return []

    @abstractmethod
    def show(self) -> list[nodes.Node]:
        """Return the nodes."""
