"""What a reader waits for: the first chart on a slow network, and what Lighthouse says of the pages that most readers open."""

import contextlib
import functools
import gzip
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from nvlinklab.bench import machine as here
from nvlinklab.book.serve import Handler, require, server
from nvlinklab.errors import NvlinklabError

PAGES = (
    "book/intro.html", "book/ledger.html", "book/calculator.html", "notebooks/01_nvlink_generations.html",
    "notebooks/07_moe_all_to_all_and_sharp.html", "notebooks/10_benchmarks.html", "notebooks/21_is_the_model_right.html",
)  # fmt: skip
"""The landing page, the ledger, the calculator, and chapters short and long."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FAST_3G = {"latency": 562.5, "downloadThroughput": 1474.56e3 / 8, "uploadThroughput": 675e3 / 8}
"""The preset of that name in Chromium's developer tools: ms for each request, and bytes per second."""
PHONE = {"width": 412, "height": 823}
CATEGORIES = ("performance", "accessibility", "best-practices")
BELOW = "some/where"
"""The book is not at the root of its host."""
LIMITS = {
    "first chart, s": ("<", 1.5), "page, kB": ("<=", 600.0), "performance": (">=", 95.0), "accessibility": (">=", 100.0),
    "best-practices": (">=", 100.0),
}  # fmt: skip
WATCH = """
(() => {
  const look = () => {
    const picture = document.querySelector(".nvl-chart-view img");
    const painted = performance.getEntriesByName("first-contentful-paint").length > 0;
    if (painted && picture?.complete && picture.naturalWidth > 0) requestAnimationFrame(() => { window.nvlSeen = performance.now(); });
    else requestAnimationFrame(look);
  };
  look();
})();
"""


class _Compressed(Handler):
    """As static hosts serve: text compressed, kept by the browser for a while."""

    def do_GET(self) -> None:  # noqa: N802  (the name it has in the standard library)
        """Send a file, compressed where that pays."""
        file = Path(self.translate_path(self.path))
        if file.suffix not in (".html", ".js", ".css", ".svg", ".json", ".csv") or not file.is_file():
            super().do_GET()
            return
        content = _compressed(file)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(file)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "max-age=600")
        self.end_headers()
        self.wfile.write(content)


@functools.cache
def _compressed(file: Path) -> bytes:
    return gzip.compress(file.read_bytes(), mtime=0)


def chromium() -> str:
    """Return the path of a browser on this machine: that of `NVLINKLAB_CHROMIUM`, or one that is on the PATH; empty if there is none."""
    named = os.environ.get("NVLINKLAB_CHROMIUM", "")
    return named or next(filter(None, map(shutil.which, BROWSERS)), "")


def flags() -> list[str]:
    """Return what a browser needs to be told here: as root it runs without its sandbox only."""
    return ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []


def run(html: Path, repeat: int = 5, say: Callable[[str], object] = str) -> dict[str, Any]:
    """Measure the pages of a built book.

    Args:
        html: the built pages
        repeat: how often each page is opened, by the browser and by Lighthouse; medians count
        say: told what is measured next

    Returns:
        `machine`, `lighthouse` (its version, empty where it is not installed), and by page the readings that `LIMITS` names: the time to
        the first chart [s] on a phone's screen with a fresh cache, what the page without its pictures weighs compressed [kB], and
        Lighthouse's scores.

    Raises:
        NvlinklabError: no browser, no Playwright.
        BookError: the book is not built.
    """
    require(html)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as exc:
        raise NvlinklabError("Playwright is not installed here; install it with: pip install 'nvlinklab[test]'") from exc
    path = chromium()
    if not path:
        raise NvlinklabError(f"no browser: none of {', '.join(BROWSERS)} is on PATH and NVLINKLAB_CHROMIUM is not set")
    found: dict[str, Any] = {"machine": here.machine(), "repeat": repeat, "lighthouse": "", "pages": {page: {} for page in PAGES}}
    with _served(html) as site:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=flags())
            for page, row in found["pages"].items():
                say(f"{page} on a slow network")
                row["page, kB"] = round(len(_compressed(html / page)) / 1e3, 1)
                times = [first_chart(browser, f"{site}{page}") for _ in range(repeat)]
                if None not in times:
                    row["first chart, s"] = round(statistics.median(filter(None, times)), 3)
            browser.close()
        tool = shutil.which("lighthouse")
        for page, row in found["pages"].items() if tool else ():
            reports = []
            for round_ in range(repeat):
                say(f"{page} by Lighthouse, {round_ + 1} of {repeat}")
                reports.append(_lighthouse(str(tool), path, f"{site}{page}"))
            found["lighthouse"] = reports[0]["lighthouseVersion"]
            row |= scores(reports)
    return found


def first_chart(browser: Any, address: str, network: dict[str, float] = FAST_3G) -> float | None:
    """Return when the picture of a page's first chart is on a phone's screen [s], from asking for the page; None if it has no chart."""
    context = browser.new_context(viewport=PHONE)
    try:
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        session.send("Network.emulateNetworkConditions", {"offline": False, **network})
        page.add_init_script(WATCH)
        page.goto(address, wait_until="load", timeout=120_000)
        if not page.locator(".nvl-chart-view").count():
            return None
        page.wait_for_function("() => window.nvlSeen", timeout=120_000)
        return page.evaluate("window.nvlSeen") / 1e3
    finally:
        context.close()


def scores(reports: list[dict[str, Any]]) -> dict[str, float]:
    """Return the medians of Lighthouse's reports on one page; of performance the least and the largest too, and what it waited for.

    Args:
        reports: as Lighthouse writes them
    """
    found: dict[str, float] = {}
    for name in CATEGORIES:
        values = [100 * report["categories"][name]["score"] for report in reports]
        found[name] = round(statistics.median(values), 1)
        if name == "performance":
            found |= {"least": round(min(values)), "largest": round(max(values))}
    for short, audit in {"first paint, ms": "first-contentful-paint", "blocked, ms": "total-blocking-time"}.items():
        found[short] = round(statistics.median(report["audits"][audit]["numericValue"] for report in reports))
    found["benchmark index"] = round(statistics.median(report["environment"]["benchmarkIndex"] for report in reports))
    return found


def table(found: dict[str, Any]) -> str:
    """Return the readings as Markdown, those beyond their limit in bold."""
    m = found["machine"]
    tool = f"Lighthouse {found['lighthouse']}, its phone" if found["lighthouse"] else "Lighthouse is not installed"
    network = "first chart on a screen of 412 x 823 with Chromium's preset for fast 3G (562.5 ms for each request, 1.44 Mb/s)"
    readings = (
        "first chart, s",
        "page, kB",
        *CATEGORIES,
        "least",
        "largest",
        "first paint, ms",
        "blocked, ms",
        "benchmark index",
    )
    names = [name for name in readings if any(name in row for row in found["pages"].values())]
    head = [f"{name} ({LIMITS[name][0]} {LIMITS[name][1]:g})" if name in LIMITS else name for name in names]
    where = f"{m['processor']}, {m['cores']} cores, {m['system']}; load {m['load']} before the start"
    lines = [
        f"{where}; medians of {found['repeat']}. {tool}; {network}.", "", f"| page | {' | '.join(head)} |", f"|---|{'---|' * len(names)}",
    ]  # fmt: skip
    for page, row in found["pages"].items():
        lines.append(f"| {page} | {' | '.join(_cell(name, row.get(name)) for name in names)} |")
    return "\n".join([*lines, ""])


def met(name: str, value: float) -> bool:
    """Return whether a reading keeps its limit.

    >>> met("performance", 94.5), met("first chart, s", 1.2), met("least", 0)
    (False, True, True)
    """
    sign, limit = LIMITS.get(name, (">=", 0.0))
    return {"<": value < limit, "<=": value <= limit, ">=": value >= limit}[sign]


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:g}" if met(name, value) else f"**{value:g}**"


@contextlib.contextmanager
def _served(html: Path) -> Iterator[str]:
    """Serve the book from a folder below the root of a host."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / BELOW).parent.mkdir(parents=True)
        (root / BELOW).symlink_to(html.resolve(), target_is_directory=True)
        (root / "index.html").touch()
        with server(root, 0, _Compressed) as running:
            thread = threading.Thread(target=running.serve_forever)
            thread.start()
            try:
                yield f"http://127.0.0.1:{running.server_port}/{BELOW}/"
            finally:
                running.shutdown()
                thread.join()


def _lighthouse(tool: str, browser: str, address: str) -> dict[str, Any]:
    options = ["--quiet", "--output=json", f"--only-categories={','.join(CATEGORIES)}"]
    options.append(f"--chrome-flags={' '.join(['--headless=new', *flags()])}")
    ran = subprocess.run([tool, address, *options], capture_output=True, text=True, env=os.environ | {"CHROME_PATH": browser})
    if ran.returncode:
        raise NvlinklabError(f"Lighthouse ended with {ran.returncode}: {ran.stderr.strip()[-500:]}")
    return json.loads(ran.stdout)
