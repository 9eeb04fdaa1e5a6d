"""What the calculator page knows besides the compiled model: every scenario that `scenario.build` can name, taken apart and written once.

A scenario's numbers come from its model, from its system with a number format, and from its cache's number format; the page puts them
together again. Which layout is the default depends on model, system and weights, so it is listed for each. Nothing is computed here.
"""

import inspect
import json
import re
from functools import cache
from typing import Any

from nvlinklab import live
from nvlinklab import scenario as sc
from nvlinklab._struct import leaf_units, leaves
from nvlinklab.errors import InfeasibleError

FORMATS = ("bf16", "fp8", "mxfp4", "nvfp4")
"""Number formats to choose from: those of `scenario.BYTES` without `fp16`, which is as long as `bf16`."""
KINDS = {"mla": "deepseek-v3", "gqa": "llama-3-1-70b"}
"""A model of each kind of attention: the kind shapes the program, everything else is a number."""


@cache
def program(kind: str) -> Any:
    """Return the compiled estimate and metrics of models with one kind of attention, a `live` program."""
    return live.compile(_results, sc.build(KINDS[kind], batch=1.0).scenario)


def script(kind: str) -> str:
    """Return a script that puts the model of one kind of attention, and the gradient of its TPOT, under `nvlCalculator.models`.

    A plain script instead of an ES module: browsers do not load modules from a disk.
    """
    value = program(kind)
    slopes = live.gradient(lambda s: sc.metric(s, "tpot"), sc.build(KINDS[kind], batch=1.0).scenario)
    text = re.sub(r"^export ", "", live.module(value, {"evaluate": value, "gradient": slopes}), flags=re.MULTILINE)
    told = f"((globalThis.nvlCalculator ??= {{}}).models ??= {{}}).{kind} = {{ inputs, outputs, evaluate, gradient }};"
    return f"(() => {{\n{text}{told}\n}})();\n"


def catalogue() -> dict[str, Any]:
    """Return models, systems, number formats, default layouts and the names of numbers; a number that is not known is None."""
    known = leaf_units(sc.Scenario)
    models, systems = names()
    rest = [path for path in known if not path.startswith("model.")]
    return {
        "paths": list(known),
        "short": {path: sc.short(path) for path in known},
        "groups": {path: group for path in known for group in [_group(path)] if group},
        "metrics": {name: {"unit": unit, "meaning": meaning} for name, (unit, meaning) in sc.METRICS.items()},
        "degrees": list(sc.DEGREES),
        "defaults": defaults(),
        "models": {name: _model(name) for name in models},
        "systems": {name: {weights: _deployment(name, weights, rest) for weights in FORMATS} for name in systems},
        "kv": {kv: leaves(sc.build(kv=kv, batch=1.0).scenario)["deployment.kv_bytes"] for kv in FORMATS},
        "layouts": {m: {s: {w: _layout(m, s, w) for w in FORMATS} for s in systems} for m in models},
    }


def names() -> tuple[list[str], list[str]]:
    """Return the models and the systems to choose from, the command's default model first."""
    return list(dict.fromkeys([defaults()["model"], *sc.architecture.models()])), list(sc.catalog.systems())


def defaults() -> dict[str, Any]:
    """Return what `scenario.build`, and with it the command, takes where nothing is said."""
    parameters = inspect.signature(sc.build).parameters
    return {name: parameters[name].default for name in ("model", "system", "batch", "isl", "osl", "weights", "kv")}


def catalogue_script() -> str:
    """Return the catalogue as a script that puts it under `nvlCalculator.catalogue`."""
    text = json.dumps(_clean(catalogue()), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return f"(globalThis.nvlCalculator ??= {{}}).catalogue = {text};\n"


def _results(s: sc.Scenario) -> dict[str, Any]:
    return {"estimate": sc.evaluate(s), "metric": {name: sc.metric(s, name) for name in sc.METRICS}}


def _group(path: str) -> str:
    """The factor of a comparison that owns a leaf, as `scenario.changed_groups` says; empty for a leaf that is the same everywhere."""
    return next((group for group, pattern in sc.GROUPS if re.fullmatch(pattern, sc.short(path))), "")


def _model(name: str) -> dict[str, Any]:
    shape = sc.build(name, degrees={"ep": 1.0}, batch=1.0).scenario.model
    return {"kind": shape.attention, "x": {f"model.{path}": value for path, value in leaves(shape).items()}}


def _deployment(system: str, weights: str, paths: list[str]) -> dict[str, Any]:
    named = sc.build(system=system, weights=weights, degrees={"ep": 1.0}, batch=1.0)
    values = leaves(named.scenario)
    return {"x": {path: values[path] for path in paths}, "notes": list(named.notes)}


def _layout(model: str, system: str, weights: str) -> dict[str, float] | str:
    """The degrees that the command chooses, or why it finds none."""
    try:
        values = leaves(sc.build(model, system, weights=weights, batch=1.0).scenario)
    except InfeasibleError as error:
        return str(error)
    return {degree: values[f"deployment.{degree}"] for degree in sc.DEGREES if values[f"deployment.{degree}"] != 1.0}


def _clean(item: Any) -> Any:
    """Numbers as JSON takes them: whole ones short, those not known as null."""
    if isinstance(item, dict):
        return {key: _clean(value) for key, value in item.items()}
    if isinstance(item, list | tuple):
        return [_clean(value) for value in item]
    if isinstance(item, float):
        return None if item != item else int(item) if item.is_integer() and abs(item) < 2**53 else item
    return item
