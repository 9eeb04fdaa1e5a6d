"""What if links were faster, longer, fewer: chapters 1, 2, 4, 7, 9 and 17."""

from nvlinklab.hardware.catalog import value
from nvlinklab.live import Live, Slider, prepare
from nvlinklab.network import bandwidth as bw
from nvlinklab.network import topology
from nvlinklab.network.alphabeta import Link
from nvlinklab.serving import afd, alternatives, presets
from nvlinklab.serving.decode import decode_step, exchange_time, total
from nvlinklab.whatif._registry import differing, of_claim, shown_in
from nvlinklab.workload import architecture


@shown_in("01_nvlink_generations")
def across_racks() -> Live:
    """The rate of a GPU when a share of its bytes leaves the NVLink domain."""
    rack = value("vr-nvl72.gpus")
    return prepare(
        lambda p: {"rate": bw.split_rate(p["inside"], p["outside"], p["share"])},
        {"inside": value("nvlink6.gpu_bw"), "outside": value("connectx9.bw"), "share": topology.crossing_share(2.0 * rack, rack)},
        units={"inside": "B/s", "outside": "B/s", "share": "1"},
        x=Slider("share", 1.0, 60.0, "percent", "Share of the bytes that leaves the rack"),
        sliders=[
            Slider("inside", 300.0, 3600.0, "GB/s", "NVLink, one direction"),
            Slider("outside", 25.0, 800.0, "GB/s", "Network card, one direction"),
        ],
        outputs={"rate": "Rate of a GPU"},
        y_title="Rate of a GPU, one direction",
        unit="GB/s",
        elasticity="rate",
        title="How fast a GPU sends when part of its traffic leaves the rack",
        subtitle="starts at an even exchange over two racks of Vera Rubin; the path that finishes last sets the rate",
    )


@shown_in("02_fabric_and_cables")
def switches_out() -> Live:
    """What crosses the middle of a domain with some switch chips out."""

    def cut(p):
        domain = topology.SwitchedDomain(gpus=p["gpus"], switches=p["switches"], link_bw=p["link_bw"])
        left = topology.degraded(domain, p["failed"])
        return {"cut": topology.bisection_bandwidth(left), "sum": topology.bisection_bandwidth(domain)}

    point = {
        "gpus": value("gb200-nvl72.gpus"),
        "switches": value("gb200-nvl72.switch_chips"),
        "link_bw": value("nvlink5.link_bw"),
        "failed": 1.0,
    }
    return prepare(
        cut,
        point,
        units={"gpus": "GPU", "switches": "chip", "link_bw": "B/s", "failed": "chip"},
        x=Slider("failed", 0.0, 17.0, "chip", "Switch chips out", whole=True),
        sliders=[
            Slider("gpus", 8.0, 144.0, "GPU", "GPUs in the domain", whole=True),
            Slider("link_bw", 12.5, 100.0, "GB/s", "One link, one direction"),
            Slider("switches", choices=(18.0, 36.0, 72.0), unit="chip", label="Switch chips, one link of every GPU to each"),
        ],
        outputs={"sum": "All chips", "cut": "With some out"},
        y_title="Across the middle, one direction",
        unit="TB/s",
        title="What a domain keeps when switch chips fail",
        subtitle="every GPU has one link to every chip",
    )


@shown_in("04_copper_vs_backplane")
def copper_reach() -> Live:
    """The reach of a passive cable against the frequency of its signal."""
    model = of_claim("copper-224g-reach-1-2m")
    return prepare(
        model.fn,
        model.point,
        units=model.units,
        x=Slider("nyquist", 5.0, 60.0, "GHz", "Nyquist frequency of the lane"),
        sliders=[
            Slider("budget", 30.0, 60.0, "dB", "Loss the receiver repairs"),
            Slider("fixed", 0.0, 28.0, "dB", "Loss of packages, boards and plugs"),
            Slider("insulation", 0.0, 60.0, "percent", "Part of the cable's loss in its insulation"),
        ],
        outputs={"reach": "Reach of the cable"},
        y_title="Reach of the cable",
        unit="m",
        elasticity="reach",
        title="How far a signal goes in copper",
        subtitle="twinax with wires of 28 AWG; starts at the lane that is sold as 224G",
    )


@shown_in("07_moe_all_to_all_and_sharp")
def exchange() -> Live:
    """Dispatch and combine of one layer against the number of ranks, on a fabric of domains."""
    shape = architecture.model(presets.MODEL).spec

    def layer(p):
        d, tokens = p["deployment"], p["tokens"]
        return {
            "dispatch": exchange_time(d, tokens * shape.hidden * d.dispatch_bytes, shape.top_k),
            "combine": exchange_time(d, tokens * shape.hidden * d.combine_bytes, shape.top_k),
        }

    def both(p):
        parts = layer(p)
        return {"exchange": parts["dispatch"] + parts["combine"], **parts}

    system = "deployment.system"
    return prepare(
        both,
        {"deployment": presets.deployment("gb200-fp8", ep=32.0), "tokens": 64.0},
        units={"tokens": "token", f"{system}.domain": "GPU", f"{system}.scale_up.alpha": "s", f"{system}.scale_up.bw": "B/s"},
        x=Slider("deployment.ep", 2.0, 256.0, "GPU", "Ranks that share the experts", log=True, whole=True),
        sliders=[
            Slider("tokens", 1.0, 4096.0, "token", "Tokens of a rank", log=True, whole=True),
            Slider(f"{system}.domain", 8.0, 576.0, "GPU", "GPUs in the NVLink domain", log=True, whole=True),
            Slider(f"{system}.scale_up.alpha", 1.0, 40.0, "us", "Floor of an exchange inside"),
            Slider(f"{system}.scale_up.bw", 100.0, 3600.0, "GB/s", "NVLink of a GPU, one direction", log=True),
            Slider(f"{system}.scale_out.bw", 12.5, 400.0, "GB/s", "Network card of a GPU", log=True),
        ],
        outputs={"exchange": "Both", "dispatch": "Dispatch", "combine": "Combine"},
        y_title="Time of one layer",
        unit="us",
        log_y=True,
        elasticity="exchange",
        title="What the exchange of a layer costs as more ranks share the experts",
        subtitle="DeepSeek-V3, FP8 out and BF16 back, ranks beyond the domain over the network; measured floors and achieved shares",
    )


@shown_in("09_lpx_and_afd")
def crossings() -> Live:
    """The time of all crossings of a token between attention and experts, by what makes it."""
    shape = architecture.model(presets.MODEL).spec

    def parts(p):
        nbytes = afd.crossing_bytes(p["tokens"], p["hidden"], p["element"])
        whole = afd.crossing_total(p["layers"], Link(alpha=p["alpha"], bw=p["bw"]), nbytes)
        floor = afd.crossing_total(p["layers"], Link(alpha=p["alpha"], bw=p["bw"]), 0.0)
        return {"latency": floor, "bytes": whole - floor}

    point = {
        "alpha": value("indicative.roce_latency"),
        "bw": value("connectx9.bw"),
        "layers": float(architecture.moe_layers(shape)),
        "tokens": 16.0,
        "hidden": float(shape.hidden),
        "element": 2.0,
    }
    return prepare(
        parts,
        point,
        units={"alpha": "s", "bw": "B/s", "layers": "layer", "tokens": "token", "hidden": "1", "element": "B"},
        x=Slider("alpha", 0.1, 20.0, "us", "Latency of one crossing"),
        sliders=[
            Slider("layers", 1.0, 61.0, "layer", "Layers that are split", whole=True),
            Slider("tokens", 1.0, 512.0, "token", "Tokens that cross together", log=True, whole=True),
            Slider("bw", 12.5, 900.0, "GB/s", "Rate between the two, one direction", log=True),
            Slider("element", choices=(1.0, 2.0), unit="B", label="Bytes of an activation"),
        ],
        outputs={"latency": "Latency", "bytes": "Bytes"},
        y_title="All crossings of a token",
        unit="us",
        stacked=True,
        title="What it costs a token to cross between attention and experts",
        subtitle=f"two crossings a layer, {shape.hidden:,.0f} numbers each, nothing hidden behind other work",
    )


@shown_in("17_alternatives")
def other_fabrics() -> Live:
    """The time of a token with the same accelerators on another fabric."""
    shape = architecture.model(presets.MODEL).spec
    base = presets.deployment("gb200-fp4", ep=64.0)
    chosen = ("nvlink5-72", "nvlink6-72", "nvlink5-8", "helios-72", "tpu-ici-64", "pcie5-8", "cards-400")
    known = [name for name in chosen if name in alternatives.ALTERNATIVES]
    fabrics = {alternatives.alternative(name).label: alternatives.on(base, name) for name in known}

    def step(p):
        parts = decode_step(shape, p["deployment"], p["batch"], p["context"])
        return {"all": total(parts), "exchange": parts.dispatch + parts.combine}

    return prepare(
        step,
        {"deployment": base, "batch": 64.0, "context": 4096.0},
        units={"batch": "request", "context": "token"},
        x=Slider("batch", 1.0, 512.0, "request", "Requests in flight per GPU", log=True, whole=True),
        sliders=[
            Slider("deployment.ep", choices=(8.0, 16.0, 32.0, 64.0, 128.0, 256.0), unit="GPU", label="Ranks that share the experts"),
            Slider("context", 1024.0, 131072.0, "token", "Context of a request", log=True, whole=True),
        ],
        scenarios=differing(fabrics, "deployment."),
        scenario_label="Fabric",
        outputs={"all": "Whole step", "exchange": "Exchanges"},
        y_title="Time of a decode step",
        unit="ms",
        log_y=True,
        elasticity="all",
        title="The same GPUs on another fabric: the time of a decode step",
        subtitle="DeepSeek-V3 in FP4, uncalibrated model",
    )
