"""Charts of counts: shares of a whole, shares with their intervals, ranked bars, and a ring of things that clash."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from nvlinklab.plotting.charts import finish
from nvlinklab.units import number_text

Paint = Mapping[str, tuple[str, str]]  # part -> fill and the ink that shows on it
WIDTH, LINE_HEIGHT = 440, 14  # pixels
REACH, WRAP, LINE, SPACE = 1.12, 21, 0.075, 0.03  # ring: half the axis, letters to a line of a label, its height, and the space below
NARROWEST = 0.045  # a part below this share of the bar carries no number


def _colour(field: str, paint: Paint, parts: Sequence[str], index: int = 0, **more: Any) -> alt.Color:
    scale = alt.Scale(domain=list(parts), range=[paint[p][index] for p in parts])
    return alt.Color(f"{field}:N", title=None, scale=scale, sort=list(parts), **more)


def _lines(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False))


def _names(frame: pd.DataFrame, field: str, width: int) -> tuple[list[Any], alt.Y]:
    """Names left of a chart's bars, long ones on several centred lines (an axis would hang them below their bars), and the axis."""
    y = alt.Y(f"{field}:N", sort=list(dict.fromkeys(frame[field])), axis=None)
    wrapped = {name: _lines(name, width) for name in frame[field]}
    texts = []
    for rows in sorted({w.count("\n") + 1 for w in wrapped.values()}):
        group = pd.DataFrame([{field: n, "wrapped": w} for n, w in wrapped.items() if w.count("\n") + 1 == rows])
        mark = alt.Chart(group).mark_text(
            aria=False, align="right", baseline="middle", dx=-8, dy=-LINE_HEIGHT * (rows - 1) / 2, lineBreak="\n", lineHeight=LINE_HEIGHT
        )
        texts.append(mark.encode(y=y, x=alt.value(0), text="wrapped:N"))
    return texts, y


def shares(
    frame: pd.DataFrame, *, name: str, part: str, count: str, paint: Paint, title: str, x_title: str, subtitle: str = "",
    alt_text: str = "", link: str | None = None,
) -> Any:  # fmt: skip
    """Bars of equal length, one a group, divided into parts; the number in a part is its count.

    Args:
        frame: one row per group and part, in the order to draw
        name, part, count: columns with the group, the part and the count
        paint: fill and ink of each part, in the order of the legend
        link: column with an address that a click on the part opens
    """
    totals = frame.groupby(name, sort=False)[count].transform("sum")
    ends = frame.groupby(name, sort=False)[count].cumsum() / totals
    drawn = frame.assign(end=ends, start=ends - frame[count] / totals)
    drawn = drawn.assign(middle=(drawn["start"] + drawn["end"]) / 2, label=[f"{n} ({t})" for n, t in zip(frame[name], totals, strict=True)])
    parts = [p for p in paint if p in set(frame[part])]
    names, y = _names(drawn, "label", 22)
    axis = alt.Axis(format="%", values=[0, 0.25, 0.5, 0.75, 1])
    tooltip = [alt.Tooltip(f"{name}:N", title="group"), alt.Tooltip(f"{part}:N", title="part"), alt.Tooltip(f"{count}:Q", title="count")]
    more = {"href": alt.Href(f"{link}:N")} if link else {}
    bar = (
        alt.Chart(drawn)
        .mark_bar(aria=False, stroke="#ffffff", strokeWidth=0.6)
        .encode(y=y, x=alt.X("start:Q", title=x_title, axis=axis), x2="end:Q", color=_colour(part, paint, parts), tooltip=tooltip, **more)
    )
    written = drawn[(drawn["end"] - drawn["start"]) > NARROWEST]
    ink = [paint[p][1] for p in written[part]]
    text = (
        alt.Chart(written.assign(ink=ink))
        .mark_text(aria=False)
        .encode(y=y, x="middle:Q", text=f"{count}:Q", color=alt.Color("ink:N", scale=None), tooltip=tooltip, **more)
    )
    said = "; ".join(
        f"{group}: " + ", ".join(f"{row[count]} {row[part]}" for row in rows.to_dict("records"))
        for group, rows in frame.groupby(name, sort=False)
    )
    chart = alt.layer(bar, text, *names).properties(height=alt.Step(40), width=WIDTH)
    return finish(chart, title, subtitle, alt_text or f"Bars divided into parts. {said}.")


def intervals(
    frame: pd.DataFrame, *, name: str, value: str, low: str, high: str, label: str, title: str, x_title: str, subtitle: str = "",
    alt_text: str = "", reference: float | None = None, reference_label: str = "",
) -> Any:  # fmt: skip
    """Points with their intervals on an axis from 0 to 100 %, each labelled, optionally against a reference line.

    Args:
        frame: one row per group, in the order to draw
        name, value, low, high: columns with the group, its share and the ends of the interval
        label: column with the text beside the interval
    """
    names, y = _names(frame, name, 22)
    scale, axis = alt.Scale(domain=[0, 1]), alt.Axis(format="%", values=[0, 0.25, 0.5, 0.75, 1])
    at = alt.X(f"{value}:Q", scale=scale)
    base = alt.Chart(frame).encode(y=y)
    ends = {"x": alt.X(f"{low}:Q", title=x_title, scale=scale, axis=axis), "x2": f"{high}:Q"}
    layers: list[Any] = [base.mark_rule(aria=False, strokeWidth=6, opacity=0.45, color="#0072B2").encode(**ends)]
    if reference is not None:
        line = alt.Chart(pd.DataFrame({value: [reference], "label": [reference_label]})).encode(x=at)
        layers.append(line.mark_rule(aria=False, strokeDash=[5, 4]))
        layers.append(line.mark_text(aria=False, align="right", dx=-5, dy=-4, baseline="bottom").encode(y=alt.value(0), text="label:N"))
    layers.append(base.mark_point(aria=False, filled=True, size=110, color="#D55E00", opacity=1).encode(x=at))
    layers.append(base.mark_text(aria=False, dy=-13).encode(x=at, text=f"{label}:N"))
    rows = [row for row in frame.to_dict("records") if not math.isnan(row[value])]
    said = ", ".join(f"{row[name]} {row[value]:.0%} ({row[low]:.0%} to {row[high]:.0%})" for row in rows)
    chart = alt.layer(*layers, *names).properties(height=alt.Step(46), width=WIDTH)
    return finish(chart, title, subtitle, alt_text or f"Points with intervals, {x_title}: {said}.")


def ranked(
    frame: pd.DataFrame, *, name: str, value: str, label: str, color: str, paint: Paint, title: str, x_title: str, subtitle: str = "",
    alt_text: str = "", link: str | None = None,
) -> Any:  # fmt: skip
    """Bars in the given order with a text beside each, coloured by a kind.

    Args:
        frame: one row per bar
        name, value, label, color: columns with the name, the length, the text beside the bar and the kind
        paint: fill and ink of each kind
        link: column with an address that a click on the bar opens
    """
    kinds = [k for k in paint if k in set(frame[color])]
    names, y = _names(frame, name, 28)
    base = alt.Chart(frame).encode(
        y=y,
        x=alt.X(f"{value}:Q", title=x_title, scale=alt.Scale(domain=[0, 1.45 * float(frame[value].max())], nice=False)),
        **({"href": alt.Href(f"{link}:N")} if link else {}),
    )
    bar = base.mark_bar(aria=False, cornerRadiusEnd=2).encode(color=_colour(color, paint, kinds))
    text = base.mark_text(aria=False, align="left", dx=5).encode(text=f"{label}:N")
    said = "; ".join(f"{row[name]}: {number_text(row[value], 3)}, {row[label]}" for row in frame.to_dict("records"))
    chart = alt.layer(bar, text, *names).properties(height=alt.Step(40), width=WIDTH)
    return finish(chart, title, subtitle, alt_text or f"Bars, {x_title}: {said}.")


def ring(
    things: pd.DataFrame, pairs: Sequence[tuple[str, str]], *, name: str, group: str, color: str, paint: Paint, title: str, alt_text: str,
    subtitle: str = "", link: str | None = None, about: Sequence[str] = (),
) -> Any:  # fmt: skip
    """A ring of things in groups, and a line between each two that belong together; a line across the ring joins two groups.

    Args:
        things: one row per thing, those of a group together
        pairs: names of two things that a line joins
        name, group, color: columns with the name, the group and the kind that colours the mark
        link: column with an address that a click on a mark opens
        about: further columns for the text that shows under the pointer
    """
    groups = list(dict.fromkeys(things[group]))
    gap = 2.0  # free places between two groups
    places = len(things) + gap * len(groups)
    angle, at, middles = 0.0, {}, []
    for each in groups:
        members = list(things.loc[things[group] == each, name])
        for member in members:
            at[member] = 2 * math.pi * angle / places
            angle += 1.0
        middles.append((at[members[0]] + at[members[-1]]) / 2)
        angle += gap
    spots = things.assign(x=[math.sin(at[n]) for n in things[name]], y=[math.cos(at[n]) for n in things[name]])
    degree = {n: sum(n in pair for pair in pairs) for n in things[name]}
    spots = spots.assign(pairs=[degree[n] for n in things[name]])
    home = dict(zip(things[name], things[group], strict=True))
    lines = pd.DataFrame(
        [
            {"line": i, "step": k, "x": math.sin(at[n]) * r, "y": math.cos(at[n]) * r, "across": home[a] != home[b]}
            for i, (a, b) in enumerate(pairs)
            for k, (n, r) in enumerate(_bend(at, a, b))
        ]
    )
    span = alt.Scale(domain=[-REACH, REACH], nice=False)
    x, y = alt.X("x:Q", axis=None, scale=span), alt.Y("y:Q", axis=None, scale=span)
    drawn = (
        alt.Chart(lines)
        .mark_line(aria=False, interpolate="bundle", tension=0.85, strokeWidth=1.1, opacity=0.55)
        .encode(
            x=x, y=y, detail="line:N", order="step:Q",
            color=alt.condition("datum.across", alt.value("#D55E00"), alt.value("#7F7F7F")),
        )
    )  # fmt: skip
    kinds = [k for k in paint if k in set(things[color])]
    marks = (
        alt.Chart(spots)
        .mark_point(aria=False, filled=True, opacity=1, stroke="#ffffff", strokeWidth=0.5)
        .encode(
            x=x, y=y, color=_colour(color, paint, kinds), size=alt.Size("pairs:Q", legend=None, scale=alt.Scale(range=[30, 220])),
            tooltip=[alt.Tooltip(f"{c}:N") for c in (name, *about)] + [alt.Tooltip("pairs:Q", title="conflicts")],
            **({"href": alt.Href(f"{link}:N")} if link else {}),
        )
    )  # fmt: skip
    labels = _beside([(g, math.sin(m), math.cos(m)) for g, m in zip(groups, middles, strict=True)])
    near = {"x": alt.X("near_x:Q", axis=None, scale=span), "y": alt.Y("near_y:Q", axis=None, scale=span)}
    leaders = alt.Chart(labels).mark_rule(aria=False, strokeWidth=0.7, opacity=0.6, color="#7F7F7F").encode(**near, x2="x:Q", y2="y:Q")
    texts = [
        alt.Chart(labels[labels["right"] == side])
        .mark_text(aria=False, align="left" if side else "right", baseline="middle", fontSize=11, lineBreak="\n", dx=3 if side else -3)
        .encode(x=x, y=alt.Y("first:Q", axis=None, scale=span), text="label:N")
        for side in sorted(set(labels["right"]))
    ]
    chart = alt.layer(leaders, drawn, marks, *texts).properties(width=400, height=400)
    return finish(chart, title, subtitle, alt_text)


def _beside(spots: Sequence[tuple[str, float, float]]) -> pd.DataFrame:
    """Places for labels in two columns beside the ring, from top to bottom and clear of each other."""
    rows = []
    for right in (True, False):
        column = sorted((s for s in spots if (s[1] >= 0) == right), key=lambda s: -s[2])
        heights = [LINE * (_lines(text, WRAP).count("\n") + 1) + SPACE for text, _, _ in column]
        y = [place for _, _, place in column]
        for _ in range(50):  # push overlapping neighbours apart, a little each time
            for i in range(len(y) - 1):
                overlap = (heights[i] + heights[i + 1]) / 2 - (y[i] - y[i + 1])
                if overlap > 0:
                    y[i], y[i + 1] = y[i] + overlap / 2, y[i + 1] - overlap / 2
        for (text, x, near), place in zip(column, y, strict=True):
            label = _lines(text, WRAP)
            ends = {"x": REACH * (0.97 if right else -0.97), "y": place, "near_x": 1.04 * x, "near_y": 1.04 * near}
            rows.append({"label": label, "right": right, "first": place + LINE * label.count("\n") / 2} | ends)
    return pd.DataFrame(rows)


def _bend(at: Mapping[str, float], a: str, b: str) -> list[tuple[str, float]]:
    """Points of a line from one place to another that swings towards the middle of the ring, less so between neighbours."""
    depth = 0.72 if abs(math.sin((at[a] - at[b]) / 2)) < 0.25 else 0.35
    return [(a, 1.0), (a, depth), (b, depth), (b, 1.0)]
