"""The published folder as files."""

import csv
import gzip
import hashlib
import importlib
import inspect
import json
import pkgutil
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from nvlinklab.book import policy, scripts
from nvlinklab.book.folder import checksums
from nvlinklab.bookext.charts import MIME
from nvlinklab.claims.ledger import ledger
from nvlinklab.claims.page import load
from tests.book import links
from tests.book.conftest import Site
from tests.book.pages import Page
from tests.book.visits import names

ROOT = Path(__file__).resolve().parents[2]
HEAVIEST = 600_000
"""What a page may add to what all pages share, compressed [B]."""
BUNDLE = "_static/book-*.js"
SHARED = (BUNDLE, "_static/vendor/vega-bundle.js")


def test_build_has_no_warnings(published: Site) -> None:
    assert published.warnings == 0


def test_every_page_of_the_table_of_contents_exists(files: dict[str, Page]) -> None:
    assert set(names(0) + names(1)) - {"404"} == set(files)


def test_every_notebook_is_in_the_book(files: dict[str, Page]) -> None:
    notebooks = [p.relative_to(ROOT).with_suffix("").as_posix() for p in (ROOT / "notebooks").glob("*.ipynb")]
    assert sorted(set(notebooks) - set(files)) == []


def test_nothing_is_loaded_from_elsewhere(published: Site, files: dict[str, Page]) -> None:
    assert [f"{name}: {a}" for name, page in files.items() for a in page.loads if re.match(r"(https?:)?//", a)] == []
    for name in files:
        text = (published.folder / f"{name}.html").read_text(encoding="utf-8")
        for style in re.findall(r"<style>(.*?)</style>", text, re.DOTALL):
            assert re.findall(r"url\(\s*['\"]?(?:https?:)?//", style) == []


def test_no_script_of_the_theme_lays_out_an_unfinished_page(published: Site) -> None:
    code = "".join(file.read_text(encoding="utf-8") for file in published.folder.glob(BUNDLE))
    assert [early for early, late in scripts.LATER.items() if late not in code or early in code] == []
    tool = (published.folder / scripts.SEARCH).read_text(encoding="utf-8")
    assert [late for late in scripts.UNSTYLED.values() if late not in tool] == []


def test_no_page_has_notes_in_the_margin_which_no_script_looks_for(published: Site, files: dict[str, Page]) -> None:
    notes = {"marginnote", "sidenote", "margin", "margin-caption", "full-width", "sidebar", "popout"}
    notes |= {f"tag_{name}" for name in notes} | {"margin_caption", "full_width", "tag_margin_caption", "tag_full_width"}
    for name in files:
        text = (published.folder / f"{name}.html").read_text(encoding="utf-8")
        assert notes & {word for classes in re.findall(r'class="([^"]*)"', text) for word in classes.split()} == set(), name


def test_every_page_allows_only_what_came_with_it(published: Site, files: dict[str, Page]) -> None:
    for name, page in files.items():
        text = (published.folder / f"{name}.html").read_text(encoding="utf-8")
        (sheet,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
        programs = [m[2] for m in policy.BLOCK.finditer(text) if policy.runs(m[1])]
        allowed = dict(rule.split(" ", 1) for rule in page.meta["Content-Security-Policy"].split("; "))
        assert allowed["default-src"] == "'none'"
        assert allowed["style-src"] == f"'self' {policy.digest(sheet)}", name
        assert allowed["script-src"] == f"'self' {policy.digest(programs[0])}" and len(programs) == 1, name
        assert "unsafe" not in page.meta["Content-Security-Policy"]


def test_no_page_outweighs_what_all_share(published: Site, files: dict[str, Page]) -> None:
    def weight(path: Path) -> int:
        return len(gzip.compress(path.read_bytes(), mtime=0))

    weights = {}
    for name, page in files.items():
        place = published.folder / f"{name}.html"
        own = {(place.parent / a.partition("?")[0]).resolve() for a in page.loads if not a.startswith("data:")}
        own |= {published.folder / "_static" / "charts" / f"chart-{spec}.js" for spec in page.specs}
        own -= {file.resolve() for shared in SHARED for file in published.folder.glob(shared)}
        weights[name] = weight(place) + sum(map(weight, own))
    assert {name: w for name, w in weights.items() if w > HEAVIEST} == {}
    text = (published.folder / "book" / "intro.html").read_text(encoding="utf-8")
    (sheet,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    code = sum(map(weight, published.folder.glob(BUNDLE)))
    assert 0 < code < 60_000
    assert code + len(gzip.compress(sheet.encode(), mtime=0)) < 100_000  # what every page needs, and has to wait for


def test_listings_mark_only_what_has_a_colour(published: Site) -> None:
    text = (published.folder / "notebooks" / "10_benchmarks.html").read_text(encoding="utf-8")
    kinds = re.findall(r'<span class="(\w{1,2})">', text)
    assert kinds.count("o") > 100
    assert not {"n", "p", "w"} & set(kinds)


def test_a_page_and_its_first_chart_come_in_two_steps(published: Site, files: dict[str, Page]) -> None:
    for name, page in files.items():
        text = (published.folder / f"{name}.html").read_text(encoding="utf-8")
        assert text.count("<style>") == 1, name
        assert 'rel="stylesheet"' not in text, name
        if page.boxes:
            head = text[: text.index("</head>")]
            wanted = re.findall(r'<img src="([^"]+)"[^>]* fetchpriority="high"', text)
            asked = re.findall(r'<link rel="preload" as="image" href="([^"]+)"', head)
            assert wanted == asked and len(asked) == 1, name
            assert head.index(asked[0]) < head.index("<style>")


def test_the_search_index_is_not_empty(published: Site, files: dict[str, Page]) -> None:
    index = json.loads((published.folder / "searchindex.js").read_text(encoding="utf-8").removeprefix("Search.setIndex(").removesuffix(")"))
    assert {*index["docnames"]} == {*files} - {"genindex", "search"}
    assert {"nvswitch", "elast"} <= {*index["terms"]}


def test_every_page_says_what_it_is(published: Site, files: dict[str, Page]) -> None:
    for name, page in files.items():
        if name in ("genindex", "search"):
            continue
        assert len(page.meta["og:title"]) > 4, name
        assert len(page.meta["description"]) > 20, name
        assert page.meta["og:description"] == page.meta["description"]
        image = (published.folder / f"{name}.html").parent / page.meta["og:image"]
        assert image.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_folder_has_what_hosts_look_for(published: Site, files: dict[str, Page]) -> None:
    assert (published.folder / ".nojekyll").is_file()
    assert "<h1>" in (published.folder / "404.html").read_text(encoding="utf-8")
    listed = re.findall(r"<loc>(.*?)\.html</loc>", (published.folder / "sitemap.xml").read_text(encoding="utf-8"))
    assert listed == sorted({*files} - {"genindex", "search"})
    lines = (published.folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    assert dict(reversed(line.split("  ", 1)) for line in lines) == checksums(published.folder)


def test_every_chart_has_a_picture_words_data_and_its_cell(published: Site, files: dict[str, Page]) -> None:
    for name, page in files.items():
        assert len(page.charts) == len(page.specs) == page.boxes, name
        assert all(len(words) >= 20 for words in page.charts), name
        tables = [a for a in page.links if a.endswith(".csv") and "/charts/" in a]
        for address in tables:
            rows = list(csv.reader(((published.folder / f"{name}.html").parent / address).read_text(encoding="utf-8").splitlines()))
            assert len(rows) > 1, address
            assert {len(row) for row in rows} == {len(rows[0])}, address
        if name.startswith("notebooks/") and page.boxes:
            assert tables, name
            cells = [a.removeprefix("#") for a in page.links if a.startswith("#cell-")]
            assert cells, name
            assert set(cells) <= set(page.ids), name


def test_a_chart_is_drawn_from_what_the_notebook_stored(published: Site) -> None:
    for name in ("07_moe_all_to_all_and_sharp", "21_is_the_model_right"):
        notebook = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))
        outputs = [o["data"] for c in notebook["cells"] for o in c.get("outputs", []) if "data" in o]
        stored = [data[MIME] for data in outputs if MIME in data]
        page = Page(published.folder / "notebooks" / f"{name}.html")
        scripts = [(published.folder / "_static" / "charts" / f"chart-{s}.js").read_text(encoding="utf-8") for s in page.specs]
        assert [json.loads(text[text.index("] = ") + 4 :].rstrip(";\n")) for text in scripts] == stored


def test_the_data_of_a_chart_is_what_the_notebook_stored(published: Site) -> None:
    notebook = json.loads((ROOT / "notebooks" / "01_nvlink_generations.ipynb").read_text(encoding="utf-8"))
    specs = [o["data"]["application/vnd.vegalite.v5+json"] for c in notebook["cells"] for o in c.get("outputs", []) if "data" in o and "application/vnd.vegalite.v5+json" in o["data"]]  # fmt: skip  # noqa: E501
    stored = next(iter(specs[0]["datasets"].values()))
    page = Page(published.folder / "notebooks" / "01_nvlink_generations.html")
    first = next(a for a in page.links if a.endswith(".csv") and "/charts/" in a)
    rows = list(csv.DictReader((published.folder / "notebooks" / first).read_text(encoding="utf-8").splitlines()))
    assert rows == [{k: str(v) if v is not None else "" for k, v in row.items()} for row in stored]


@pytest.mark.parametrize("name", ["ledger", "evidence"])
def test_the_page_has_every_claim_once(files: dict[str, Page], name: str) -> None:
    ids = files[f"book/{name}"].ids
    assert [c for c in ledger().claims if ids.count(c) != 1] == []


def test_every_row_of_the_ledger_opens_to_an_excerpt(published: Site) -> None:
    text = (published.folder / "book" / "ledger.html").read_text(encoding="utf-8")
    folds = re.findall(r'<details [^>]*data-excerpts="(ch\d+\.js)\?v=(\w{8})">.*?href="evidence\.html#([^"]+)"', text, re.DOTALL)
    assert [claim for _, _, claim in folds] == list(ledger().claims)
    for name, version in dict.fromkeys((name, version) for name, version, _ in folds):
        file = published.folder / "_static" / "excerpts" / name
        assert hashlib.sha256(file.read_bytes()).hexdigest().startswith(version)
        parts = json.loads(file.read_text(encoding="utf-8").partition(", ")[2].removesuffix(");\n"))
        assert list(parts) == [claim for other, _, claim in folds if other == name]
        assert all('class="nvl-fact"' in part for part in parts.values())


def test_verdicts_lead_to_how_to_read_them(published: Site, files: dict[str, Page]) -> None:
    places = {i for i in files["book/verdicts"].ids if i.startswith("verdict-")}
    assert {f"verdict-{r['verdict']}" for r in load().claims.values()} <= places
    for name in files:
        text = (published.folder / f"{name}.html").read_text(encoding="utf-8")
        badges = text.count('class="nvl-badge ')
        if badges and name != "book/verdicts":
            assert text.count("verdicts.html#verdict-") >= badges, name


def test_formulas_are_set_without_a_script(published: Site, files: dict[str, Page]) -> None:
    texts = {name: (published.folder / f"{name}.html").read_text(encoding="utf-8") for name in files}
    assert sum(text.count("<mjx-container") for text in texts.values()) > 50
    assert [name for name, text in texts.items() if text.count("<mjx-container") != text.count("<mjx-assistive-mml")] == []
    assert [name for name, text in texts.items() if re.search(r'class="math notranslate[^>]*>\s*\\[\[(]', text)] == []


def test_every_link_leads_somewhere(published: Site) -> None:
    assert [c for c in links.broken(published.folder) if not c.startswith("404.html")] == []


def test_no_place_is_named_twice(files: dict[str, Page]) -> None:
    twice = {name: sorted({i for i, n in Counter(page.ids).items() if n > 1}) for name, page in files.items()}
    assert {name: ids for name, ids in twice.items() if ids} == {}


def test_every_checked_claim_leads_to_the_cell_that_derives_it(published: Site, files: dict[str, Page]) -> None:
    chapters = {c.id: c.notebook for c in ledger().chapters.values()}
    text = (published.folder / "book" / "ledger.html").read_text(encoding="utf-8")
    for claim in load().select(["checked"]):
        page = chapters[claim["chapter"]]
        if page in files:
            assert f'href="../{page}.html#claim-{claim["id"]}"' in text, claim["id"]
            assert f"claim-{claim['id']}" in files[page].ids, claim["id"]


def test_the_ledger_can_be_taken_away(published: Site) -> None:
    found = load().claims
    static = published.folder / "_static"
    entries = json.loads((static / "claims.json").read_text(encoding="utf-8"))
    assert [e["id"] for e in entries] == list(found)
    assert all(found[e["id"]].items() <= e.items() for e in entries)
    rows = list(csv.DictReader((static / "claims.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rows) == sum(len(r["stated"]) or 1 for r in found.values())
    assert {r["link"] for r in rows} == {f"book/ledger.html#{i}" for i in found}


def test_the_data_can_be_downloaded(published: Site) -> None:
    text = (published.folder / "book" / "data.html").read_text(encoding="utf-8")
    named = re.findall(r'href="\.\./(_static/data/[^"]+)"', text)
    assert "_static/data/results/ledger.json" in named
    assert [n for n in named if not (published.folder / n).is_file()] == []


def test_the_citation_is_that_of_the_project(published: Site) -> None:
    entry = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    text = (published.folder / "book" / "intro.html").read_text(encoding="utf-8")
    assert f"Version {entry['version']}" in text
    assert "@software" in text


@pytest.mark.parametrize(("part", "page"), [("network", "network"), ("serving", "serving"), ("analysis", "analysis")])
def test_every_public_name_is_in_the_reference(files: dict[str, Page], part: str, page: str) -> None:
    package = importlib.import_module(f"nvlinklab.{part}")
    found = set()
    for info in pkgutil.iter_modules(package.__path__):
        if info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for name, value in vars(module).items():
            if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__ and inspect.isroutine(value):
                found.add(f"{module.__name__}.{name}")
    assert len(found) > 20
    assert sorted(found - set(files[f"book/api/{page}"].ids)) == []
