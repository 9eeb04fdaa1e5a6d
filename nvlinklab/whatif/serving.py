"""What if the service were run another way: chapters 8, 10, 11, 12, 18, 19 and 20."""

from nvlinklab import scenario as sc
from nvlinklab._struct import leaves, replace_path
from nvlinklab.claims.ch11 import log_share
from nvlinklab.hardware.catalog import value
from nvlinklab.io.tables import value_row
from nvlinklab.live import Live, Slider, prepare
from nvlinklab.serving import disagg, presets
from nvlinklab.serving.decode import decode_step, total
from nvlinklab.whatif._registry import differing, of_claim, shown_in
from nvlinklab.workload import architecture
from nvlinklab.workload.traffic import mean_context

PARTS = {
    "attention": "Attention and cache",
    "experts": "Experts",
    "dispatch": "Dispatch",
    "combine": "Combine",
    "fixed": "Fixed time per layer",
}


def _quoted_context() -> float:
    """Return the tokens in the cache of a request half-way through its answer, in the comparison that is quoted most."""
    return mean_context(value("inferencex.isl_100x"), value("inferencex.osl_100x"))


@shown_in("08_token_journey")
def token_parts() -> Live:
    """A decode step by part against the batch."""
    shape = architecture.model(presets.MODEL).spec

    def parts(p):
        step = decode_step(shape, p["deployment"], p["batch"], p["context"])
        return {name: getattr(step, name) for name in PARTS}

    return prepare(
        parts,
        {"deployment": presets.deployment("gb300-fp4", ep=64.0), "batch": 16.0, "context": 32768.0},
        units={"batch": "request", "context": "token"},
        x=Slider("batch", 1.0, 256.0, "request", "Requests in flight per GPU", log=True, whole=True),
        sliders=[
            Slider("context", 1024.0, 131072.0, "token", "Context of a request", log=True, whole=True),
            Slider("deployment.ep", choices=(4.0, 8.0, 16.0, 32.0, 64.0), unit="GPU", label="Ranks that share the experts"),
            Slider("deployment.layer_time", 0.0, 150.0, "us", "Fixed time per layer"),
            Slider("deployment.system.gpu.mem_bw", 2.0, 32.0, "TB/s", "Memory bandwidth", log=True),
            Slider("deployment.system.scale_up.bw", 50.0, 3600.0, "GB/s", "NVLink of a GPU, one direction", log=True),
        ],
        outputs=PARTS,
        y_title="Time of a decode step",
        unit="ms",
        stacked=True,
        title="Where a token spends its time",
        subtitle="DeepSeek-R1 on GB300 NVL72 in FP4, uncalibrated model",
    )


@shown_in("10_benchmarks")
def user_and_gpu() -> Live:
    """Tokens per second of a user and of a GPU against the batch."""
    shape = architecture.model(presets.MODEL).spec
    systems = {
        "GB300 NVL72, FP4": "gb300-fp4",
        "GB200 NVL72, FP4": "gb200-fp4",
        "GB200 NVL72, FP8": "gb200-fp8",
        "8 B200, FP8": "b200-fp8",
        "8 H100, FP8": "h100-fp8",
    }
    deployed = {label: presets.deployment(name) for label, name in systems.items()}

    def rates(p):
        step = total(decode_step(shape, p["deployment"], p["batch"], p["context"]))
        user = p["deployment"].step_tokens / step
        return {"user": user, "gpu": p["batch"] * user}

    return prepare(
        rates,
        {"deployment": deployed["GB300 NVL72, FP4"], "batch": 32.0, "context": _quoted_context()},
        units={"batch": "request", "context": "token"},
        x=Slider("batch", 0.25, 512.0, "request", "Requests in flight per GPU", log=True),
        sliders=[
            Slider("context", 1024.0, 131072.0, "token", "Context of a request", log=True, whole=True),
            Slider("deployment.ep", choices=(8.0, 16.0, 32.0, 64.0), unit="GPU", label="Ranks that share the experts"),
        ],
        scenarios=differing(deployed, "deployment."),
        scenario_label="System",
        outputs={"gpu": "of a decoding GPU", "user": "of a user"},
        y_title="Output tokens per second",
        unit="tok/s",
        log_y=True,
        elasticity="gpu",
        title="What a user gets, and what a GPU delivers",
        subtitle="DeepSeek-R1, decode only, memory not asked; uncalibrated model",
    )


@shown_in("11_decomposing_the_gains")
def factor_shares() -> Live:
    """The shares of the stated factors in the logarithm of their product."""
    stated = of_claim("decomp-100x-factors").point
    labels = {"dynamo": "Dynamo", "fp4": "FP4", "nvlink": "NVLink domain", "hbm": "HBM"}

    def shares(p):
        product = p["fp4"] * p["nvlink"] * p["dynamo"] * p["hbm"]
        return {name: log_share(p[name], product) for name in labels}

    return prepare(
        shares,
        {name: stated[name] for name in labels},
        units=dict.fromkeys(labels, "x"),
        x=Slider("dynamo", 1.05, 30.0, "x", "Factor of Dynamo", log=True),
        sliders=[
            Slider(name, 1.05, 20.0, "x", f"Factor of {labels[name] if name != 'nvlink' else 'the NVLink domain'}", log=True)
            for name in ("fp4", "nvlink", "hbm")
        ],
        outputs=labels,
        y_title="Share of the logarithm of the product",
        unit="percent",
        stacked=True,
        title="Who has which share of a product of factors",
        subtitle=f"starts at the article's factors: {', '.join(f'{label} {stated[name]:g}x' for name, label in labels.items())}",
    )


@shown_in("11_decomposing_the_gains")
def gain_by_batch() -> Live:
    """The gain of one system over another at the same batch, with parts exchanged."""
    shape = architecture.model(presets.MODEL).spec
    old, new = presets.deployment("h100-fp8", ep=16.0), presets.deployment("gb300-fp4", ep=64.0)

    def gain(p):
        before, after = (total(decode_step(shape, d, p["batch"], p["context"])) for d in (old, p["new"]))
        return before / after

    system = "new.system"
    return prepare(
        gain,
        {"new": new, "batch": 16.0, "context": _quoted_context()},
        units={"batch": "request", "context": "token"},
        x=Slider("batch", 1.0, 256.0, "request", "Requests in flight per GPU, both systems", log=True, whole=True),
        sliders=[
            Slider(f"{system}.domain", 8.0, 576.0, "GPU", "GPUs in the NVLink domain", log=True, whole=True),
            Slider(f"{system}.gpu.mem_bw", 3.35, 22.0, "TB/s", "Memory bandwidth", log=True),
            Slider("new.weight_bytes", 0.5, 2.0, "B", "Bytes of a weight"),
            Slider("new.layer_time", 10.0, 150.0, "us", "Fixed time per layer"),
            Slider("new.ep", choices=(8.0, 16.0, 32.0, 64.0), unit="GPU", label="Ranks that share the experts"),
        ],
        outputs={"": "Gain"},
        y_title="Speed of a token, GB300 over H100",
        unit="x",
        elasticity=True,
        title="What the gain of GB300 over H100 hangs on, at the same batch",
        subtitle="time of a decode step, H100 FP8 with 16 ranks over GB300 as set; uncalibrated model",
    )


@shown_in("12_disaggregated_serving")
def pool_split() -> Live:
    """Throughput of two pools against the share of GPUs that read prompts."""

    def served(p):
        work = disagg.request_work(p["prefill_rate"], p["decode_rate"], p["isl"] * (1.0 - p["reused"]), p["osl"])
        pools = disagg.Pools(prefill=p["share"], decode=1.0 - p["share"])
        return {"pools": disagg.throughput_per_gpu(work, pools, p["osl"]), "best": disagg.best_throughput(work, p["osl"])}

    point = {
        "share": 0.3,
        "prefill_rate": value("sglang_gb200.prefill_rate_part2"),
        "decode_rate": value("sglang_gb200.decode_rate_part2"),
        "isl": 8192.0,
        "osl": 1024.0,
        "reused": 0.0,
    }
    return prepare(
        served,
        point,
        units={"share": "1", "prefill_rate": "tok/s", "decode_rate": "tok/s", "isl": "token", "osl": "token", "reused": "1"},
        x=Slider("share", 1.0, 99.0, "percent", "GPUs that read prompts"),
        sliders=[
            Slider("isl", 128.0, 131072.0, "token", "Prompt", log=True, whole=True),
            Slider("osl", 16.0, 16384.0, "token", "Answer", log=True, whole=True),
            Slider("reused", 0.0, 95.0, "percent", "Prompt found in a cache"),
            Slider("prefill_rate", 1000.0, 60000.0, "tok/s", "A GPU reads", log=True),
            Slider("decode_rate", 100.0, 20000.0, "tok/s", "A GPU writes", log=True),
        ],
        outputs={"best": "Best proportion", "pools": "These pools"},
        y_title="Output tokens per second and GPU",
        unit="tok/s",
        title="How many GPUs should read prompts",
        subtitle="starts at the rates measured on GB200; steady work, no queues; the slower pool sets the rate",
    )


@shown_in("18_root_causes")
def layers_counted() -> Live:
    """The share of attention in a decode step against the context: as a step happens, and with all but attention counted for one layer."""
    shape = architecture.model(presets.MODEL).spec

    def share(p):
        step = decode_step(shape, p["deployment"], p["batch"], p["context"])
        rest = total(step) - step.attention
        return {"all": step.attention / (step.attention + rest), "one": step.attention / (step.attention + rest / shape.layers)}

    return prepare(
        share,
        {"deployment": presets.deployment("gb300-fp4", ep=64.0), "batch": 8.0, "context": 131072.0},
        units={"batch": "request", "context": "token"},
        x=Slider("context", 1024.0, 1048576.0, "token", "Context of a request", log=True, whole=True),
        sliders=[
            Slider("batch", 1.0, 256.0, "request", "Requests in flight per GPU", log=True, whole=True),
            Slider("deployment.ep", choices=(8.0, 16.0, 32.0, 64.0), unit="GPU", label="Ranks that share the experts"),
            Slider("deployment.layer_time", 0.0, 150.0, "us", "Fixed time per layer"),
            Slider("deployment.system.gpu.mem_bw", 2.0, 32.0, "TB/s", "Memory bandwidth", log=True),
        ],
        outputs={"one": "the timeline's way: the rest for one layer", "all": "as a step happens: all layers"},
        y_title="Share of attention in a decode step",
        unit="percent",
        title="Whether attention is the bottleneck, by how layers are counted",
        subtitle="DeepSeek-R1 on GB300 NVL72 in FP4, uncalibrated model",
    )


@shown_in("19_next_nvlink")
def wider_links() -> Live:
    """What a user and a GPU get from wider links."""
    named = sc.build("deepseek-r1", "gb200-nvl72", 64.0, weights="nvfp4")
    base = replace_path(named.scenario, {path: 1.0 for path, number in leaves(named.scenario).items() if number != number})

    def rates(s):
        return {"user": 1.0 / sc.metric(s, "tpot"), "gpu": sc.metric(s, "throughput")}

    system = "deployment.system"
    return prepare(
        rates,
        base,
        x=Slider(f"{system}.scale_up.bw", 0.05, 10.0, "TB/s", "NVLink of a GPU, one direction", log=True),
        sliders=[
            Slider(f"{system}.scale_up.alpha", 1.0, 40.0, "us", "Floor of an exchange"),
            Slider(f"{system}.domain", 8.0, 576.0, "GPU", "GPUs in the NVLink domain", log=True, whole=True),
            Slider("deployment.ep", choices=(8.0, 16.0, 32.0, 64.0, 128.0, 256.0), unit="GPU", label="Ranks that share the experts"),
            Slider("batch", 1.0, 512.0, "request", "Requests in flight per GPU", log=True, whole=True),
        ],
        outputs={"gpu": "of a GPU, prefill counted", "user": "of a user"},
        y_title="Output tokens per second",
        unit="tok/s",
        log_y=True,
        elasticity="gpu",
        title="What wider links would buy",
        subtitle="DeepSeek-R1 on GB200 NVL72 in FP4, 8K in and 1K out, uncalibrated model",
    )


@shown_in("20_how_sure_are_we")
def achieved_shares() -> Live:
    """The time of a token with every achieved share movable over its range."""
    named = sc.build("deepseek-r1", "gb200-nvl72", 64.0)
    base = replace_path(named.scenario, {path: 1.0 for path, number in leaves(named.scenario).items() if number != number})
    shares = {
        "layer_time": ("us", "Fixed time per layer"),
        "mem_efficiency": ("percent", "Achieved share of memory bandwidth"),
        "flops_efficiency": ("percent", "Achieved share of arithmetic"),
        "attention_efficiency": ("percent", "Achieved share in attention"),
        "link_efficiency": ("percent", "Achieved share of NVLink"),
        "imbalance": ("percent", "Extra load of the busiest rank"),
    }
    factors = {"us": 1e-6, "percent": 0.01}
    sliders = []
    for share, (unit, label) in shares.items():
        row = value_row(f"serving-blackwell.{share}")
        sliders.append(Slider(f"deployment.{share}", row.low / factors[unit], row.high / factors[unit], unit, label))
    return prepare(
        lambda s: {"tpot": sc.metric(s, "tpot")},
        base,
        x=Slider("batch", 1.0, 256.0, "request", "Requests in flight per GPU", log=True, whole=True),
        sliders=sliders,
        outputs={"tpot": "Time per output token"},
        y_title="Time per output token",
        unit="ms",
        elasticity="tpot",
        title="What we do not know about the time of a token",
        subtitle="DeepSeek-R1 on GB200 NVL72 in FP8; each slider ends where the range of its assumption does",
    )
