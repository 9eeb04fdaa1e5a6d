"""How a person writes ranges, axes, targets and layouts, and the numbers of a scenario that the analyses look at."""

import re
from collections.abc import Sequence
from typing import Any

from nvlinklab.errors import SpecError, did_you_mean

OUTPUTS = {
    "tpot": ("s", "Time per output token"),
    "ttft": ("s", "Time to first token"),
    "interactivity": ("tok/s", "Output tokens per second and user"),
    "throughput": ("tok/s", "Output tokens per second and GPU, prefill counted"),
    "usd_per_token": ("USD/token", "Cost per output token"),
    "memory_share": ("1", "Memory that weights and cache fill, over what they may"),
}
"""Numbers every analysis knows: `{name: (SI unit, meaning)}`."""


def outputs(s: Any) -> dict[str, Any]:
    """Return the numbers of `OUTPUTS` without asking whether memory allows them; `memory_share` says so (1 is full)."""
    from nvlinklab import scenario as sc
    from nvlinklab.serving.decode import kv_bytes_per_token, weight_bytes_per_gpu
    from nvlinklab.workload.traffic import mean_context

    d, tpot = s.deployment, sc.metric(s, "tpot")
    throughput = sc.metric(s, "throughput")
    filled = weight_bytes_per_gpu(s.model, d) + s.batch * mean_context(s.isl, s.osl) * kv_bytes_per_token(s.model, d)
    return {
        "tpot": tpot, "ttft": sc.metric(s, "ttft"), "interactivity": 1.0 / tpot, "throughput": throughput,
        "usd_per_token": s.usd_per_gpu_s / throughput, "memory_share": filled / (d.system.gpu.mem_capacity * d.usable_memory),
    }  # fmt: skip


def feasible_outputs(s: Any) -> dict[str, Any]:
    """Return the same numbers, NaN where the deployment cannot be: for sweeps."""
    import jax.numpy as jnp

    from nvlinklab import scenario as sc

    exists = sc.evaluate(s).feasible
    return {name: jnp.where(exists, value, jnp.nan) for name, value in outputs(s).items()}


def known(name: str) -> str:
    """Return the name of an output, or raise `SpecError` with the nearest."""
    if name not in OUTPUTS:
        raise SpecError(f"no metric is called {name!r}{did_you_mean(name, OUTPUTS)} There are: {', '.join(OUTPUTS)}")
    return name


def shown(name: str, value: float) -> str:
    """Write an output, or a parameter by short name, with its readable unit."""
    from nvlinklab import units

    if value != value:
        return "n/a"
    if name == "usd_per_token":
        return units.with_unit(value / units.factor("USD/Mtok"), "USD/Mtok")
    unit = OUTPUTS[name][0] if name in OUTPUTS else unit_of(name)
    return units.pretty(value, unit) if unit in ("s", "B", "B/s", "FLOP/s", "W") else units.with_unit(value, unit)


def unit_of(name: str) -> str:
    """Return the SI unit of an output or parameter."""
    from nvlinklab import scenario as sc
    from nvlinklab._struct import leaf_units

    if name in OUTPUTS:
        return OUTPUTS[name][0]
    return leaf_units(sc.Scenario)[sc.resolve(name)]


def split(text: str, example: str) -> tuple[str, str]:
    """Return the two sides of `NAME=TEXT`."""
    name, sign, rest = text.partition("=")
    if not sign or not rest.strip():
        raise SpecError(f"{text!r} is not NAME=..., write for example {example}")
    return name.strip(), rest.strip().strip("'\"")


def interval(text: str) -> tuple[str, float, float]:
    """Read `PATH=LOW..HIGH`, a unit after the second number counting for both; return full path and ends [SI]."""
    from nvlinklab import scenario as sc

    example = "scale_up.link_bw='0.1..10 TB/s'"
    name, rest = split(text, example)
    low, dots, high = rest.partition("..")
    if not dots:
        raise SpecError(f"{text!r} has no range; write LOW..HIGH, for example {example}")
    return sc.resolve(name), *_ends(low, high, unit_of(name))


def axis(text: str) -> tuple[str, list[float]]:
    """Read `PATH=LOW..HIGH:COUNT` (evenly spaced in the logarithm, from zero on evenly) or `PATH=A,B,C`; return path and values [SI]."""
    import numpy as np

    from nvlinklab import scenario as sc
    from nvlinklab import units

    example = "scale_up.link_bw='0.1..10 TB/s:25' or batch=1,8,64"
    name, rest = split(text, example)
    path, unit = sc.resolve(name), unit_of(name)
    if ".." not in rest:
        *first, last = (part.strip() for part in rest.split(","))
        given = re.sub(r"^[-+0-9.eE_]+", "", last).strip()
        return path, [units.parse(f"{part} {given}".strip() if _bare(part) else part, unit) for part in (*first, last)]
    span, colon, count = rest.rpartition(":")
    if not colon or not count.strip().isdigit() or int(count) < 2:
        raise SpecError(f"{text!r} does not say how many points; write for example {example}")
    low, high = _ends(*span.split("..", 1), unit)
    return path, (np.geomspace(low, high, int(count)) if low > 0.0 else np.linspace(low, high, int(count))).tolist()


def _bare(text: str) -> bool:
    return re.fullmatch(r"[-+0-9.eE_]+", text) is not None


def _ends(low: str, high: str, unit: str) -> tuple[float, float]:
    from nvlinklab import units

    low, high = low.strip(), high.strip()
    given = re.sub(r"^[-+0-9.eE_]+", "", high).strip()
    ends = units.parse(f"{low} {given}".strip() if _bare(low) else low, unit), units.parse(high, unit)
    if not ends[0] < ends[1]:
        raise SpecError(f"the range {low}..{high} is upside down; write the lower end first")
    return ends


def target(text: str) -> tuple[str, float]:
    """Read `NAME=VALUE` with a unit; return the output, or a parameter's full path, and the value [SI]."""
    from nvlinklab import scenario as sc
    from nvlinklab import units

    name, rest = split(text, "interactivity=50 or ttft='2 s'")
    if name in sc.paths() or name in sc.paths().values():
        return sc.resolve(name), units.parse(rest, unit_of(name))
    return known(name), units.parse(rest, unit_of(name))


def layout_axis(named: Any, texts: Sequence[str]) -> dict[str, dict[str, float]]:
    """Read layouts such as `ep=64` or `tp=8,ep=8` and return them as choices of a discrete axis; degrees not named are 1.

    Raises:
        SpecError, InfeasibleError: a degree that is none, or a cut that the model does not allow, and why.
    """
    from nvlinklab import scenario as sc
    from nvlinklab._struct import get_path
    from nvlinklab.serving import layouts

    choices = {}
    for text in texts:
        degrees = {}
        for part in text.split(","):
            name, value = split(part, "--layout tp=8,ep=8")
            if name not in sc.DEGREES:
                raise SpecError(
                    f"--layout {text}: {name!r} is no degree{did_you_mean(name, sc.DEGREES)} There are: {', '.join(sc.DEGREES)}"
                )
            degrees[name] = target(f"{name}={value}")[1]
        cut = layouts.with_degrees(named.scenario.deployment, degrees)
        layouts.check(named.scenario.model, cut, spill="scale_out")
        choices[text.replace(",", " ")] = {f"deployment.{d}": float(get_path(cut, d)) for d in sc.DEGREES}
    return choices


def short_label(label: str) -> str:
    """Return a constraint such as `deployment.system.scale_up.bw <= 1e13` with the name a person uses and a readable number."""
    from nvlinklab import scenario as sc

    name, sign, number = label.split(" ")
    value = float(number.replace(",", ""))
    human = sc.short(name) if name not in OUTPUTS else name
    return f"{human} {sign} {shown(human, value)}"
