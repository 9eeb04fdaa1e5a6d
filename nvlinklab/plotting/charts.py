"""The few chart forms the book uses. The title states the finding; `alt_text` says it to those who cannot see it."""

import math
import textwrap
from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from nvlinklab.errors import SpecError
from nvlinklab.units import number_text

MIN_ALT_TEXT = 20
TITLE_WIDTH, SUBTITLE_WIDTH = 66, 88


def _wrapped(text: str, width: int) -> str | list[str]:
    """Break a long line, which Vega would cut at the chart's edge."""
    lines = textwrap.wrap(text, width)
    return lines if len(lines) > 1 else text


def finish(chart: Any, title: str, subtitle: str, alt_text: str) -> Any:
    """Return a chart with its title, its subtitle and its alternative text, which must say something."""
    if len(alt_text) < MIN_ALT_TEXT:
        raise SpecError(f"alt text {alt_text!r} is too short; say in a sentence what the chart shows")
    lines = {"text": _wrapped(title, TITLE_WIDTH)} | ({"subtitle": _wrapped(subtitle, SUBTITLE_WIDTH)} if subtitle else {})
    head = alt.TitleParams(**lines)
    return chart.properties(title=head, description=alt_text)


def _listed(frame: pd.DataFrame, name: str, value: str, limit: int = 16) -> str:
    """Name and value of each row, for alt text that cannot go stale."""
    pairs = [f"{row[name]} {number_text(row[value], 3)}" for row in frame.head(limit).to_dict("records")]
    more = f", and {len(frame) - limit} more" if len(frame) > limit else ""
    return ", ".join(pairs) + more


def _along(frame: pd.DataFrame, x: str, y: str, color: str | None) -> str:
    """Start and end of each line, for alt text that cannot go stale."""
    groups = [("the line", frame)] if color is None else list(frame.groupby(color, sort=False))
    parts = []
    for name, group in groups:
        ordered = group.dropna(subset=[y]).sort_values(x)
        if len(ordered):
            first, last = ordered.iloc[0], ordered.iloc[-1]
            ends = [number_text(v, 3) for v in (first[y], first[x], last[y], last[x])]
            parts.append("{} from {} at {} to {} at {}".format(name, *ends))
    return "; ".join(parts)


def _below(low: float) -> float:
    """The largest 1, 2 or 5 times a power of ten that leaves a visible stem below `low`.

    >>> _below(1.17), _below(590.0)
    (0.5, 200.0)
    """
    decade = 10.0 ** math.floor(math.log10(low / 1.25))
    return max(step * decade for step in (1.0, 2.0, 5.0) if step * decade <= low / 1.25)


def _scale(log: bool, **kwargs: Any) -> alt.Scale:
    return alt.Scale(type="log", **kwargs) if log else alt.Scale(**kwargs)


def bars(
    frame: pd.DataFrame, x: str, y: str, *, title: str, x_title: str, alt_text: str = "", subtitle: str = "", color: str | None = None,
    log: bool = False, reference: float | None = None, reference_label: str = "", value_format: str = ".4~g",
) -> Any:  # fmt: skip
    """Horizontal bars, labelled with their values, optionally against a reference line (the stated number).

    Args:
        frame: one row per bar
        x, y: the column with the number and the column with the name
        title: the finding
        alt_text: the chart in a sentence; by default the axis and every bar's value
        x_title: axis title with its unit
        color: column that colours the bars
        log: logarithmic axis; bars then are points on stems from the axis' lower end
        reference: a vertical line at this value, with `reference_label`
    """
    order = list(frame[y])
    axis_y = alt.Y(f"{y}:N", sort=order, title=None)
    low = float(frame[x].min())
    floor = _below(low) if log and low > 0 else 0.0
    scale = _scale(log, domainMin=floor) if log else _scale(log)
    encode_x = alt.X(f"{x}:Q", title=x_title, scale=scale)
    base = alt.Chart(frame).encode(y=axis_y, x=encode_x)
    paint = {"color": alt.Color(f"{color}:N", title=None)} if color else {}
    mark = (
        base.mark_bar(cornerRadiusEnd=2).encode(x2=alt.datum(floor), **paint) if log else base.mark_bar(cornerRadiusEnd=2).encode(**paint)
    )
    layers = [mark, base.mark_text(align="left", dx=5).encode(text=alt.Text(f"{x}:Q", format=value_format))]
    if reference is not None:
        line = pd.DataFrame({x: [reference], "label": [reference_label or f"stated: {reference:g}"]})
        layers.append(alt.Chart(line).mark_rule(strokeDash=[5, 4]).encode(x=alt.X(f"{x}:Q")))
        layers.append(
            alt.Chart(line)
            .mark_text(align="left", dx=4, dy=-6, baseline="bottom")
            .encode(x=alt.X(f"{x}:Q"), y=alt.value(0), text="label:N")
        )
    said = f"; reference line at {reference:.4g}" if reference is not None else ""
    alt_text = alt_text or f"Bars, {x_title}: {_listed(frame, y, x)}{said}."
    return finish(alt.layer(*layers).properties(height=alt.Step(34)), title, subtitle, alt_text)


def lines(
    frame: pd.DataFrame,
    x: str,
    y: str,
    *,
    title: str,
    x_title: str,
    y_title: str,
    alt_text: str = "",
    subtitle: str = "",
    color: str | None = None,
    log_x: bool = False,
    log_y: bool = False,
    points: pd.DataFrame | None = None,
    points_label: str | None = None,
    band: tuple[str, str] | None = None,
) -> Any:
    """Lines along a sweep, labelled at their ends, optionally with measured or stated points and an uncertainty band.

    Args:
        frame: long table; `color` names the column that separates the lines
        alt_text: the chart in a sentence; by default the axes and both ends of every line
        points: table with columns `x` and `y` (and `points_label`) drawn as marks on the same axes
        band: columns with the lower and upper edge
    """
    base = alt.Chart(frame).encode(x=alt.X(f"{x}:Q", title=x_title, scale=_scale(log_x)))
    layers: list[Any] = []
    paint = {"color": alt.Color(f"{color}:N", title=None, sort=list(dict.fromkeys(frame[color])))} if color else {}
    if band:
        low, high = band
        layers.append(base.mark_area(opacity=0.18).encode(y=alt.Y(f"{low}:Q", title=y_title, scale=_scale(log_y)), y2=f"{high}:Q", **paint))
    layers.append(base.mark_line().encode(y=alt.Y(f"{y}:Q", title=y_title, scale=_scale(log_y)), **paint))
    if points is not None:
        marks = alt.Chart(points).encode(x=f"{x}:Q", y=f"{y}:Q")
        layers.append(marks.mark_point(filled=True, size=70, color="#D55E00"))
        if points_label:
            layers.append(marks.mark_text(align="left", dx=8, dy=-6).encode(text=f"{points_label}:N"))
    marked = f". Points: {_listed(points, points_label, y)}" if points is not None and points_label else ""
    alt_text = alt_text or f"Lines, {y_title} against {x_title}: {_along(frame, x, y, color)}{marked}."
    return finish(alt.layer(*layers), title, subtitle, alt_text)


def levels(chart: Any, frame: pd.DataFrame, y: str) -> Any:
    """Draw dashed horizontal lines with their words over a line chart: stated numbers, limits.

    Args:
        chart: the chart
        frame: one row per line, its height in the column `y`, its words in the column `label`
    """
    base = alt.Chart(frame).encode(y=f"{y}:Q")
    rules = base.mark_rule(strokeDash=[5, 4], color="#7F7F7F")
    return chart + rules + base.mark_text(align="left", dx=4, dy=-6).encode(x=alt.value(0), text="label:N")


def tornado(
    frame: pd.DataFrame, *, title: str, alt_text: str = "", subtitle: str = "", value: str = "elasticity", name: str = "input"
) -> Any:
    """Elasticities as bars left and right of zero, the strongest on top."""
    ordered = frame.reindex(frame[value].abs().round(9).sort_values(ascending=False, kind="stable").index)
    order = list(ordered[name])
    room = 1.3  # for the numbers beside the bars
    domain = [min(0.0, float(ordered[value].min())) * room, max(0.0, float(ordered[value].max())) * room]
    base = alt.Chart(ordered).encode(
        y=alt.Y(f"{name}:N", sort=order, title=None),
        x=alt.X(f"{value}:Q", title="Change of the result per 1 % change of the input (%)", scale=alt.Scale(domain=domain, nice=True)),
    )
    paint = alt.condition(f"datum['{value}'] > 0", alt.value("#D55E00"), alt.value("#0072B2"))
    right = (
        base.transform_filter(f"datum['{value}'] >= 0").mark_text(align="left", dx=5).encode(text=alt.Text(f"{value}:Q", format="+.3~f"))
    )
    left = (
        base.transform_filter(f"datum['{value}'] < 0").mark_text(align="right", dx=-5).encode(text=alt.Text(f"{value}:Q", format="+.3~f"))
    )
    layers = [base.mark_bar().encode(color=paint)]
    values = ordered[value].tolist()
    layers += [right] if max(values) >= 0 else []
    layers += [left] if min(values) < 0 else []
    chart = alt.layer(*layers).properties(height=alt.Step(30))
    alt_text = alt_text or f"Elasticities as bars, the strongest first: {_listed(ordered, name, value)}."
    return finish(chart, title, subtitle, alt_text)


def waterfall(
    factors: dict[str, float], *, title: str, start_label: str, end_label: str, x_title: str, alt_text: str = "", subtitle: str = ""
) -> Any:
    """Factors that multiply up to a total, drawn on a log axis so that equal lengths are equal factors.

    Args:
        factors: `{name: factor}`; drawn in the given order from 1 to their product
    """
    rows: list[dict[str, Any]] = []
    level = 1.0
    for label, factor in factors.items():
        rows.append({"step": label, "from": level, "to": level * factor, "text": f"{factor:.3g}x", "kind": "factor"})
        level *= factor
    rows.append({"step": end_label, "from": 1.0, "to": level, "text": f"{level:.4g}x", "kind": "total"})
    frame = pd.DataFrame(rows)
    base = alt.Chart(frame).encode(y=alt.Y("step:N", sort=list(frame["step"]), title=None))
    bar = base.mark_bar().encode(
        x=alt.X("from:Q", title=x_title, scale=alt.Scale(type="log")),
        x2="to:Q",
        color=alt.Color("kind:N", legend=None, sort=["factor", "total"]),
    )
    text = base.mark_text(align="left", dx=5).encode(x=alt.X("to:Q"), text="text:N")
    steps = ", ".join(f"{label} {factor:.3g}x" for label, factor in factors.items())
    alt_text = alt_text or f"Factors that multiply from {start_label} to {end_label}: {steps}; together {level:.4g}x."
    note = f"{start_label} = 1" + (f"; {subtitle}" if subtitle else "")
    return finish(alt.layer(bar, text).properties(height=alt.Step(34)), title, note, alt_text)


def roofline(
    roofs: pd.DataFrame, kernels: pd.DataFrame, *, title: str, alt_text: str = "", subtitle: str = "", span: Sequence[float] = (1.0, 1e5)
) -> Any:
    """Rooflines (Williams et al. 2009) with operators marked on them.

    Args:
        roofs: columns `name`, `flops` [FLOP/s], `bw` [B/s]
        kernels: columns `name`, `intensity` [FLOP/B], `rate` [FLOP/s]; may be empty
    """
    rows = []
    for roof in roofs.to_dict("records"):
        ridge = roof["flops"] / roof["bw"]
        for intensity in (span[0], ridge, span[1]):
            rows.append({"name": roof["name"], "intensity": intensity, "rate": min(roof["flops"], intensity * roof["bw"]) / 1e12})
    lines_frame = pd.DataFrame(rows)
    x = alt.X("intensity:Q", title="Arithmetic intensity (FLOP/B)", scale=alt.Scale(type="log", domain=list(span)))
    y = alt.Y("rate:Q", title="Attainable rate (TFLOP/s)", scale=alt.Scale(type="log"))
    order = list(roofs["name"])
    layers: list[Any] = [alt.Chart(lines_frame).mark_line().encode(x=x, y=y, color=alt.Color("name:N", title=None, sort=order))]
    if len(kernels):
        marks = kernels.assign(rate=kernels["rate"] / 1e12)
        base = alt.Chart(marks).encode(x=x, y=y)
        layers.append(base.mark_point(filled=True, size=80, color="#7F7F7F"))
        below, above = marks.iloc[::2], marks.iloc[1::2]  # alternate, so that neighbours do not write over each other
        for part, shift in ((below, 12), (above, -10)):
            if len(part):
                layers.append(alt.Chart(part).mark_text(align="left", dx=7, dy=shift).encode(x=x, y=y, text="name:N"))
    ridges = ", ".join(f"{r['name']} with its ridge at {r['flops'] / r['bw']:.0f}" for r in roofs.to_dict("records"))
    marked = f" Operators by FLOP/B: {_listed(kernels, 'name', 'intensity')}." if len(kernels) else ""
    alt_text = alt_text or f"Rooflines: {ridges} FLOP/B.{marked}"
    return finish(alt.layer(*layers), title, subtitle, alt_text)
