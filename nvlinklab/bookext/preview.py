"""What others show of a page: its title, a sentence, and a picture made from the ledger."""

import html
import re
from collections import Counter
from pathlib import Path
from typing import Any

from docutils import nodes

from nvlinklab.bookext.context import data_folder
from nvlinklab.bookext.overview import PAINT
from nvlinklab.claims.page import RESULTS, load
from nvlinklab.claims.verdict import VERDICTS

CARD = "_static/card.png"
WIDTH, HEIGHT, MARGIN = 1200, 630, 70
LONGEST = 180
"""Characters of a description; what is longer is cut by those who show it."""


def setup(app: Any) -> None:
    """Describe each page in its head; draw the picture once the pages are written."""
    app.connect("html-page-context", _describe)
    app.connect("build-finished", _draw)


def description(doctree: nodes.document) -> str:
    """Return the first paragraph of a page that is plain text, cut after a word."""
    for paragraph in doctree.findall(nodes.paragraph):
        if isinstance(paragraph.parent, nodes.section | nodes.document):
            text = " ".join(paragraph.astext().split())
            if len(text) > LONGEST:
                text = text[:LONGEST].rpartition(" ")[0].rstrip(",;:") + " …"
            return text
    return ""


def _describe(app: Any, page: str, _template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    if doctree is None:
        return
    title = html.unescape(re.sub(r"<[^>]+>", "", context.get("title", "")))
    text = description(doctree) or app.config.html_title
    root = "../" * page.count("/")
    tags = {
        "og:type": "article", "og:site_name": app.config.html_title, "og:title": title, "og:description": text,
        "og:image": f"{root}{CARD}", "og:image:width": str(WIDTH), "og:image:height": str(HEIGHT),
        "og:image:alt": "The verdicts on all claims, as a bar",
    }  # fmt: skip
    lines = [f'<meta name="description" content="{html.escape(text)}">', '<meta name="twitter:card" content="summary_large_image">']
    lines += [f'<meta property="{name}" content="{html.escape(value)}">' for name, value in tags.items()]
    context["metatags"] = context.get("metatags", "") + "\n".join(lines)


def _draw(app: Any, error: Exception | None) -> None:
    if error or app.builder.format != "html" or not (data_folder(app.config) / RESULTS).is_file():
        return
    import vl_convert

    found = load(data_folder(app.config))
    target = Path(app.outdir) / CARD
    target.write_bytes(vl_convert.svg_to_png(card(Counter(r["verdict"] for r in found.claims.values()), app.config.html_title)))


def card(counted: dict[str, int], title: str) -> str:
    """Return the picture as SVG: the verdicts as a bar, and each with its number."""
    total = sum(counted.values())
    shown = [v for v in VERDICTS if counted.get(v)]
    width, x, parts = WIDTH - 2 * MARGIN, float(MARGIN), []
    for verdict in shown:
        wide = width * counted[verdict] / total
        parts.append(f'<rect x="{x:.1f}" y="250" width="{wide:.1f}" height="120" fill="{PAINT[verdict][0]}"/>')
        x += wide
    for i, verdict in enumerate(shown):
        left, top = MARGIN + (i % 3) * width / 3, 440 + (i // 3) * 75
        parts.append(f'<rect x="{left:.0f}" y="{top - 30}" width="34" height="34" rx="5" fill="{PAINT[verdict][0]}"/>')
        parts.append(f'<text x="{left + 48:.0f}" y="{top}" font-size="32" fill="#24292f">{counted[verdict]:,} {verdict}</text>')
    name = (title.partition(": ")[2] or title)[:1].upper() + (title.partition(": ")[2] or title)[1:]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="Liberation Sans, Arial, sans-serif">'
        f'<rect width="100%" height="100%" fill="#ffffff"/>'
        f'<text x="{MARGIN}" y="130" font-size="66" font-weight="700" fill="#24292f">{html.escape(name)}</text>'
        f'<text x="{MARGIN}" y="200" font-size="36" fill="#57606a">{total:,} quantitative claims, each computed</text>'
        f"{''.join(parts)}</svg>"
    )
