"""Chapter 12 against numbers worked out here from literals: a constant that is off by 1 % fails."""

import pytest

from nvlinklab.claims.evaluate import computed, evaluate

COUNTED = 671026419200


def prompt_flop(tokens):
    """Reading a prompt with DeepSeek-V3: active weights from the config, and causal attention over half of the prompt."""
    attention = 7168 * 1536 + 1536 * 128 * 192 + 7168 * 576 + 512 * 128 * 256 + 128 * 128 * 7168
    active = 61 * attention + 3 * 3 * 7168 * 18432 + 58 * 9 * 3 * 7168 * 2048
    return 2 * active * tokens + 61 * 2 * 128 * (192 + 128) * tokens * tokens / 2


def prefill(tokens):
    return prompt_flop(tokens) / (5e15 * 0.28)


DECODE = 499 / 226.2
SHORT = 499 / 13386
BREAK_EVEN = (1 / 0.9 - 1) * 0.7 / 0.3
LICENCE = 4500 / 8766

EXPECTED = {
    ("sw-gb200-era-no-disaggregation", "dynamo_launched"): 2025.2132,
    ("sw-gb200-era-no-disaggregation", "distserve_published"): 2024.04,
    ("sw-era-years-row", "h100"): 2023.8,
    ("sw-era-years-row", "gb200"): 2024.2132,
    ("sw-era-years-row", "gb300"): 2025.5055,
    ("sw-era-years-row", "vera_rubin"): 2026.79,
    ("sw-dynamo-1p0-has-afd", "afd"): 2027.75,
    ("sw-parallelism-tp8-vs-tp16", "tp_table"): 8,
    ("sw-parallelism-tp8-vs-tp16", "tp_bench"): 16,
    ("sw-parallelism-tp8-vs-tp16", "nodes_filled"): COUNTED / 640e9,
    ("sw-h100-precision-fp16-vs-fp8", "rate"): 1978 / 989,
    ("sw-triton-2018", "year"): 2018.7,
    ("sw-671b-over-72-gpus", "params"): COUNTED,
    ("sw-671b-over-72-gpus", "gpus"): 72,
    ("sw-671b-over-72-gpus", "fp8_per_gpu"): COUNTED / 72,
    ("sw-671b-over-72-gpus", "nvfp4_per_gpu"): COUNTED * 9 / 16 / 72,
    ("sw-671b-over-72-gpus", "nvfp4_share"): COUNTED * 9 / 16 / 72 / 288e9,
    ("sw-planner-50-50-split", "decode_load"): DECODE / prefill(128000),
    ("sw-planner-50-50-split", "prefill_work"): prefill(128000),
    ("sw-planner-50-50-split", "decode_work"): DECODE,
    ("sw-planner-50-50-split", "best_prefill_share"): prefill(128000) / (prefill(128000) + DECODE),
    ("sw-planner-50-50-split", "rate_lost"): 1 - (prefill(128000) + DECODE) / (2 * prefill(128000)),
    ("sw-isl-2k-threshold", "isl"): SHORT * BREAK_EVEN / (1 - BREAK_EVEN) * 26156,
    ("sw-isl-2k-threshold", "gain_at_stated"): 0.9 * (1 + 3 / 7 * (2000 / 26156) / (2000 / 26156 + SHORT)),
    ("sw-isl-2k-threshold", "decode_work"): SHORT,
    ("sw-planner-dozens-decisions", "rate"): 0.2,
    ("sw-planner-dozens-decisions", "slow_loop"): 1 / 180,
    ("sw-smart-router-test", "gpus"): 16,
    ("sw-smart-router-test", "requests"): 1e5,
    ("sw-smart-router-test", "isl"): 4000,
    ("sw-smart-router-test", "osl"): 800,
    ("sw-smart-router-test", "improvement"): 0.9 / 0.6,
    ("sw-smart-router-test", "published_ttft_gain"): 3,
    ("sw-smart-router-test", "published_latency_gain"): 2,
    ("sw-wide-ep-not-feasible-8card", "ep_max"): 144,
    ("sw-wide-ep-not-feasible-8card", "h100_ep"): 72,
    ("sw-dynamo-2x-llama70b", "ratio"): 2,
    ("sw-dynamo-2x-llama70b", "router_throughput"): 1.6,
    ("sw-dynamo-30x-gb200", "ratio"): 30,
    ("sw-dynamo-30x-gb200", "split_alone"): 5,
    ("sw-dynamo-30x-gb200", "fixed_share_needed"): 29 / 30,
    ("sw-pd-effect-3x-over-gb200", "ratio"): 3 / 2.7,
    ("sw-ep72-on-vera-rubin", "ep"): 64,
    ("sw-ep72-on-vera-rubin", "experts_per_gpu"): 256 / 72,
    ("sw-ep72-on-vera-rubin", "redundant"): 32,
    ("sw-router-necessity-8-72-576", "small"): 8,
    ("sw-router-necessity-8-72-576", "medium"): 72,
    ("sw-router-necessity-8-72-576", "large"): 144,
    ("sw-dynamo-30x-on-gb300", "ratio"): 60,
    ("sw-open-source-80pct", "threshold"): 3 / (3 + LICENCE),
    ("sw-open-source-80pct", "cost_at_stated"): 1.25,
    ("sw-open-source-80pct", "licence_per_hour"): LICENCE / 3600,
}
NAMES = {
    ("sw-gb200-era-no-disaggregation", "pd_disagg"): "None",
    ("sw-h100-precision-fp16-vs-fp8", "table"): "FP16/BF16",
    ("sw-h100-precision-fp16-vs-fp8", "bench"): "FP8",
    ("sw-triton-2018", "models_per_gpu"): "several",
}
READINGS = {
    ("sw-wide-ep-not-feasible-8card", "without leaving the node"): 8,
    ("sw-ep72-on-vera-rubin", "with 32 experts held twice, as DeepSeek itself does"): 72,
    ("sw-router-necessity-8-72-576", "the dies of the Rubin Ultra rack, one column further"): 576,
    ("sw-planner-50-50-split", "the tenth turn of a conversation, of which 4,000 tokens are new"): DECODE
    / (prefill(128000) - prefill(124000)),
    ("sw-planner-dozens-decisions", "at the shortest interval it accepts, one second"): 1,
    ("sw-planner-dozens-decisions", "requests that the router of one GB200 rack places, one decision each"): 5790 * 72 / 9216,
    ("sw-dynamo-30x-gb200", "what the article's own factors leave for separate pools"): 3,
    (
        "sw-dynamo-30x-gb200",
        "separate against shared GPUs in measured rows, the same chip, engine and speed per user, at best",
    ): 3.11,
    ("sw-pd-effect-3x-over-gb200", "the whole step from GB200 to GB300"): 226 / 75,
    ("sw-pd-effect-3x-over-gb200", "measured, both racks with the same software and both split"): 226.2 / 147.9,
    ("sw-dynamo-30x-on-gb300", "the figure of GB200, under the name of the newer rack"): 30,
}


@pytest.mark.parametrize(("claim", "name"), EXPECTED)
def test_computed(claim, name):
    assert computed(claim, name) == pytest.approx(EXPECTED[claim, name], rel=1e-9)


@pytest.mark.parametrize(("claim", "name"), NAMES)
def test_names(claim, name):
    assert {t["name"]: t.get("evidence") for t in evaluate(claim)["tests"]}[name] == NAMES[claim, name]


@pytest.mark.parametrize(("claim", "label"), READINGS)
def test_readings(claim, label):
    values = [r["value"] for r in evaluate(claim)["readings"] if r["label"] == label]
    assert values == pytest.approx([READINGS[claim, label]], rel=1e-9)


def test_nothing_is_left_out():
    from nvlinklab.claims.ledger import ledger

    for claim in ledger().chapter("ch12").claims:
        result = evaluate(claim)
        assert {t["name"] for t in result["tests"]} | set(result["context"]) == {n for c, n in (*EXPECTED, *NAMES) if c == claim}
        assert {r["label"] for r in result["readings"]} == {label for c, label in READINGS if c == claim}


def test_with_reuse_the_even_split_is_nearly_right():
    new = prefill(128000) - prefill(124000)
    assert 0.9 < new / DECODE < 1.0


def test_conditions_are_where_the_arithmetic_says():
    split = evaluate("sw-isl-2k-threshold")["condition"]["met"][0]
    for isl, bound in zip((1900, 2100), reversed(split), strict=True):
        share = isl / 26156 / (isl / 26156 + SHORT)
        assert 1 / (1 + 3 / 7 * share) == pytest.approx(bound, rel=1e-3)
    workers = evaluate("sw-smart-router-test")["condition"]["met"][0]
    assert 0.9 / (1 - workers[0] / 10) == pytest.approx(3 * 0.975, rel=1e-2) and workers[1] == 8
    price = evaluate("sw-open-source-80pct")["condition"]["met"][0]
    for ratio, bound in zip((0.8 * 0.975, 0.8 * 1.025), price, strict=True):
        assert ratio / (1 - ratio) * LICENCE == pytest.approx(bound * 3600, rel=5e-3)


def test_the_dozens_are_the_router():
    closes = [r["label"] for r in evaluate("sw-planner-dozens-decisions")["readings"] if r["outcome"] == "hit"]
    assert closes == ["requests that the router of one GB200 rack places, one decision each"]


def test_the_best_measured_gain_is_that_of_the_table():
    import numpy as np

    from nvlinklab.io.measurements import measurements

    table = measurements("serving_split")
    rows = table[(table.isl == 8192)].assign(speed=1 / table.tpot)
    best = 0.0
    for _, group in rows.groupby(["chip", "engine", "precision"]):
        shared, apart = (group[group["mode"] == mode].sort_values("speed") for mode in ("agg", "disagg"))
        speeds = np.linspace(max(shared.speed.min(), apart.speed.min()), min(shared.speed.max(), apart.speed.max()), 2001)
        gain = np.interp(speeds, apart.speed, np.log(apart.throughput)) - np.interp(speeds, shared.speed, np.log(shared.throughput))
        best = max(best, float(np.exp(gain.max())))
    assert best == pytest.approx(3.11, rel=5e-3)
