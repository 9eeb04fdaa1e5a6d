"""Several answers to one question, each with the interval it has, on a logarithmic axis: what a model says beside what was measured."""

import math
from typing import Any

import altair as alt
import pandas as pd

from nvlinklab.errors import SpecError
from nvlinklab.plotting.charts import finish
from nvlinklab.plotting.counts import LINE_HEIGHT, WIDTH
from nvlinklab.plotting.counts import _lines as wrapped
from nvlinklab.units import number_text

MARKS = (("#0072B2", "circle"), ("#D55E00", "diamond"), ("#009E73", "square"), ("#CC79A7", "triangle-up"), ("#7F7F7F", "cross"))
LANE, GAP = 17, 12  # pixels of an answer, and between two questions
MARGIN, ROOM = 0.06, 0.52  # shares of the drawn span left free on the left, and on the right for the numbers
NARROW = 1e-3  # a span in natural logarithms below this is drawn as wide as one of a factor of ten


def ranges(
    frame: pd.DataFrame, *, name: str, kind: str, value: str, low: str, high: str, title: str, x_title: str, subtitle: str = "",
    alt_text: str = "",
) -> Any:  # fmt: skip
    """Return points with intervals, a lane for each answer and the answers to one question together.

    Args:
        frame: one row per answer, in the order to draw; a row without a value is not drawn
        name: column with the question
        kind: column with who answers: at most five, with a colour and a shape each
        value, low, high: columns with the answer, above zero, and the ends of its interval; NaN where it has none. A `low` of 0 is drawn to
            the edge of the axis.

    Raises:
        SpecError: no row has a value above zero, or more kinds than there are colours.
    """
    kinds = list(dict.fromkeys(frame[kind]))
    drawn = frame[frame[value] > 0.0].reset_index(drop=True)
    if drawn.empty or len(kinds) > len(MARKS):
        raise SpecError(f"{len(drawn)} answers above zero from {len(kinds)} kinds; expected at least one, and at most {len(MARKS)} kinds")
    ends = [v for c in (value, low, high) for v in drawn[c] if v > 0.0 and math.isfinite(v)]
    least, most = math.log(min(ends)), math.log(max(ends))
    span = most - least if most - least > NARROW else math.log(10.0)
    domain = [math.exp(least - MARGIN * span), math.exp(most + ROOM * span)]
    places, heights, at = [], {}, 0.0
    for question, answers in drawn.groupby(name, sort=False):
        places += [at + LANE * (i + 0.5) for i in range(len(answers))]
        heights[question] = at + LANE * len(answers) / 2
        at += LANE * len(answers) + GAP
    rows = drawn.loc[[i for _, g in drawn.groupby(name, sort=False) for i in g.index]].assign(place=places)
    rows["from"] = rows[low].clip(lower=domain[0])
    rows["to"] = rows[high].clip(upper=domain[1])
    rows["edge"] = rows[["to", value]].max(axis=1)
    rows["said"] = [_said(r[value], r[low], r[high]) for r in rows.to_dict("records")]
    y = alt.Y("place:Q", scale=alt.Scale(domain=[at - GAP, 0.0], nice=False), axis=None)
    scale = alt.Scale(type="log", domain=domain, nice=False)
    axis = alt.Axis(tickCount=5)
    shown = [k for k in kinds if k in set(rows[kind])]
    looks = [MARKS[kinds.index(k)] for k in shown]
    colour = alt.Color(f"{kind}:N", title=None, scale=alt.Scale(domain=shown, range=[c for c, _ in looks]), legend=alt.Legend(columns=2))
    shape = alt.Shape(f"{kind}:N", title=None, scale=alt.Scale(domain=shown, range=[s for _, s in looks]))
    base, spans = alt.Chart(rows).encode(y=y), rows.dropna(subset=["from", "to"])
    layers: list[Any] = []
    if len(spans):
        bar = alt.Chart(spans).mark_rule(aria=False, strokeWidth=5, opacity=0.45)
        layers.append(bar.encode(y=y, x=alt.X("from:Q", title=x_title, scale=scale, axis=axis), x2="to:Q", color=colour))
    layers.append(
        base.mark_point(aria=False, filled=True, size=90, opacity=1).encode(
            x=alt.X(f"{value}:Q", title=x_title, scale=scale, axis=axis), color=colour, shape=shape
        )
    )
    layers.append(base.mark_text(aria=False, align="left", dx=8).encode(x=alt.X("edge:Q", scale=scale), text="said:N"))
    for question, place in heights.items():
        text = wrapped(str(question), 22)
        label = alt.Chart(pd.DataFrame([{"place": place, "text": text}])).mark_text(
            aria=False, align="right", baseline="middle", dx=-8, dy=-LINE_HEIGHT * text.count("\n") / 2, lineBreak="\n",
            lineHeight=LINE_HEIGHT,
        )  # fmt: skip
        layers.append(label.encode(y=y, x=alt.value(0), text="text:N"))
    chart = alt.layer(*layers).properties(height=at - GAP, width=WIDTH)
    told = "; ".join(
        f"{question}: " + ", ".join(f"{r[kind]} {r['said']}" for r in answers.to_dict("records"))
        for question, answers in rows.groupby(name, sort=False)
    )
    return finish(chart, title, subtitle, alt_text or f"Points with intervals, {x_title}. {told}.")


def _said(value: float, low: float, high: float) -> str:
    """The number and its interval in words.

    >>> _said(12.345, 10.0, 15.0), _said(2.0, float("nan"), float("nan"))
    ('12.3 (10 to 15)', '2')
    """
    if math.isnan(low) or math.isnan(high):
        return number_text(value, 3)
    top = number_text(high, 3) if math.isfinite(high) else "no limit"
    return f"{number_text(value, 3)} ({number_text(low, 3)} to {top})"
