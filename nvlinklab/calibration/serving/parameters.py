"""The physical numbers of the serving model, with bounds, priors, and what decides each.

Efficiencies are shares of data-sheet peaks, in (0, 1]; times are positive. A prior's centre comes from operator measurements and a first
fit; its spread says how far another system of the kind may differ. Hopper has its own efficiencies as ratios to those of later GPUs, and
each engine its own software times as ratios to their common value, shrunk towards 1: an engine or a generation with few rows borrows from
the rest.
"""

from nvlinklab.calibration.fitting import Parameter
from nvlinklab.calibration.serving.deployments import ENGINES

INF = float("inf")


def _share(name: str, prior: float, spread: float, meaning: str, by: str) -> Parameter:
    """A share of a peak; `spread` is relative."""
    return Parameter(name, "1", 0.02, 1.0, prior, spread / (1.0 - prior), meaning, by)


def _positive(name: str, unit: str, prior: float, spread: float, meaning: str, by: str) -> Parameter:
    return Parameter(name, unit, 0.0, INF, prior, spread, meaning, by)


def _ratios(name: str, spread: float, meaning: str, by: str) -> list[Parameter]:
    return [_positive(f"{name}_{e}", "1", 1.0, spread, f"{meaning}: {e} over the common value", f"{by}, rows of {e}") for e in ENGINES]


def _hopper(name: str, meaning: str, by: str, prior: float = 1.0, spread: float = 0.15) -> Parameter:
    return _positive(f"{name}_hopper", "1", prior, spread, f"{meaning}: Hopper over later GPUs", f"{by}, rows of H100 and H200")


SMALL = "small batches, TP 1 and 2"
LARGE = "large batches, long contexts"
FIXED = "small batches on many GPUs"
PROMPTS = "TTFT at low concurrency, TPOT of long prompts"

# fmt: off
PARAMETERS: tuple[Parameter, ...] = (
    _share("mem_efficiency", 0.85, 0.08, "share of memory bandwidth while dense weights are read", SMALL),
    _hopper("mem_efficiency", "share of memory bandwidth", SMALL, spread=0.1),
    _share("expert_mem_efficiency", 0.88, 0.06, "share of memory bandwidth while expert weights are read", "expert models, middle batches"),
    _hopper("expert_mem_efficiency", "share of memory bandwidth, experts", "expert models", spread=0.1),
    _share("kv_efficiency", 0.65, 0.25, "share of memory bandwidth while the cache is read", LARGE),
    _hopper("kv_efficiency", "share of memory bandwidth, cache", LARGE),
    _share("flops_efficiency", 0.60, 0.15, "share of the GEMM peak", "large batches, prompts"),
    _hopper("flops_efficiency", "share of the GEMM peak", "large batches, prompts"),
    _share("attention_efficiency", 0.45, 0.25, "share of the BF16 peak in attention", "long prompts"),
    _share("all_reduce_efficiency", 0.70, 0.20, "share of NVLink in the all-reduce of a decode step", "TP 4 and 8, large batches"),
    _share("prompt_reduce_efficiency", 0.65, 0.20, "share of NVLink in the all-reduce of a prompt", "TTFT at TP 4 and 8"),
    _share("dense_fp4_efficiency", 0.65, 0.20, "share of bandwidth of four-bit dense weights over that of others", "Llama-3.1-70B fp4"),
    _share("expert_fp4_efficiency", 0.92, 0.06, "the same for four-bit experts", "R1, MiniMax, gpt-oss fp4"),
    _share("expert_fp4_efficiency_emulated", 0.75, 0.20, "the same on GPUs without FP4 arithmetic", "gpt-oss on Hopper"),
    _share("fp4_flops_efficiency", 0.65, 0.20, "share of the FP4 peak over that of FP8", "fp4 prompts and large batches"),
    _positive("reduce_latency", "s", 6e-6, 0.35, "latency of an all-reduce between two GPUs", FIXED),
    *_ratios("reduce_latency", 0.35, "latency of an all-reduce", FIXED),
    _hopper("reduce_latency", "latency of an all-reduce", FIXED, 0.85, 0.2),
    _positive("reduce_latency_growth", "1", 0.08, 0.4, "growth of that latency per further GPU", "TP 4 and 8"),
    _share("reduce_exponent", 0.65, 0.12, "p of latency and transfer in an all-reduce: (a^p + b^p)^(1/p)", "all-reduce tables; TP 8"),
    _positive("exchange_latency", "s", 12e-6, 0.3, "latency of one dispatch or combine", "wide EP, small batches"),
    _share("exchange_efficiency", 0.50, 0.30, "share of NVLink in dispatch and combine", "wide EP, large batches"),
    _positive("scale_out_latency", "s", 30e-6, 0.3, "latency added beyond the NVLink domain", "R1 over two H100 nodes"),
    _share("scale_out_efficiency", 0.70, 0.20, "share of the network beyond the NVLink domain", "R1 over two H100 nodes"),
    _positive("imbalance", "1", 0.4, 0.5, "extra load of the busiest expert rank at many ranks", "wide EP"),
    _positive("kernel_time", "s", 2.8e-6, 0.4, "time of one kernel launch in a captured decode step", FIXED),
    *_ratios("kernel_time", 0.25, "time of one kernel", FIXED),
    _hopper("kernel_time", "time of one kernel", FIXED, 1.3, 0.2),
    *_ratios("kernel_time_fp4", 0.2, "time of one kernel of a four-bit model over that of others", "fp4 rows"),
    _positive("kernel_time_disaggregated", "1", 0.88, 0.15, "time of a kernel in a decode pool over a shared one", "disaggregated rows"),
    _positive("kernel_time_dp_attention", "1", 1.1, 0.25, "the same with data-parallel attention", "rows with data-parallel attention"),
    _positive("dense_kernels", "1", 0.85, 0.4, "time of a dense block's kernels over GQA attention's", "dense against expert models"),
    _positive("expert_kernels", "1", 1.3, 0.4, "time of an expert layer's kernels over those of GQA attention", "expert models"),
    _positive("mla_kernels", "1", 1.4, 0.4, "time of MLA's kernels over those of GQA attention", "R1, GLM-5"),
    _positive("index_kernels", "1", 1.1, 0.3, "time of an indexer's kernels over those of GQA attention", "GLM-5"),
    _positive("linear_kernels", "1", 1.0, 0.3, "time of linear attention's kernels over those of GQA attention", "Qwen3.5"),
    _positive("step_time", "s", 0.22e-3, 0.5, "time of a step that does not depend on the model", "Llama-3.1-8B"),
    _positive("sequence_time", "s", 6e-6, 0.7, "host time per sequence and step on one rank", "large batches"),
    *_ratios("sequence_time", 0.4, "host time per sequence", "large batches"),
    _positive("prefill_launch", "1", 2.5, 0.6, "fixed time of a prefill pass over the kernels of one decode step", PROMPTS),
    *_ratios("prefill_launch", 0.4, "fixed time of a prefill pass", PROMPTS),
    *[_positive(f"prefill_speed_{e}", "1", 0.95, 0.25, f"prefill over the GEMM efficiency: {e}", f"{PROMPTS}, {e}") for e in ENGINES],
    *[_positive(f"request_time_{e}", "s", t, 0.8, f"time of a request outside the model: {e}", f"TTFT of short prompts, rows of {e}")
      for e, t in zip(ENGINES, (0.12, 0.05, 0.03), strict=True)],
    *[_positive(f"handover_time_{e}", "s", 0.15, 1.0, f"time from prefill to decode: {e}", f"disaggregated TTFT, {e}") for e in ENGINES],
    *[_positive(f"pool_time_{e}", "1", 0.9, 0.3, f"pass of a prefill pool over a shared GPU: {e}", f"disaggregated, {e}") for e in ENGINES],
    _positive("burst", "1", 0.10, 0.6, "share of a whole wave of prompts that a request waits for", "TTFT at high concurrency"),
    _positive("chunk", "token", 8192.0, 0.3, "tokens of a prefill pass beside decode", "TTFT of 8k prompts"),
    _share("rank_stall", 0.30, 0.5, "share of a prompt's time that data-parallel ranks wait", "data-parallel attention, aggregated"),
    _share("usable_memory", 0.90, 0.03, "share of memory that weights and cache fill", "rows at the capacity cliff"),
)  # fmt: skip
