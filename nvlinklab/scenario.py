"""A model on a system at a load, as one pytree: what `nvlinklab estimate` evaluates, and the names by which its numbers are set.

Leaves go by the path a person would guess: `gpu.mem_bw`, `scale_up.link_bw`, `domain`, `model.layers`, `ep`, `batch`. The achieved shares
(`mem_efficiency`, `layer_time`, ...) come from a first fit to public rows, rounded; they are not calibrated, have ranges, and belong to a
generation of GPUs. Until they are calibrated a result is good for ratios and for what it hangs on, less for its last digit.
"""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nvlinklab import units
from nvlinklab._math import ONCE
from nvlinklab._struct import Float, leaf_units, leaves, nested, quantity, register_structs, replace_path, struct
from nvlinklab.errors import InfeasibleError, SpecError, did_you_mean
from nvlinklab.hardware import catalog
from nvlinklab.hardware.custom import read_system
from nvlinklab.hardware.system import System
from nvlinklab.io.tables import all_rows, value_row
from nvlinklab.serving import layouts
from nvlinklab.serving import prefill as reading
from nvlinklab.serving.decode import Deployment, decode_step, total
from nvlinklab.serving.estimate import Estimate, estimate
from nvlinklab.serving.presets import SHARES
from nvlinklab.workload import architecture
from nvlinklab.workload.architecture import Architecture
from nvlinklab.workload.custom import read_model
from nvlinklab.workload.precision import BYTES, bytes_per_element
from nvlinklab.workload.traffic import mean_context

ALIASES = {"deepseek-r1": "deepseek-v3", "r1": "deepseek-v3"}
"""Models that share the shape of another; dots in a model's name are dashes here (`llama-3.1-70b`)."""

HOPPER = ("h100", "h200", "h800")
DEGREES = ("ep", "tp", "pp", "cp", "dp")


@struct
class Scenario:
    """A model, how it runs, and a load.

    Attributes:
        model: the architecture
        deployment: system, layout, number formats and achieved shares
        batch: requests in flight per GPU
        isl, osl: input and output tokens of a request
        hit_rate: share of the prompt found in the prefix cache
        pue: facility power over that of the computers
        usd_per_gpu_s: price of a GPU with all that belongs to it [USD/s]
    """

    model: Architecture = nested()
    deployment: Deployment = nested()
    batch: Float = quantity("request")
    isl: Float = quantity("token")
    osl: Float = quantity("token")
    hit_rate: Float = quantity("1", 0.0)
    pue: Float = quantity("1", 1.2)
    usd_per_gpu_s: Float = quantity("USD/s", float("nan"))


register_structs()


class Named(NamedTuple):
    """A scenario with the names that the pytree must not carry, and what is assumed in it."""

    scenario: Scenario
    model: str
    system: str
    notes: tuple[str, ...]


def build(
    model: str = "deepseek-r1",
    system: str = "gb200-nvl72",
    batch: float | None = None,
    isl: float = 8192.0,
    osl: float = 1024.0,
    weights: str = "fp8",
    kv: str = "fp8",
    degrees: Mapping[str, float] | None = None,
    settings: Sequence[str] = (),
) -> Named:
    """Return a scenario by names.

    Args:
        model: a model of the catalog, or a YAML file of one
        system: a system of the catalog, or a YAML file of one
        batch: requests in flight per GPU; by default half of what fits
        isl, osl: input and output tokens of a request
        weights, kv: number formats
        degrees: parallel degrees; by default the widest expert parallelism, or the narrowest tensor parallelism, whose weights fit
        settings: `path=value` overrides, values with units as a person types them

    Raises:
        SpecError: a name, path or number format that does not exist, with the nearest ones.
        UnitError: a value in a unit of another dimension.
        InfeasibleError: no layout holds the weights.
    """
    shape, model_name = _model(model)
    hardware, system_name, gpu_name, notes = _system(system)
    generation = "serving-hopper" if gpu_name in HOPPER else "serving-blackwell"
    notes = [*notes, f"achieved shares of {generation.removeprefix('serving-')} GPUs: a first fit, rounded, not calibrated"]
    bf16 = weights in ("bf16", "fp16")
    rate = hardware.gpu.flops_bf16 if bf16 or hardware.gpu.flops_fp8 != hardware.gpu.flops_fp8 else hardware.gpu.flops_fp8
    if rate != rate:
        raise SpecError(f"{system}: neither flops_fp8 nor flops_bf16 is known; give it in the system's file, or with --set gpu.flops_fp8=")
    speedup = 1.0
    if weights in ("nvfp4", "mxfp4"):
        if hardware.gpu.flops_fp4 != hardware.gpu.flops_fp4:
            notes.append(f"{gpu_name} has no FP4 arithmetic: 4-bit weights save bytes, not time in a GEMM")
        else:
            speedup = hardware.gpu.flops_fp4 / rate * value_row("serving-blackwell.fp4_efficiency").value
    shares = {share: value_row(f"{generation}.{share}").value for share in SHARES}
    base = Deployment(
        system=hardware, ep=1.0, flops=rate, format_speedup=speedup, attention_flops=rate, weight_bytes=bytes_per_element(weights),
        kv_bytes=bytes_per_element(kv), **shares,
    )  # fmt: skip
    price = all_rows().get(f"{gpu_name}.tco")
    if price is None:
        notes.append(f"no price is known for {gpu_name}: give one with --set usd_per_gpu_s='3 USD/h'")
    chosen = dict(degrees) if degrees else _default_layout(shape, base)
    scenario = Scenario(
        model=shape, deployment=layouts.with_degrees(base, chosen), batch=1.0, isl=isl, osl=osl,
        usd_per_gpu_s=price.value if price else float("nan"),
    )  # fmt: skip
    scenario = override(scenario, settings)
    if not any(s.startswith("batch=") for s in settings):
        d = scenario.deployment
        fits = float(layouts.largest_batch(scenario.model, d, mean_context(float(scenario.isl), float(scenario.osl))))
        scenario = replace_path(scenario, {"batch": batch if batch is not None else max(1.0, float(int(fits / 2)))})
    return Named(scenario, model_name, system_name, tuple(notes))


def override(scenario: Scenario, settings: Sequence[str]) -> Scenario:
    """Return a scenario with `path=value` settings applied; units are parsed.

    Raises:
        SpecError: a setting without `=`, or a path that does not exist, with the nearest ones.
        UnitError: a value that is no quantity of the right kind.
    """
    kinds = leaf_units(scenario)
    changes = {}
    for setting in settings:
        path, sign, text = setting.partition("=")
        if not sign:
            raise SpecError(f"{setting!r} is no setting; write path=value, for example scale_up.link_bw='1.2 TB/s'")
        full = resolve(path.strip())
        changes[full] = units.parse(text.strip().strip("'\""), kinds[full])
    return replace_path(scenario, changes)


def short(path: str) -> str:
    """Return the name a person uses for a leaf.

    >>> short("deployment.system.scale_up.bw"), short("deployment.ep")
    ('scale_up.link_bw', 'ep')
    """
    name = path.removeprefix("deployment.").removeprefix("system.")
    return re.sub(r"^(scale_up|scale_out)\.bw$", r"\1.link_bw", name)


def paths() -> dict[str, str]:
    """Return `{short name: full path}` of every leaf of a scenario."""
    return {short(path): path for path in leaf_units(_template())}


def resolve(name: str) -> str:
    """Return the full path of a short or full name; an unknown one raises `SpecError` with the nearest.

    >>> resolve("scale_up.link_bw"), resolve("gpu.mem_bw")
    ('deployment.system.scale_up.bw', 'deployment.system.gpu.mem_bw')
    """
    known = paths()
    if name in known:
        return known[name]
    if name in known.values():
        return name
    raise SpecError(f"no parameter is called {name!r}{did_you_mean(name, known)} All names: {', '.join(known)}")


def _template() -> Scenario:
    """Any scenario, for its leaves."""
    system = catalog.load("gb200-nvl72").spec
    shape = architecture.model("deepseek-v3").spec
    d = Deployment(system=system, ep=1.0, flops=1.0, attention_flops=1.0, weight_bytes=1.0, kv_bytes=1.0)
    return Scenario(model=shape, deployment=d, batch=1.0, isl=1.0, osl=1.0)


def check(s: Scenario) -> None:
    """Raise `InfeasibleError` or `SpecError` where the scenario cannot be, saying why and what is nearest."""
    context = mean_context(float(s.isl), float(s.osl))
    layouts.check(s.model, s.deployment, float(s.batch), context, spill="scale_out")
    for name in ("batch", "isl", "osl"):
        if not float(getattr(s, name)) > 0.0:
            raise SpecError(f"{name}={float(getattr(s, name)):g}; expected a positive number")
    if not 0.0 <= float(s.hit_rate) < 1.0:
        raise SpecError(f"hit_rate={float(s.hit_rate):g}; expected a share from 0 up to, not including, 1")


def evaluate(s: Scenario) -> Estimate:
    """Return the estimate of a scenario; NaN with `feasible` false where it cannot be."""
    return estimate(s.model, s.deployment, s.batch, s.isl, s.osl, s.hit_rate, pue=s.pue, usd_per_gpu_s=s.usd_per_gpu_s)


METRICS = {
    "tpot": ("s", "time per output token"),
    "ttft": ("s", "time to first token"),
    "throughput": ("tok/s", "output tokens per second and GPU, prefill counted"),
    "usd_per_token": ("USD/token", "cost per output token"),
}


def metric(s: Scenario, name: str) -> Float:
    """Return one number of `METRICS` without asking whether memory allows it, so that it has a value between two feasible scenarios."""
    step = total(decode_step(s.model, s.deployment, s.batch, mean_context(s.isl, s.osl)))
    tpot = step / s.deployment.step_tokens
    if name == "tpot":
        return tpot
    work = reading.one_after_another(s.model, s.deployment, s.isl, s.hit_rate)
    if name == "ttft":
        return reading.total(reading.pipelined(s.model, s.deployment, work, s.isl, s.hit_rate))
    rate = s.osl / (s.osl * tpot / s.batch + reading.busy_time(s.deployment, work))
    if name == "throughput":
        return rate
    if name == "usd_per_token":
        return s.usd_per_gpu_s / rate
    raise SpecError(f"no metric is called {name!r}{did_you_mean(name, METRICS)} There are: {', '.join(METRICS)}")


@partial(jax.jit, static_argnames="name", compiler_options=ONCE)
def _metric_and_slopes(s: Scenario, name: str) -> tuple[Float, Scenario]:
    return jax.value_and_grad(metric)(s, name)


@partial(jax.jit, compiler_options=ONCE)
def evaluate_once(s: Scenario) -> Estimate:
    """Return what `evaluate` does, sooner where it is asked for a single scenario and later for each of thousands."""
    return evaluate(s)


def metric_elasticities(s: Scenario, name: str) -> dict[str, float]:
    """Return the elasticities of one metric by short name, the strongest first, those below 1e-9 left out."""
    floats = jax.tree_util.tree_map(lambda leaf: jnp.asarray(leaf, dtype=jnp.float64), s)
    value, slopes = _metric_and_slopes(floats, name)
    point, slope = leaves(s), leaves(slopes)
    found = {short(p): float(slope[p]) * float(point[p]) / float(value) for p in point if point[p] == point[p]}
    idle = {"flop_unit", *(n for n in DEGREES if float(point[resolve(n)]) == 1.0)}  # a degree of 1 is a layout not used, not a lever
    found = {p: e for p, e in found.items() if e == e and abs(e) > 1e-9 and p not in idle}
    return dict(sorted(found.items(), key=lambda item: -round(abs(item[1]), 9)))  # ties keep their order, whatever the last bit


GROUPS = (
    ("number format", r"weight_bytes|kv_bytes|dispatch_bytes|combine_bytes|activation_bytes|format_speedup"),
    ("arithmetic", r"flops|attention_flops|gpu\.flops.*"),
    ("memory bandwidth", r"gpu\.mem_bw"),
    ("memory capacity", r"gpu\.mem_capacity|usable_memory"),
    ("scale-up domain and links", r"domain|scale_up\..*"),
    ("scale-out network", r"scale_out\..*"),
    ("layout", r"ep|tp|pp|cp|dp"),
    ("achieved shares", r".*_efficiency|imbalance"),
    ("time per layer", r"layer_time|prefill_launch"),
    ("speculation", r"query_tokens|step_tokens"),
    ("load and model", r"batch|isl|osl|hit_rate|model\..*"),
    ("price and power", r"usd_per_gpu_s|pue|gpu\.power|gpu\.dies"),
)
"""Factors of a comparison: the first pattern that fits a leaf's short name owns it."""


def changed_groups(a: Scenario, b: Scenario) -> dict[str, dict[str, float]]:
    """Return the leaves in which two scenarios differ, by factor, as `analysis.shapley` takes them; a comparison needs one model.

    Raises:
        SpecError: the two have different kinds of attention, so no path leads from one to the other.
    """
    if a.model.attention != b.model.attention:
        raise SpecError(
            f"{a.model.attention} and {b.model.attention} attention cannot be compared factor by factor; compare one model on two systems"
        )
    before, after = leaves(a), leaves(b)
    groups: dict[str, dict[str, float]] = {}
    for path, new in after.items():
        old = before[path]
        if old == new or old != old or new != new:
            continue
        name = next(group for group, pattern in GROUPS if re.fullmatch(pattern, short(path)))
        groups.setdefault(name, {})[path] = float(new)
    return groups


def _model(name: str) -> tuple[Architecture, str]:
    if name.endswith((".yml", ".yaml")):
        return read_model(Path(name)), Path(name).stem
    key = ALIASES.get(name, name).replace(".", "-")
    try:
        return architecture.model(key).spec, name
    except SpecError as error:
        raise SpecError(f"{error}; or give a YAML file, see: nvlinklab init model my-model.yml") from None


def _system(name: str) -> tuple[System, str, str, list[str]]:
    if name.endswith((".yml", ".yaml")):
        spec, base = read_system(Path(name))
        return spec, Path(name).stem, base, [f"system from {name}"]
    if name not in catalog.systems():
        known = catalog.systems()
        raise SpecError(
            f"no system is called {name!r}{did_you_mean(name, known)} There are: {', '.join(known)}; "
            "or give a YAML file, see: nvlinklab init system my-system.yml"
        )
    return catalog.load(name).spec, name, catalog.gpu_of(name), []


def _default_layout(a: Architecture, d: Deployment) -> dict[str, float]:
    domain = float(d.system.domain)
    if a.routed_experts:
        widths = [n for n in (64, 32, 16, 8, 4, 2, 1) if n <= max(domain, 16) and a.routed_experts % n == 0]
        choices = [{"ep": float(n)} for n in widths]
    else:
        choices = [{"tp": float(n)} for n in (1, 2, 4, 8, 16, 32) if n <= domain and a.heads % n == 0]
    reasons = []
    for degrees in choices:
        reason = layouts.why_not(a, layouts.with_degrees(d, degrees), spill="scale_out")
        if not reason:
            return degrees
        reasons.append(reason)
    raise InfeasibleError(f"no default layout holds the model: {reasons[-1]}; choose one with --tp, --ep, --pp")


__all__ = [
    "ALIASES", "BYTES", "DEGREES", "GROUPS", "METRICS", "Named", "Scenario", "build", "changed_groups", "check", "evaluate",
    "evaluate_once", "metric", "metric_elasticities", "override", "paths", "resolve", "short",
]  # fmt: skip
