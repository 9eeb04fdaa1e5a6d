"""Compare what Vega and JavaScript compute in a real browser with what JAX computes, for charts, programs and modules.

The page is served with `script-src 'self'` and nothing else, from memory; whatever else it asks for is refused and fails the comparison.
Vega runs with `ast: true`, as in the book, so an expression that needs `eval` fails here.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
import vl_convert

from nvlinklab.bookext.charts import VEGA_LITE
from nvlinklab.live import Live, compile, module  # noqa: A004
from nvlinklab.live.program import Program
from nvlinklab.live.vega import expressions

HOST = "http://live.test/"
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'none'"
QUICK = {"xla_llvm_disable_expensive_passes": True, "xla_backend_optimization_level": 0}
"""XLA options that halve the compile time of a function that runs once."""
HARNESS = """
const numbers = (values) => Array.from(values, (v) => (typeof v === "boolean" ? +v : Number.isFinite(v) ? v : String(v)));
const holding = (view, fields) => {
  const { data } = view.getState({ data: () => true, signals: () => false });
  const whole = Object.keys(data).filter((key) => view.data(key)?.length && fields.every((field) => field in view.data(key)[0]));
  return view.data(whole[0]);
};
window.rows = async (spec, options, draws, signals, fields) => {
  await new Promise((go) => setTimeout(go)); // what a debugger calls directly may eval whatever the policy says
  const host = document.createElement("div");
  document.body.append(host);
  const wanted = { actions: false, ast: true, defaultStyle: false, tooltip: false, renderer: "none", ...options };
  const { view, finalize } = await window.vegaEmbed(host, spec, wanted);
  const found = [];
  for (const draw of draws) {
    for (const [name, value] of Object.entries(draw)) view.signal(name, value);
    await view.runAsync();
    const held = signals.map((name) => view.signal(name));
    for (const row of holding(view, fields)) found.push(numbers([...held, ...fields.map((field) => row[field])]));
  }
  finalize();
  host.remove();
  return found;
};
window.table = async (name, points) => {
  const module = await import(`./${name}`);
  const functions = Object.keys(module).filter((key) => typeof module[key] === "function");
  return points.map((point) => functions.flatMap((key) => numbers(module[key](Float64Array.from(point, Number)))));
};
"""


class Gap(NamedTuple):
    """The largest differences of a comparison, and how many numbers it holds.

    Attributes:
        worst: relative to the larger of a number's size and its column's scale
        at: column and row of the worst
        points: rows compared
    """

    worst: float
    at: tuple[int, int]
    points: int


class Browser:
    """One page in which everything is computed; `refused` lists what it asked for beyond its own files."""

    def __init__(self, running: Any) -> None:
        self.files = {
            "": "<!doctype html><title>parity</title><script src='vega.js'></script><script src='harness.js'></script><body></body>",
            "vega.js": f"(()=>{{{vl_convert.javascript_bundle(vl_version=VEGA_LITE)}}})();",
            "harness.js": HARNESS,
        }
        self.refused: list[str] = []
        self.messages: list[str] = []
        self.context = running.new_context()
        self.context.route("**/*", self._serve)
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.goto(HOST)

    def _serve(self, route: Any) -> None:
        name = route.request.url.removeprefix(HOST)
        if name not in self.files:
            self.refused.append(route.request.url)
            route.abort()
            return
        kind = {"js": "text/javascript", "css": "text/css"}.get(name.rsplit(".", 1)[-1], "text/html")
        route.fulfill(body=self.files[name], content_type=kind, headers={"content-security-policy": POLICY})

    def rows(self, spec: Any, draws: Sequence[dict[str, Any]], signals: Sequence[str], fields: Sequence[str], **options: Any) -> np.ndarray:
        """Return, for every row of a chart's data at every draw of its sliders, some signals and fields."""
        found = self.page.evaluate("(a) => window.rows(...a)", [spec, options, list(draws), list(signals), list(fields)])
        return np.array([[float(v) for v in row] for row in found])

    def table(self, text: str, points: np.ndarray) -> np.ndarray:
        """Return what all functions of an ES module give at some points, side by side."""
        name = f"module{len(self.files)}.js"
        self.files[name] = text
        given = [[v if np.isfinite(v) else str(v).replace("inf", "Infinity") for v in row] for row in points.tolist()]
        found = self.page.evaluate("(a) => window.table(...a)", [name, given])
        return np.array([[float(v) for v in row] for row in found])


def gap(found: np.ndarray, wanted: np.ndarray, scale: Sequence[float] | float = 0.0) -> Gap:
    """Return the largest relative difference; NaN must meet NaN and infinity the same infinity.

    Args:
        found, wanted: shape (points, columns)
        scale: size of each column below which a difference counts absolutely; 0 for purely relative
    """
    same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
    with np.errstate(invalid="ignore", divide="ignore"):
        size = np.maximum(np.abs(wanted), np.broadcast_to(np.asarray(scale, dtype=float), wanted.shape))
        off = np.where(same, 0.0, np.abs(found - wanted) / size)
    off = np.where(np.isnan(off), np.inf, off)
    row, column = np.unravel_index(int(np.argmax(off)), off.shape)
    return Gap(float(off[row, column]), (int(column), int(row)), len(found))


def chart_gap(browser: Browser, live: Live, draws: int = 20, points: int = 1000, seed: int = 0) -> tuple[Gap, Gap]:
    """Return the largest differences of a live chart's results, and of elasticities, at random points of all its controls.

    The rows along x are put at random places, so that each is a point of its own; the sliders are drawn anew for each lot of rows.

    Args:
        browser: where it is computed
        live: what `nvlinklab.live.prepare` returned
        draws: how often the sliders are set
        points: least number of points
    """
    spec = json.loads(json.dumps(live.chart.to_dict()))
    about = spec["usermeta"]["live"]
    _scatter(spec, about["row"], max(about["row"] + 1, -(-points // draws)))
    rng = np.random.default_rng(seed)
    bound = [p for p in spec["params"] if "bind" in p]
    chosen = [{p["name"]: _drawn(p["bind"], rng) for p in bound} for _ in range(draws)]
    signals = [entry["signal"] for entry in about["inputs"][1:]]
    results = [entry["field"] for entry in about["results"]]
    fields = ["x", *results, *(entry["field"] for entry in about["elasticities"])]
    found = browser.rows(spec, chosen, signals, fields)
    first = len(signals)
    inputs = np.column_stack([found[:, first], found[:, :first]])
    wanted = np.asarray(jax.jit(jax.vmap(live.function)).lower(inputs).compile(compiler_options=QUICK)(inputs))
    shown, cut = found[:, first + 1 :], len(results)
    assert shown.shape == wanted.shape
    assert np.isfinite(wanted[:, :cut]).mean() > 0.3, "hardly any point of the sliders has a result"
    values = gap(shown[:, :cut], wanted[:, :cut])
    return values, gap(shown[:, cut:], wanted[:, cut:], 1.0) if wanted.shape[1] > cut else _slopes_gap(browser, live, inputs)


def _slopes_gap(browser: Browser, live: Live, inputs: np.ndarray) -> Gap:
    """Of a chart that shows no elasticities: the elasticities of its first result, compiled for the comparison alone."""

    def felt(point: Any) -> list[Any]:
        values = jax.numpy.stack(point)
        value, slopes = jax.value_and_grad(lambda v: live.function(v)[0])(values)
        return list(slopes * values / value)

    program = compile(felt, [1.0] * inputs.shape[1])
    return gap(program_rows(browser, program, inputs), jax_rows(felt, inputs), 1.0)


def _scatter(spec: dict[str, Any], row: int, rows: int) -> None:
    """Let the chart compute its rows at random x instead of along a grid, and as many as wanted."""
    step = spec["transform"][0]
    assert step["as"] == "x"
    grid = step["calculate"].split(" ? ")[1].split(" : ")[0]
    assert f"datum.i / {row - 1}" in grid
    step["calculate"] = f"v0 === v0 ? {grid.replace(f'datum.i / {row - 1}', 'random()')} : v0"
    spec["data"]["sequence"]["stop"] = rows


def _drawn(bind: dict[str, Any], rng: np.random.Generator) -> Any:
    if "options" in bind:
        return bind["options"][int(rng.integers(len(bind["options"])))]
    return float(rng.uniform(bind["min"], bind["max"]))


def program_rows(browser: Browser, program: Program, points: np.ndarray) -> np.ndarray:
    """Return the outputs of a program at some points, shape (points, inputs), computed by Vega's expression interpreter."""
    assigned, results = expressions(program, [f"datum.x{k}" for k in range(len(program.inputs))], [True] * len(program.inputs))
    steps = [(a.name, a.text) for a in assigned] + [(f"y{k}", text) for k, text in enumerate(results)]
    transform = [{"type": "formula", "expr": text, "as": name} for name, text in steps]
    signals = [{"name": a.name, "update": a.text} for a in assigned if not a.by_row]
    transform = [step for step in transform if step["as"] not in {s["name"] for s in signals}]
    values = [{f"x{k}": v for k, v in enumerate(row)} for row in points.tolist()]
    spec = {
        "$schema": "https://vega.github.io/schema/vega/v6.json", "signals": signals,
        "data": [{"name": "points", "values": values, "transform": transform}],
    }  # fmt: skip
    return browser.rows(spec, [{}], [], [f"y{k}" for k in range(len(results))], mode="vega")


def module_rows(browser: Browser, value: Program, points: np.ndarray, **functions: Program) -> np.ndarray:
    """Return the outputs of programs printed as one ES module, at some points, side by side in the order of the functions' names."""
    programs = {"evaluate": value} | functions
    return browser.table(module(value, dict(sorted(programs.items()))), points)


def jax_rows(fn: Callable[[Any], Any], points: np.ndarray) -> np.ndarray:
    """Return the leaves of a function of one array at some points, side by side, from JAX."""

    def flat(point: Any) -> Any:
        return jax.numpy.stack([jax.numpy.asarray(leaf, dtype=float) for leaf in jax.tree_util.tree_leaves(fn(point))])

    return np.asarray(jax.jit(jax.vmap(flat)).lower(points).compile(compiler_options=QUICK)(points))
