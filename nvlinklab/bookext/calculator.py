"""`{calculator}`: the form of the calculator page, and the files that `calculator.js` fills it from.

The form stands in the page, so that it is there before any script; where no script runs, `{calculator-examples}` is what is left.
"""

import html
from collections.abc import Callable
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from nvlinklab.bookext.context import kept

PAGES = "calculator"
SCRIPTS = ("model-mla.js", "model-gqa.js", "catalogue.js", "calculator.js")
STYLE = "calculator.css"
EXAMPLES = (
    {"model": "deepseek-r1", "system": "gb200-nvl72"},
    {"model": "deepseek-r1", "system": "dgx-h200"},
    {"model": "deepseek-r1", "system": "gb300-nvl72", "weights": "nvfp4"},
    {"model": "deepseek-r1", "system": "vr-nvl72", "weights": "nvfp4"},
    {"model": "llama-3-1-70b", "system": "hgx-b200"},
    {"model": "llama-3-1-70b", "system": "dgx-h100", "isl": 2048.0, "osl": 256.0},
)
DEGREES = {
    "ep": "Expert parallel, EP", "tp": "Tensor parallel, TP", "pp": "Pipeline stages, PP", "cp": "Context parallel, CP",
    "dp": "Attention replicas, DP",
}  # fmt: skip
HEADLINES = {
    "ttft_s": "TTFT, without a queue", "tpot_s": "TPOT", "interactivity": "tok/s per user", "throughput_per_gpu": "tok/s per GPU",
    "usd_per_mtok": "Cost per Mtok", "power_w": "Power of the facility", "gpus": "GPUs of the layout",
    "energy_per_token_j": "Energy per token",
}  # fmt: skip


class Calculator(SphinxDirective):
    """`{calculator}`: the controls and the places of the results."""

    has_content = False

    def run(self) -> list[nodes.Node]:
        """Return the form; note that the page needs the files."""
        kept(self.env, PAGES)[self.env.docname] = True
        return [nodes.raw("", form(), format="html")]


class CalculatorExamples(SphinxDirective):
    """`{calculator-examples}`: a few configurations with their results, each a link that sets the calculator."""

    has_content = False

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        return [nodes.raw("", examples(), format="html")]


def setup(app: Any) -> None:
    """Register the directives; write the files once all pages are read, and load them where the form is."""
    app.add_directive("calculator", Calculator)
    app.add_directive("calculator-examples", CalculatorExamples)
    app.connect("env-updated", _write)
    app.connect("html-page-context", _load)


def form() -> str:
    """Return the form and the empty results as HTML."""
    metrics = "".join(f'<option value="{name}">{text}</option>' for name, text in _metrics().items())
    return (
        '<div class="nvl-calc pst-js-only"><form aria-label="Configuration">'
        f"<div data-sides>{_side('a', 'First configuration')}{_side('b', 'Second configuration', hidden=True)}</div>"
        '<div data-buttons><span><input type="checkbox" id="nvl-compare" name="compare">'
        '<label for="nvl-compare">Compare with a second configuration</label></span>'
        '<button type="button" name="link">Copy the link</button><button type="button" name="save">Save the results (JSON)</button>'
        '<button type="button" name="reset">Reset</button><output name="told" aria-live="polite"></output></div></form>'
        '<section data-compare hidden aria-label="Comparison">'
        f'<p><label for="nvl-metric">Compare by</label> <select id="nvl-metric" name="metric">{metrics}</select></p>'
        '<p data-says role="status"></p><div data-body></div></section>'
        f"<div data-sides>{_results('a', 'Results of the first configuration')}"
        f"{_results('b', 'Results of the second configuration', hidden=True)}</div></div>"
    )


def examples() -> str:
    """Return the table of examples as HTML, computed by the compiled model."""
    from nvlinklab import scenario as sc
    from nvlinklab import units
    from nvlinklab._struct import leaves
    from nvlinklab.bookext import catalogue

    head = ("Configuration", "TTFT", "TPOT", "tok/s per GPU", "Cost per Mtok", "Memory filled")
    programs = {kind: catalogue.program(kind) for kind in catalogue.KINDS}
    rows = []
    for choice in EXAMPLES:
        named = sc.build(**choice)
        values, made = leaves(named.scenario), programs[named.scenario.model.attention]
        found = dict(zip((o.name for o in made.outputs), made.evaluate(list(values.values())), strict=True))
        capacity = values["deployment.system.gpu.mem_capacity"]
        filled = sum(v for name, v in found.items() if name.startswith("estimate.memory.") and name.rpartition(".")[2] != "reserve")
        cost = found["estimate.usd_per_token"] * 1e6
        cells = [
            units.pretty(found["estimate.ttft"], "s", 3), units.pretty(found["estimate.tpot"], "s", 3),
            units.number_text(found["estimate.throughput_per_gpu"], 3),
            "not known" if cost != cost else f"{units.number_text(cost, 3)} USD", f"{100 * filled / capacity:.0f} %",
        ]  # fmt: skip
        text = ", ".join([str(choice["model"]), str(choice["system"]), *_spoken(choice), _layout(values), f"batch {values['batch']:g}"])
        address = "&amp;".join(f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in choice.items())
        rows.append([f'<a href="?{address}">{html.escape(text)}</a>', *cells])
    top = "".join(f'<th scope="col">{text}</th>' for text in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return (
        '<div class="pst-scrollable-table-container"><table class="nvl-table nvl-calc-examples table">'
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _metrics() -> dict[str, str]:
    from nvlinklab import scenario as sc

    first = {"throughput": sc.METRICS["throughput"]}
    return {name: text[:1].upper() + text[1:] for name, (_, text) in (first | sc.METRICS).items()}


def _spoken(choice: dict[str, Any]) -> list[str]:
    load = [f"{choice['isl']:g} in / {choice['osl']:g} out"] if "isl" in choice else []
    return [f"weights {choice['weights']}" if "weights" in choice else "fp8", *load]


def _layout(values: dict[str, float]) -> str:
    named = [f"{d.upper()}{values[f'deployment.{d}']:g}" for d in ("tp", "pp", "cp", "dp", "ep") if values[f"deployment.{d}"] != 1.0]
    return " ".join(named) or "one GPU"


def _side(side: str, title: str, hidden: bool = False) -> str:
    from nvlinklab.bookext import catalogue

    models, systems = catalogue.names()
    default = catalogue.defaults()
    groups = (
        ("System and model", [
            _select(side, "system", "System", systems, default["system"]), _select(side, "model", "Model", models, default["model"]),
            _select(side, "weights", "Weights", catalogue.FORMATS, default["weights"]),
            _select(side, "kv", "KV cache", catalogue.FORMATS, default["kv"]),
        ]),
        ("Load", [
            _number(side, "isl", "Input tokens, ISL", f"{default['isl']:g}", 1),
            _number(side, "osl", "Output tokens, OSL", f"{default['osl']:g}", 1),
            _number(side, "batch", "Requests per GPU", "half of what fits", 0),
        ]),
        ("Layout", [_number(side, name, label, "", 1) for name, label in DEGREES.items()]),
        ("Price, power, reuse", [
            _number(side, "price", "USD per GPU hour", "", 0), _number(side, "pue", "PUE", "", 1),
            _number(side, "hit_rate", "Share of prompt cached", "", 0),
        ]),
    )  # fmt: skip
    parts = "".join(f"<fieldset><legend>{legend}</legend>{''.join(fields)}</fieldset>" for legend, fields in groups)
    return f'<div data-side="{side}" role="group" aria-label="{title}"{" hidden" if hidden else ""}><p data-title>{title}</p>{parts}</div>'


def _select(side: str, name: str, label: str, choices: Any, chosen: Any) -> str:
    listed = "".join(f'<option value="{c}"{" selected" if c == chosen else ""}>{c}</option>' for c in choices)
    return f'<div><label for="nvl-{side}-{name}">{label}</label><select id="nvl-{side}-{name}" name="{name}">{listed}</select></div>'


def _number(side: str, name: str, label: str, shown: str, least: int) -> str:
    return (
        f'<div><label for="nvl-{side}-{name}">{label}</label><input id="nvl-{side}-{name}" name="{name}" type="number" min="{least}" '
        f'step="any" inputmode="decimal" autocomplete="off" placeholder="{shown}"></div>'
    )


def _results(side: str, title: str, hidden: bool = False) -> str:
    cards = "".join(f'<div><dt>{text}</dt><dd data-card="{key}">–</dd></div>' for key, text in HEADLINES.items())
    return (
        f'<section data-results="{side}" aria-label="{title}"{" hidden" if hidden else ""}><p data-title>{title}</p>'
        f'<p data-says role="status">–</p><dl>{cards}</dl><div data-body></div></section>'
    )


def _write(app: Any, env: Any) -> list[str]:
    """Write what is made for the page, before the pages are: their links carry the files' checksums."""
    from nvlinklab.bookext import catalogue

    if not kept(env, PAGES) or app.builder.format != "html":
        return []
    makers: dict[str, Callable[[], str]] = {f"model-{kind}.js": lambda kind=kind: catalogue.script(kind) for kind in catalogue.KINDS}
    makers["catalogue.js"] = catalogue.catalogue_script
    folder = Path(app.outdir) / "_static"
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in makers.items():
        (folder / name).write_text(make(), encoding="utf-8")
    return []


def _load(app: Any, page: str, _template: str, _context: dict[str, Any], _doctree: nodes.document | None) -> None:
    if page in kept(app.env, PAGES):
        app.add_css_file(STYLE)
        for name in SCRIPTS:
            app.add_js_file(name, loading_method="defer")
