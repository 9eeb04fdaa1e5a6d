"""A chart in which the compiled formula answers: sliders, several results, shares as an area, elasticities, scenarios.

The chart is plain Vega-Lite: it works in JupyterLab, and in a static page under a policy without `unsafe-eval`. Beside the rows along the
x axis, the data has one more row at the place of its slider; it is marked and labelled, and `book/_static/live.js` reads it out. What
`usermeta.live` holds names the signals and fields for that page and for the tests.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from nvlinklab import units as unit_system
from nvlinklab.errors import SpecError, did_you_mean
from nvlinklab.live.drawing import Parts, draw
from nvlinklab.live.jaxpr import compile, declared_units, dotted  # noqa: A004
from nvlinklab.live.program import Program
from nvlinklab.live.sliders import Knob, Slider, knob
from nvlinklab.live.words import description, manifest
from nvlinklab.plotting.charts import finish

POINTS = 80


class Live(NamedTuple):
    """A live chart with what it was made of, so that a test can compare the two.

    Attributes:
        chart: the Altair chart
        program: what was compiled; its inputs are those the chart varies
        function: the same in JAX: an array with a value for each input [SI] to the outputs as the chart shows them
    """

    chart: Any
    program: Program
    function: Callable[[Any], Any]


def chart(*args: Any, **kwargs: Any) -> Any:
    """Return the chart of `prepare`, which has the same arguments."""
    return prepare(*args, **kwargs).chart


def prepare(
    fn: Callable[[Any], Any],
    params: Any,
    *,
    x: Slider,
    title: str,
    y_title: str,
    unit: str = "1",
    sliders: Sequence[Slider] = (),
    outputs: Mapping[str, str] | None = None,
    scenarios: Mapping[str, Mapping[str, float]] | None = None,
    scenario_label: str = "Scenario",
    elasticity: str | bool = False,
    stacked: bool = False,
    log_y: bool = False,
    units: Mapping[str, str] | None = None,
    subtitle: str = "",
    points: int = POINTS,
) -> Live:
    """Return a chart of a JAX function that a reader moves, with what the tests need.

    Args:
        fn: returns a scalar, or a dict of scalars, of a pytree of floats [SI]
        params: the point at which the chart starts
        x: the input along the x axis; its slider moves the marked point
        title: what the chart shows; a finding that a slider could undo does not belong here
        y_title: what is drawn, without its unit
        unit: unit of all results as shown
        sliders: the other inputs that a reader may move
        outputs: `{name: label}` of the results that are drawn, in order; by default all
        scenarios: `{label: {path: value}}` [SI]: a list to choose from, which sets inputs that have no slider; the first is the start
        scenario_label: what the list is called
        elasticity: the result whose elasticities a second panel shows (True: the only one)
        stacked: draw the results as parts of a whole, on top of each other; they must not be negative
        log_y: logarithmic y axis
        units: SI units of inputs by path, where the pytree does not declare them
        subtitle: what is fixed
        points: rows along the x axis

    Raises:
        SpecError: a path or output that does not exist, an input that is moved twice, a range that cannot be.
        UnitError: a unit of another dimension than the input's.
        UnsupportedPrimitive: an operation of `fn` that cannot be written as an expression.
    """
    defaults = {dotted(key): float(leaf) for key, leaf in jax.tree_util.tree_flatten_with_path(params)[0]}
    declared = declared_units(params) | dict(units or {})
    knobs: list[Knob] = []
    for slider in (x, *sliders):
        knobs.append(knob(slider, defaults, declared, [k.signal for k in knobs]))
    moved = _moved(knobs, scenarios or {}, defaults)
    names = _names(fn, params, outputs)
    felt = _felt(elasticity, names)
    by_elasticity = [k.path for k in knobs] if felt is not None else []
    inputs = [*(k.path for k in knobs), *moved]
    formula = _formula(fn, params, inputs, list(names), unit_system.factor(unit), felt, by_elasticity)
    program = compile(formula, _start(inputs, defaults, scenarios or {}), [str(i) for i in range(len(inputs))])
    fields = {f"y{i}": label for i, label in enumerate(names.values())}
    slopes = {f"e{i}": k.label for i, k in enumerate(knobs)} if felt is not None else {}
    parts = Parts(knobs[0], knobs[1:], fields, y_title, unit, points, slopes)
    drawn = draw(parts, program, inputs, scenarios or {}, scenario_label, stacked, log_y)
    said = description(parts, program, scenarios or {}, title, stacked)
    made = finish(drawn, title, subtitle, said)
    made.usermeta = {"live": manifest(parts, inputs, scenarios or {}, scenario_label)}

    def function(values: Any) -> Any:
        return jnp.stack(jax.tree_util.tree_leaves(formula({str(i): values[i] for i in range(len(inputs))})))

    return Live(made, program, function)


def _start(inputs: Sequence[str], defaults: Mapping[str, float], scenarios: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """The values of the inputs by number at the start."""
    first = next(iter(scenarios.values()), {})
    return {str(i): first.get(path, defaults[path]) for i, path in enumerate(inputs)}


def _moved(knobs: Sequence[Knob], scenarios: Mapping[str, Mapping[str, float]], defaults: Mapping[str, float]) -> list[str]:
    """The inputs that scenarios set, after checking that each is set by all and moved by nothing else."""
    seen: dict[str, int] = {}
    for k in knobs:
        seen[k.path] = seen.get(k.path, 0) + 1
    paths = list(dict.fromkeys(path for values in scenarios.values() for path in values))
    for label, values in scenarios.items():
        for path in paths:
            if path not in defaults:
                raise SpecError(f"no parameter is called {path!r}{did_you_mean(path, defaults)}; there are: {', '.join(defaults)}")
            if path not in values:
                raise SpecError(f"scenario {label!r} does not set {path}, which another one does; every scenario sets the same inputs")
    twice = [path for path, count in seen.items() if count > 1 or path in paths]
    if twice:
        raise SpecError(f"{', '.join(twice)}: moved by two controls; one input has one slider, or is set by the scenario")
    return paths


def _names(fn: Callable[[Any], Any], params: Any, outputs: Mapping[str, str] | None) -> dict[str, str]:
    shape = jax.eval_shape(fn, params)
    if not isinstance(shape, Mapping):
        return {"": next(iter(outputs.values())) if outputs else ""}
    chosen = dict(outputs or {name: name.replace("_", " ") for name in shape})
    for name in chosen:
        if name not in shape:
            raise SpecError(f"the function returns no {name!r}{did_you_mean(name, shape)}; it returns: {', '.join(shape)}")
    return chosen


def _felt(elasticity: str | bool, names: Mapping[str, str]) -> str | None:
    if elasticity is False:
        return None
    if elasticity is True:
        if len(names) > 1:
            raise SpecError(f"say whose elasticities are shown: one of {', '.join(names)}")
        return next(iter(names))
    if elasticity not in names:
        raise SpecError(f"elasticities of {elasticity!r}: expected one of the results drawn, {', '.join(names)}")
    return elasticity


def _formula(
    fn: Callable[[Any], Any], params: Any, inputs: Sequence[str], names: Sequence[str], factor: float, felt: str | None, by: Sequence[str]
) -> Callable[[Any], Any]:
    """The function that is compiled: values by number to `{"y": [shown results], "z": [elasticities]}`."""
    pairs, tree = jax.tree_util.tree_flatten_with_path(params)
    place = {path: i for i, path in enumerate(inputs)}

    def results(values: Mapping[str, Any]) -> dict[str, Any]:
        leaves = [values[str(place[dotted(key)])] if dotted(key) in place else leaf for key, leaf in pairs]
        found = fn(tree.unflatten(leaves))
        return {name: jnp.asarray(found[name] if name else found, dtype=jnp.float64) for name in names}

    def formula(values: Mapping[str, Any]) -> dict[str, list[Any]]:
        found = results(values)
        shown = {"y": [found[name] / factor for name in names]}
        if felt is None:
            return shown
        slopes = jax.grad(lambda v: results(v)[felt])(dict(values))
        return shown | {"z": [slopes[str(place[path])] * values[str(place[path])] / found[felt] for path in by]}

    return formula
