"""What if a chip were different: chapters 3, 5, 6 and 16."""

from nvlinklab.hardware.catalog import value
from nvlinklab.hardware.pod import Pod, pod_total
from nvlinklab.kernel.roofline import attainable_rate
from nvlinklab.live import Live, Slider, prepare
from nvlinklab.serving import memory, presets
from nvlinklab.serving.decode import kv_bytes_per_token, weight_bytes_per_gpu
from nvlinklab.whatif._registry import of_claim, shown_in
from nvlinklab.workload import architecture


@shown_in("03_dies_packages_racks")
def growth_per_die() -> Live:
    """The growth of a die's rate against how the dies of the new rack are counted."""
    model = of_claim("gen-per-die-growth-2p6x")
    return prepare(
        model.fn,
        model.point,
        units=model.units,
        x=Slider("last_dies", 72.0, 1152.0, "die", "Dies of the new rack", log=True, whole=True),
        sliders=[
            Slider("last_fp4", 1.0, 30.0, "EFLOP/s", "FP4 of the new rack"),
            Slider("first_fp4", 0.3, 3.0, "EFLOP/s", "FP4 of the GB200 rack"),
            Slider("first_dies", choices=(72.0, 144.0), unit="die", label="Dies of the GB200 rack"),
        ],
        outputs={"growth": "Growth of a die"},
        y_title="FP4 of a die, new over old",
        unit="x",
        log_y=True,
        title="The growth of a die, by how dies are counted",
        subtitle="rate of the rack over its number of dies, against GB200 NVL72",
    )


@shown_in("05_ridge_points_and_hbm")
def roofline() -> Live:
    """The roofline with movable roofs."""
    return prepare(
        lambda p: {"rate": attainable_rate(p["intensity"], p["flops"], p["bw"]), "peak": p["flops"]},
        {"intensity": 200.0, "flops": value("gb300.flops_fp8"), "bw": value("gb300.mem_bw")},
        units={"intensity": "FLOP/B", "flops": "FLOP/s", "bw": "B/s"},
        x=Slider("intensity", 1.0, 1e4, "FLOP/B", "Arithmetic intensity", log=True),
        sliders=[
            Slider("flops", 0.5, 40.0, "PFLOP/s", "Peak rate, dense", log=True),
            Slider("bw", 1.0, 32.0, "TB/s", "Memory bandwidth", log=True),
        ],
        outputs={"peak": "Peak", "rate": "Attainable"},
        y_title="Rate",
        unit="PFLOP/s",
        log_y=True,
        elasticity="rate",
        title="Where more bandwidth helps, and where more arithmetic does",
        subtitle="starts at GB300 in FP8; the elasticities change hands at the ridge",
    )


@shown_in("06_kv_cache_and_cpu")
def requests_that_fit() -> Live:
    """How many requests a GPU holds against their context."""
    shape, d = architecture.model(presets.MODEL).spec, presets.deployment("gb300-fp4", ep=64.0)

    def fit(p):
        return {"fit": memory.requests_that_fit(p["capacity"] * p["usable"], p["held"], p["context"], p["token"])}

    point = {
        "capacity": float(d.system.gpu.mem_capacity),
        "usable": float(d.usable_memory),
        "held": float(weight_bytes_per_gpu(shape, d)),
        "context": 131072.0,
        "token": float(kv_bytes_per_token(shape, d)),
    }
    return prepare(
        fit,
        point,
        units={"capacity": "B", "usable": "1", "held": "B", "context": "token", "token": "B/token"},
        x=Slider("context", 1024.0, 1048576.0, "token", "Context of a request", log=True, whole=True),
        sliders=[
            Slider("capacity", 80.0, 1152.0, "GB", "Memory of a GPU", log=True),
            Slider("held", 1.0, 75.0, "GB", "Weights on a GPU"),
            Slider("token", 10.0, 2000.0, "kB/token", "Cache of a token", log=True),
            Slider("usable", 50.0, 100.0, "percent", "Memory for weights and cache"),
        ],
        outputs={"fit": "Requests that fit"},
        y_title="Requests that fit on a GPU",
        unit="request",
        log_y=True,
        title="How many requests fit beside the weights",
        subtitle="starts at DeepSeek-R1 on GB300, FP4 weights over 64 GPUs, its latent cached in FP8",
    )


@shown_in("16_roadmap_pod_market")
def pod_sum() -> Live:
    """What a POD adds up to against the number of its LPU racks."""
    gpu, lpu = "vr-nvl72.flops_fp4_headline", "groq3-lpx.flops_fp8"

    def total(p):
        pod = Pod(gpu_racks=p["gpu_racks"], lpu_racks=p["lpu_racks"])
        return {"gpus": pod_total(pod, per_gpu_rack=p["gpu"]), "lpus": pod_total(pod, per_lpu_rack=p["lpu"])}

    return prepare(
        total,
        {"gpu_racks": value("vr-pod.gpus") / value("vr-nvl72.gpus"), "lpu_racks": 10.0, "gpu": value(gpu), "lpu": value(lpu)},
        units={"gpu_racks": "rack", "lpu_racks": "rack", "gpu": "FLOP/s", "lpu": "FLOP/s"},
        x=Slider("lpu_racks", 0.0, 40.0, "rack", "Racks of LPUs", whole=True),
        sliders=[
            Slider("gpu_racks", 1.0, 40.0, "rack", "Racks of GPUs", whole=True),
            Slider("gpu", 0.5, 15.0, "EFLOP/s", "One rack of GPUs"),
            Slider("lpu", 0.05, 2.0, "EFLOP/s", "One rack of LPUs"),
        ],
        outputs={"gpus": "GPU racks", "lpus": "LPU racks"},
        y_title="Arithmetic of the POD",
        unit="EFLOP/s",
        stacked=True,
        title="What the racks of a POD add up to",
        subtitle="FP4 inference headline of the GPUs, FP8 of the LPUs: a sum of what was bought, in two number formats",
    )
