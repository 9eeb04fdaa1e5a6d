"""A built page, parsed: what it loads, its charts, its ids."""

from html.parser import HTMLParser
from pathlib import Path

LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "video": "src", "object": "data"}
RELATIONS = {"stylesheet", "icon", "preload", "modulepreload", "shortcut icon"}


class Page(HTMLParser):
    """What a page loads, and its charts.

    Attributes:
        loads: addresses of scripts, styles, images and fonts
        boxes: how many charts it has
        specs: the name of each chart's specification, in order
        charts: the alternative text of each chart's still picture
        ids: every id, in order
        meta: the content of each `<meta>` by its name, property or http-equiv
        links: what each `<a>` leads to, in order
    """

    def __init__(self, path: Path):
        super().__init__()
        self.loads: list[str] = []
        self.boxes = 0
        self.specs: list[str] = []
        self.charts: list[str] = []
        self.ids: list[str] = []
        self.meta: dict[str, str] = {}
        self.links: list[str] = []
        self._in_chart = False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what matters of one tag."""
        given = dict(attrs)
        self.ids += [i for i in [given.get("id")] if i]
        address = given.get(LOADED.get(tag, ""))
        if address and (tag != "link" or (given.get("rel") or "") in RELATIONS):
            self.loads.append(address)
        if tag == "meta":
            name = given.get("name") or given.get("property") or given.get("http-equiv") or ""
            self.meta[name] = given.get("content") or ""
        if tag == "a":
            self.links.append(given.get("href") or "")
        classes = (given.get("class") or "").split()
        self.boxes += "nvl-chart" in classes
        self.specs += [s for s in [given.get("data-spec")] if s]
        self._in_chart = self._in_chart or "nvl-chart-view" in classes
        if self._in_chart and tag == "img":
            self._in_chart = False
            self.charts.append(given.get("alt") or "")
