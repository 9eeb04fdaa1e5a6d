"""A live chart in words: what a screen reader or a reader without pictures gets, and what a page and a test need to know about it."""

from collections.abc import Mapping, Sequence
from typing import Any

from nvlinklab.live.drawing import SCENARIO, Parts
from nvlinklab.live.program import Program
from nvlinklab.live.sliders import titled
from nvlinklab.units import number_text


def manifest(p: Parts, inputs: Sequence[str], scenarios: Mapping[str, Any], scenario_label: str) -> dict[str, Any]:
    """What a page and a test need to know about the chart: signals of controls and inputs, fields of results."""
    controls: list[dict[str, Any]] = []
    for k in (p.x, *p.sliders):
        control: dict[str, Any] = {"signal": k.signal, "label": k.label, "unit": k.unit}
        controls.append(control | ({"log": True} if k.log and not k.choices else {}) | ({"whole": True} if k.whole else {}))
    if scenarios:
        controls.append({"signal": SCENARIO, "label": scenario_label, "unit": ""})
    return {
        "row": p.points,
        "inputs": [{"path": path, "signal": f"v{i}"} for i, path in enumerate(inputs)],
        "controls": controls,
        "results": [{"field": field, "label": label or p.y_title, "unit": p.unit} for field, label in p.names.items()],
        "elasticities": [{"field": field, "label": label} for field, label in p.moved.items()],
    }


def description(
    p: Parts, program: Program, scenarios: Mapping[str, Any], title: str, stacked: bool
) -> str:  # fmt: skip
    """The chart in words, with numbers at both ends and at the start."""
    start = [entry.default for entry in program.inputs]

    def at(shown: float) -> list[float]:
        return program.evaluate([shown * p.x.factor, *start[1:]])[: len(p.names)]

    def text(number: float) -> str:
        return number_text(number, 3)

    ends = zip(p.names.values(), at(p.x.low), at(p.x.high), at(p.x.value), strict=True)
    curves = "; ".join(
        f"{label or p.y_title} from {text(a)} at {text(p.x.low)} to {text(b)} at {text(p.x.high)}, {text(now)} at {text(p.x.value)}"
        for label, a, b, now in ends
    )
    moved = [f"{k.title} from {text(k.low)} to {text(k.high)}, now {text(k.value)}" for k in p.sliders]
    moved += [f"{', '.join(scenarios)}"] if scenarios else []
    kind = "Areas on top of each other" if stacked else "Lines"
    can = f" Controls move {p.x.label}" + (f"; {'; '.join(moved)}." if moved else ".")
    return f"{kind} that answer to sliders: {title}. {titled(p.y_title, p.unit)} against {p.x.title}: {curves}.{can}"
