"""Named deployments of DeepSeek-R1, and the published points to lay beside them.

A deployment joins a system of the catalog with the achieved shares of its generation (`serving-hopper.*`, `serving-blackwell.*` in
`data/`). These shares come from a first fit to public serving rows, rounded; the package has not calibrated them. They have ranges,
and a result that hangs on one of them says so.
"""

from typing import TYPE_CHECKING, NamedTuple

from nvlinklab._struct import leaves, replace_path
from nvlinklab.errors import SpecError, did_you_mean
from nvlinklab.hardware.catalog import load, value
from nvlinklab.io.tables import all_rows, value_row
from nvlinklab.serving.decode import Deployment, throughput_at
from nvlinklab.serving.request import best_throughput, request_throughput
from nvlinklab.workload.architecture import model
from nvlinklab.workload.precision import bytes_per_element

if TYPE_CHECKING:
    import pandas as pd

MODEL = "deepseek-v3"
"""DeepSeek-R1 has the shape of DeepSeek-V3."""

SHARES = (
    "mem_efficiency", "flops_efficiency", "attention_efficiency", "link_efficiency", "scale_out_efficiency", "imbalance", "layer_time",
    "usable_memory", "prefill_efficiency",
)  # fmt: skip


class Preset(NamedTuple):
    """What a name stands for: system, generation of the achieved shares, number format of the experts."""

    system: str
    generation: str
    weights: str


PRESETS = {
    "h100-fp8": Preset("dgx-h100", "serving-hopper", "fp8"),
    "h200-fp8": Preset("dgx-h200", "serving-hopper", "fp8"),
    "b200-fp8": Preset("hgx-b200", "serving-blackwell", "fp8"),
    "b200-fp4": Preset("hgx-b200", "serving-blackwell", "nvfp4"),
    "gb200-fp8": Preset("gb200-nvl72", "serving-blackwell", "fp8"),
    "gb200-fp4": Preset("gb200-nvl72", "serving-blackwell", "nvfp4"),
    "gb300-fp8": Preset("gb300-nvl72", "serving-blackwell", "fp8"),
    "gb300-fp4": Preset("gb300-nvl72", "serving-blackwell", "nvfp4"),
}


def deployment(name: str, ep: float = 64.0, drafts: float = 0.0) -> Deployment:
    """Return a named deployment.

    Args:
        name: one of `PRESETS`
        ep: ranks that share the routed experts
        drafts: tokens proposed ahead in each step; with 1 (multi-token prediction) a step yields `serving-mtp.step_tokens`

    Raises:
        SpecError: no such deployment, with the nearest names.

    >>> deployment("gb300-fp4").weight_bytes
    0.5625
    """
    if name not in PRESETS:
        raise SpecError(f"no deployment is called {name!r}{did_you_mean(name, PRESETS)} There are: {', '.join(PRESETS)}")
    if drafts not in (0.0, 1.0):
        raise SpecError(f"drafts={drafts:g}; expected 0 or 1, the yield of more drafts is not in the data")
    preset = PRESETS[name]
    system = load(preset.system).spec
    speedup = 1.0
    if preset.weights == "nvfp4":
        speedup = system.gpu.flops_fp4 / system.gpu.flops_fp8 * value(f"{preset.generation}.fp4_efficiency")
    shares = {share: value(f"{preset.generation}.{share}") for share in SHARES}
    return Deployment(
        system=system, ep=ep, flops=system.gpu.flops_fp8, format_speedup=speedup, attention_flops=system.gpu.flops_fp8,
        weight_bytes=bytes_per_element(preset.weights), kv_bytes=bytes_per_element("fp8"), query_tokens=1.0 + drafts,
        step_tokens=value("serving-mtp.step_tokens") if drafts else 1.0, **shares,
    )  # fmt: skip


def assumptions() -> "pd.DataFrame":
    """Return the achieved shares and their ranges, one row per generation and share."""
    import pandas as pd

    from nvlinklab import units

    rows = []
    for generation in ("serving-hopper", "serving-blackwell", "serving-mtp"):
        for path in (p for p in all_rows() if p.startswith(f"{generation}.")):
            row = value_row(path)
            shown = [units.with_unit(v / units.factor(row.unit), row.unit) for v in (row.value, row.low, row.high)]
            rows.append((path, *shown, row.note.split(";")[0]))
    return pd.DataFrame(rows, columns=["assumption", "value", "low", "high", "meaning"]).set_index("assumption")


NEUTRAL = ("flop_unit", "format_speedup", "tp", "pp", "cp", "dp", "prefill_launch")
"""Leaves that say how a deployment is written down or cut, and not how good its parts are: left out of charts of what matters."""

TOGGLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "FP4 weights": ("number format", ("weight_bytes", "format_speedup")),
    "NVLink domain and links": (
        "hardware", ("system.domain", "system.scale_up.alpha", "system.scale_up.bw", "system.scale_out.alpha", "system.scale_out.bw")
    ),
    "HBM bandwidth": ("hardware", ("system.gpu.mem_bw",)),
    "HBM capacity": ("hardware", ("system.gpu.mem_capacity",)),
    "Compute (FP8 rate)": ("hardware", ("flops", "attention_flops")),
    "Wide expert parallelism": ("software", ("ep",)),
    "Multi-token prediction": ("software", ("query_tokens", "step_tokens")),
    "Time per layer": ("software", ("layer_time",)),
    "Achieved shares": ("software", ("mem_efficiency", "flops_efficiency", "attention_efficiency")),
}  # fmt: skip
"""What changes between two deployments, sorted by who gets the credit: `{toggle: (class, leaves it sets)}`."""


def toggles(base: Deployment, new: Deployment) -> dict[str, dict[str, float]]:
    """Return the settings that turn `base` into `new`, as `analysis.shapley` takes them; a toggle that changes nothing is left out.

    Raises:
        SpecError: the two differ in a leaf that no toggle owns, so the parts would not add up to the whole.
    """
    before, after = leaves(base), leaves(new)
    # NaN is a number nobody publishes; the rates the model uses are `flops` and `attention_flops`, so the accelerator's own do not count
    differ = {p for p in before if before[p] != after[p] and not p.startswith(("system.gpu.flops", "system.gpu.power", "system.gpu.dies"))}
    owned = {path for _, paths in TOGGLES.values() for path in paths}
    if differ - owned:
        raise SpecError(f"{', '.join(sorted(differ - owned))} differ between the two deployments, but no toggle sets them")
    found = {name: {p: float(after[p]) for p in paths if p in differ} for name, (_, paths) in TOGGLES.items()}
    return {name: changes for name, changes in found.items() if changes}


def without(base: Deployment, new: Deployment, *names: str) -> Deployment:
    """Return `new` with some toggles still as in `base`."""
    before = leaves(base)
    return replace_path(new, {path: before[path] for name in names for path in TOGGLES[name][1]})


class Point(NamedTuple):
    """A published throughput with what it takes to compare it.

    Attributes:
        name: short label
        preset: the deployment nearest to it
        ep: expert-parallel ranks of the run
        isl, osl: workload; decode-only results count no prefill GPUs and have `isl` as cached context
        interactivity: output tokens per second and user
        throughput: output tokens per second and GPU
        counts: `decode GPUs` or `all GPUs`
    """

    name: str
    preset: str
    ep: float
    isl: float
    osl: float
    interactivity: float
    throughput: float
    counts: str


def published_points() -> list[Point]:
    """Return the published DeepSeek-R1 points without multi-token prediction that state, or imply, an interactivity."""
    workload = value("inferencex.isl_100x"), value("inferencex.osl_100x")
    node = value("dgx-h100.gpus")
    points = []
    for chip, weights, letters in (("h100", "fp8", "abcd"), ("gb200", "fp8", "abcdefg"), ("gb200", "fp4", "abcdef")):
        for row in (f"ix-{chip}-{weights}-{letter}" for letter in letters):
            rates = value(f"{row}.interactivity"), value(f"{row}.throughput")
            points.append(Point(f"InferenceX {chip.upper()}", f"{chip}-{weights}", 0.0, *workload, *rates, "all GPUs"))
    for name, preset, ep, context, batch, rate in (
        ("SGLang H100", "h100-fp8", 72.0, 2048.0, 256.0, value("sglang_h100_96.decode_rate") / node),
        ("DeepSeek profile (H800)", "h100-fp8", 128.0, 4096.0, 128.0, value("deepseek_online.profile_decode_rate") / node),
        ("SGLang GB200", "gb200-fp4", 48.0, 2048.0, 1408.0, value("sglang_gb200.decode_rate_part2")),
    ):
        points.append(Point(name, preset, ep, context, 0.0, rate / batch, rate, "decode GPUs"))
    online = value("deepseek_online.kv_length"), 0.0, value("deepseek_online.interactivity"), value("deepseek_online.decode_rate") / node
    long = value("sglang_gb300_long.gb300_interactivity"), value("sglang_gb300_long.gb300_rate")
    mlperf = value("mlperf_r1.isl"), value("mlperf_r1.osl"), 1.0 / value("mlperf_r1.tpot_limit"), value("mlperf_r1.server_v60")
    return [
        *points,
        Point("DeepSeek online (H800)", "h100-fp8", 144.0, *online, "decode GPUs"),
        Point("SGLang GB300, 128K", "gb300-fp4", 16.0, 131072.0, 8192.0, *long, "all GPUs"),
        Point("MLPerf v6.0 GB300", "gb300-fp4", 0.0, *mlperf, "all GPUs"),
    ]


def predicted(point: Point) -> float:
    """Return the model's output tokens per second and GPU at a published point; the best layout where the run does not say."""
    shape = model(MODEL).spec
    deployed = deployment(point.preset, ep=point.ep or 64.0)
    tpot = 1.0 / point.interactivity
    if point.counts == "decode GPUs":
        return float(throughput_at(shape, deployed, tpot, point.isl))
    if point.ep:
        return float(request_throughput(shape, deployed, tpot, point.isl, point.osl))
    return float(best_throughput(shape, deployed, tpot, point.isl, point.osl))
