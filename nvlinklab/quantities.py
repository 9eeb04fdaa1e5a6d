"""The registry of quantities: symbol, unit, long name, and whether lower is better. It labels every axis and table.

A quantity name is the last part of a dotted path (`gpu.mem_bw` -> `mem_bw`) and the `quantity` column of the data tables.
"""

from typing import Literal, NamedTuple

from nvlinklab.errors import SpecError, did_you_mean


class Quantity(NamedTuple):
    """One entry: `symbol` for formulas, SI `unit`, `long_name` for axes, `better` for colours and arrows."""

    symbol: str
    unit: str
    long_name: str
    better: Literal["lower", "higher", "neither"] = "neither"


QUANTITIES: dict[str, Quantity] = {
    # time
    "time": Quantity("t", "s", "Time", "lower"),
    "ttft": Quantity("TTFT", "s", "Time to first token", "lower"),
    "tpot": Quantity("TPOT", "s", "Time per output token", "lower"),
    "alpha": Quantity("α", "s", "Latency of one message", "lower"),
    "layer_time": Quantity("t_layer", "s", "Fixed time per layer", "lower"),
    # rates
    "bw": Quantity("B", "B/s", "Bandwidth, one direction", "higher"),
    "link_bw": Quantity("B_link", "B/s", "Link bandwidth per GPU, one direction", "higher"),
    "mem_bw": Quantity("B_mem", "B/s", "Memory bandwidth", "higher"),
    "throughput": Quantity("X", "tok/s", "Output tokens per second and GPU", "higher"),
    "interactivity": Quantity("1/TPOT", "tok/s", "Output tokens per second and user", "higher"),
    "flops_fp4": Quantity("F_FP4", "FLOP/s", "Peak FP4 rate, dense", "higher"),
    "flops_fp4_sparse": Quantity("F_FP4s", "FLOP/s", "Peak FP4 rate, 2:4 sparse", "higher"),
    "flops_fp4_headline": Quantity("F_FP4h", "FLOP/s", "FP4 inference headline rate", "higher"),
    "flops_fp8": Quantity("F_FP8", "FLOP/s", "Peak FP8 rate, dense", "higher"),
    "flops_bf16": Quantity("F_BF16", "FLOP/s", "Peak BF16 rate, dense", "higher"),
    "flops_fp16": Quantity("F_FP16", "FLOP/s", "Peak FP16 rate, dense", "higher"),
    "flops": Quantity("F", "FLOP/s", "Peak rate, dense", "higher"),
    "ridge": Quantity("I*", "FLOP/B", "Ridge point", "neither"),
    "intensity": Quantity("I", "FLOP/B", "Arithmetic intensity", "neither"),
    # sizes
    "mem_capacity": Quantity("C_mem", "B", "Memory capacity", "higher"),
    "l2_capacity": Quantity("C_L2", "B", "L2 cache capacity", "higher"),
    "kv_bytes_per_token": Quantity("b_KV", "B/token", "KV cache per token", "lower"),
    "bytes_per_param": Quantity("b_w", "B", "Bytes per parameter", "lower"),
    "expert_bytes": Quantity("b_e", "B", "Weights of one expert in one layer", "lower"),
    # counts
    "gpus": Quantity("n", "GPU", "GPUs (packages)", "neither"),
    "dies": Quantity("n_die", "die", "Compute dies per package", "neither"),
    "links": Quantity("n_link", "link", "Links per GPU", "neither"),
    "lanes": Quantity("n_lane", "lane", "Lanes per link and direction", "neither"),
    "domain": Quantity("n_d", "GPU", "GPUs in the scale-up domain", "neither"),
    "ep": Quantity("EP", "GPU", "Expert-parallel degree", "neither"),
    "batch": Quantity("b", "request", "Requests in flight per GPU", "neither"),
    "context": Quantity("L", "token", "Context length", "neither"),
    "isl": Quantity("ISL", "token", "Input sequence length", "neither"),
    "osl": Quantity("OSL", "token", "Output sequence length", "neither"),
    # power and money
    "power": Quantity("P", "W", "Power", "lower"),
    "usd_per_mtok": Quantity("c", "USD/token", "Cost per output token", "lower"),
    "ratio": Quantity("r", "x", "Ratio", "neither"),
}  # fmt: skip


def quantity(name: str) -> Quantity:
    """Return the registry entry for a quantity or for the last part of a dotted path.

    Raises:
        SpecError: a name that is not registered, with the nearest ones.

    >>> quantity("gpu.mem_bw").long_name
    'Memory bandwidth'
    """
    key = name.rsplit(".", 1)[-1]
    if key not in QUANTITIES:
        raise SpecError(f"quantity {key!r} is not registered{did_you_mean(key, QUANTITIES)}")
    return QUANTITIES[key]


def axis_title(name: str, unit: str | None = None) -> str:
    """Return an axis title such as `Time per output token (ms)`."""
    entry = quantity(name)
    shown = unit or entry.unit
    return entry.long_name if shown in ("1", "x") else f"{entry.long_name} ({shown})"
