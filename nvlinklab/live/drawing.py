"""The layers of a live chart: curves or areas, the marked point with its labels, and the panel of elasticities."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import altair as alt

from nvlinklab.live.program import Program
from nvlinklab.live.sliders import Knob, titled
from nvlinklab.live.vega import expressions

WIDTH, HEIGHT, SECOND_HEIGHT = 520, 260, 130
SCENARIO = "scenario"
SECOND = ("#7F7F7F", "#CC79A7", "#56B4E9", "#B07900", "#000000", "#009E73", "#D55E00", "#0072B2")
"""Colours of the second panel, in another order than the first one's, since they stand for inputs and not for results."""
RULE = {"strokeDash": [4, 3], "color": "#7F7F7F"}


class Parts(NamedTuple):
    """What the layers are drawn from: the x slider, the others, names of the results by field, and so on."""

    x: Knob
    sliders: list[Knob]
    names: dict[str, str]
    y_title: str
    unit: str
    points: int
    moved: dict[str, str]


def draw(
    p: Parts, program: Program, inputs: Sequence[str], scenarios: Mapping[str, Mapping[str, float]], scenario_label: str, stacked: bool,
    log_y: bool,
) -> Any:  # fmt: skip
    """Return the chart without its title: its controls, the compiled program as signals and columns, and the layers."""
    knobs = [p.x, *p.sliders]
    signals = [alt.param(name=k.signal, value=k.position, bind=_binding(k.bind())) for k in knobs]
    if scenarios:
        choices = list(scenarios)
        signals.append(alt.param(name=SCENARIO, value=choices[0], bind=alt.binding_select(options=choices, name=scenario_label)))
    signals += [alt.param(name=f"v{i}", expr=text) for i, text in enumerate(_values(p, inputs, scenarios))]
    names = ["datum.x", *(f"v{i}" for i in range(1, len(inputs)))]
    assigned, results = expressions(program, names, [True, *[False] * (len(inputs) - 1)])
    signals += [alt.param(name=a.name, expr=a.text) for a in assigned if not a.by_row]
    fields = [*p.names, *p.moved]
    rows = [("x", _along(p.x, p.points)), ("shown", "datum.x" if p.x.factor == 1.0 else f"datum.x / {p.x.factor!r}")]
    rows += [(a.name, a.text) for a in assigned if a.by_row] + list(zip(fields, results, strict=True))
    main = _panel(p, stacked, log_y)
    drawn = main if not p.moved else alt.vconcat(main, _elasticities(p), spacing=24).resolve_scale(color="independent")
    drawn = drawn.properties(data=alt.sequence(0, p.points + 1, as_="i"))
    drawn.transform = [alt.CalculateTransform(calculate=text, **{"as": name}) for name, text in rows]
    return drawn.add_params(*signals)


def _values(p: Parts, inputs: Sequence[str], scenarios: Mapping[str, Mapping[str, float]]) -> list[str]:
    """An expression of each input [SI]: from its slider, or from the chosen scenario."""
    texts = [k.si for k in (p.x, *p.sliders)]
    for path in inputs[len(texts) :]:
        table = ", ".join(f"{_quoted(label)}: {float(values[path])!r}" for label, values in scenarios.items())
        texts.append(f"{{{table}}}[{SCENARIO}]")
    return texts


def _along(k: Knob, points: int) -> str:
    """The expression of x [SI] in each row: the grid, and in the last row the slider's value."""
    share = f"datum.i / {points - 1}"
    grid = f"{k.low!r} * pow({k.high / k.low!r}, {share})" if k.log else f"{k.low!r} + {k.high - k.low!r} * ({share})"
    scaled = grid if k.factor == 1.0 else f"({grid}) * {k.factor!r}"
    return f"datum.i < {points} ? {scaled} : v0"


def _panel(p: Parts, stacked: bool, log_y: bool) -> Any:
    fields = list(p.names)
    several = len(fields) > 1
    y_title = titled(p.y_title, p.unit)
    x_axis = alt.X("shown:Q", title=p.x.title, scale=alt.Scale(type="log" if p.x.log else "linear", domain=[p.x.low, p.x.high], nice=False))
    base = alt.Chart().transform_fold(fields, as_=["field", "value"])
    named = "{" + ", ".join(f"{field}: {_quoted(label)}" for field, label in p.names.items()) + "}[datum.field]"
    base = base.transform_calculate(name=named)
    paint = {"color": alt.Color("name:N", title=None, scale=alt.Scale(domain=list(p.names.values())))} if several else {}
    whole = {"nice": False} if stacked and p.unit == "percent" else {}  # the last bit of a sum of shares would add a tick above 100
    scale = alt.Scale(type="log") if log_y else alt.Scale(zero=stacked, **whole)
    y = alt.Y("value:Q", title=y_title, scale=scale, stack="zero" if stacked else None)
    order = {"order": alt.Order("field:O")} if stacked else {}
    along = base.transform_filter(f"datum.i < {p.points}")
    curve = (along.mark_area(opacity=0.85) if stacked else along.mark_line()).encode(x=x_axis, y=y, **paint, **order)
    here = base.transform_filter(f"datum.i === {p.points}")
    rule = alt.Chart().transform_filter(f"datum.i === {p.points}").mark_rule(**RULE).encode(x="shown:Q")
    layers = [curve, rule]
    text = f"format(datum.value, ',.3~r'){_unit_text(p.unit)}"
    if stacked:
        shares = p.unit == "percent"  # their sum says nothing; the lowest one stands on the axis
        value = "datum.y0" if shares else " + ".join(f"datum.{field}" for field in fields)
        top = alt.Chart().transform_filter(f"datum.i === {p.points}").transform_calculate(value=value).transform_calculate(label=text)
        lift: Any = -9
    else:
        layers.append(here.mark_point(filled=True, size=70).encode(x="shown:Q", y=y, **paint))
        top = here.transform_calculate(label=text)
        lift = alt.ExprRef("{" + ", ".join(f"{field}: {15 if i % 2 else -9}" for i, field in enumerate(fields)) + "}[datum.field]")
    past = f"datum.shown > {_middle(p.x)!r}"
    mark = {"align": alt.ExprRef(f"{past} ? 'right' : 'left'"), "dx": alt.ExprRef(f"{past} ? -8 : 8"), "dy": lift, "fontWeight": 600}
    layers.append(top.mark_text(**mark).encode(x="shown:Q", y=alt.Y("value:Q"), text="label:N", **({} if stacked else paint)))
    return alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)


def _elasticities(p: Parts) -> Any:
    x_axis = alt.X("shown:Q", title=p.x.title, scale=alt.Scale(type="log" if p.x.log else "linear", domain=[p.x.low, p.x.high], nice=False))
    named = "{" + ", ".join(f"{field}: {_quoted(label)}" for field, label in p.moved.items()) + "}[datum.field]"
    colours = alt.Scale(domain=list(p.moved.values()), range=list(SECOND[: len(p.moved)]))
    base = alt.Chart().transform_fold(list(p.moved), as_=["field", "value"]).transform_calculate(name=named)
    curve = base.transform_filter(f"datum.i < {p.points}").mark_line().encode(
        x=x_axis, y=alt.Y("value:Q", title=["Change per 1 % more", "of an input (%)"]),
        color=alt.Color("name:N", title=None, legend=alt.Legend(columns=2), scale=colours),
    )  # fmt: skip
    rule = alt.Chart().transform_filter(f"datum.i === {p.points}").mark_rule(**RULE).encode(x="shown:Q")
    return alt.layer(curve, rule).properties(width=WIDTH, height=SECOND_HEIGHT)


def _binding(control: dict[str, Any]) -> Any:
    name, kind = control["name"], control["input"]
    if kind == "select":
        return alt.binding_select(options=control["options"], labels=control["labels"], name=name)
    return alt.binding_range(min=control["min"], max=control["max"], step=control["step"], name=name)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _middle(k: Knob) -> float:
    return float(f"{(k.low * k.high) ** 0.5 if k.log else (k.low + k.high) / 2.0:.6g}")


def _unit_text(unit: str) -> str:
    shown = {"1": "", "": "", "x": "x", "percent": " %"}.get(unit, f" {unit}")
    return f" + {_quoted(shown)}" if shown else ""
