"""Chapter 8 against numbers worked out here from literals: a constant that is off by 1 % fails."""

import pytest

from nvlinklab.claims.evaluate import computed, evaluate
from tests.claims.coverage import assert_nothing_is_left_out, closing

LONG = 131072
CACHE_LAYER = LONG * 576  # bytes in FP8
CACHE = 61 * CACHE_LAYER
EXPERT = 3 * 7168 * 2048
ATTENTION = 7168 * 1536 + 1536 * 128 * 192 + 7168 * 576 + 512 * 128 * 256 + 128 * 128 * 7168  # weights of one layer
DENSE = 3 * 3 * 7168 * 18432
FEEDFORWARD = 58 * 9 * EXPERT + DENSE
HEAD = 7168 * 129280
EXCHANGE = 12.0e-6 + 25.4e-6
HELD_ONE = 256 * (1 - (1 - 8 / 256) ** 64) / 64 + 1  # experts of a layer on a rank of EP64, one token per rank
HELD_128 = 256 * (1 - (1 - 8 / 256) ** (64 * 128)) / 64 + 1


def prompt(new, full=128000):
    pairs = 61 * 2 * 128 * 320
    linear, reused = 2 * (61 * ATTENTION + FEEDFORWARD), full - new
    return linear * (full - reused) + pairs * (full**2 - reused**2) / 2


LEFT = prompt(4000) / prompt(128000)
HELD_EP16 = 256 * (1 - (1 - 8 / 256) ** (16 * 226.2 / 23)) / 16 + 1

EXPECTED = {
    ("token-scenario-r1-128k", "params"): 671026419200,
    ("token-scenario-r1-128k", "experts"): 256,
    ("token-scenario-r1-128k", "topk"): 8,
    ("token-attention-580us", "time"): CACHE / 8e12,
    ("token-attention-580us", "per_layer"): CACHE_LAYER / 8e12,
    ("token-attention-580us", "projections"): 61 * ATTENTION / 8e12,
    ("token-attention-580us", "arithmetic"): 61 * 2 * 128 * (2 * 512 + 64) * LONG / 5e15,
    ("token-ffn-44us", "time"): FEEDFORWARD / 8e12,
    ("token-ffn-44us", "per_layer"): 9 * EXPERT / 8e12,
    ("token-attention-is-the-bottleneck", "ratio"): CACHE / FEEDFORWARD,
    ("token-attention-is-the-bottleneck", "overtakes_at"): 58 * 5 * EXPERT / CACHE,
    ("token-attention-is-the-bottleneck", "stated_at"): 13.2 * 58 * 5 * EXPERT / CACHE,
    ("token-a2a-0p3us", "time"): EXCHANGE,
    ("token-a2a-0p3us", "all_layers"): 58 * EXCHANGE,
    ("token-a2a-0p3us", "bytes_alone"): 2 * 8 * 7168 * 2 / 0.9e12,
    ("token-nvlink-more-than-sufficient", "ratio"): HELD_ONE * EXPERT / 8e12 / EXCHANGE,
    ("token-nvlink-more-than-sufficient", "stated_load"): 44 / 37.4,
    ("token-nvlink-more-than-sufficient", "requests_to_hide"): (EXCHANGE * 8e12 - HELD_ONE * EXPERT) / CACHE_LAYER,
    ("token-prefill-reuse-saves-99pct", "saving"): 1 - LEFT,
    ("token-prefill-reuse-saves-99pct", "left"): LEFT,
    ("token-prefill-reuse-saves-99pct", "left_over_stated"): LEFT / 0.01,
    ("token-prefill-seconds-to-ms", "before"): 8.6,
    ("token-prefill-seconds-to-ms", "after"): 8.6 * LEFT,
    ("token-624us-lower-bound", "time"): 624.3e-6,
    ("token-4p4ms-measured", "time"): 1 / 23,
    ("token-4p4ms-measured", "in_flight"): 226.2 / 23,
    ("token-7x-headroom", "ratio"): 4400 / 624,
}
READINGS = {
    ("token-attention-580us", "128,000 tokens", "time"): 128000 * 576 * 61 / 8e12,
    ("token-attention-580us", "one layer, as the other parts are counted", "time"): CACHE_LAYER / 8e12,
    ("token-attention-580us", "with the 2 MB per token stated elsewhere in the article", "time"): LONG * 2e6 / 8e12,
    ("token-ffn-44us", "one layer, eight experts, one GPU", "time"): 8 * EXPERT / 8e12,
    ("token-ffn-44us", "all layers with experts, each expert on a GPU of its own", "time"): 58 * EXPERT / 8e12,
    ("token-ffn-44us", "all layers, one GPU, NVFP4", "time"): FEEDFORWARD * (0.5 + 1 / 16) / 8e12,
    ("token-attention-is-the-bottleneck", "61 layers of attention over one layer of eight experts", "ratio"): CACHE / (8 * EXPERT),
    (
        "token-attention-is-the-bottleneck", "EP64 with the 40 requests per GPU at which the published test is capped", "ratio",
    ): 40 * CACHE / (58 * 5 * EXPERT),
    ("token-a2a-0p3us", "bytes alone: eight copies there and back in BF16, one layer, one token", "time"): 2 * 8 * 7168 * 2 / 0.9e12,
    ("token-a2a-0p3us", "one vector in BF16 over one of 18 links", "time"): 7168 * 2 / 50e9,
    ("token-nvlink-more-than-sufficient", "the stated 44 us over the stated 0.3 us", "ratio"): 440 / 3,
    ("token-nvlink-more-than-sufficient", "128 tokens on each rank, experts only", "ratio"): HELD_128 * EXPERT / 8e12 / 70.3e-6,
    ("token-prefill-reuse-saves-99pct", "tokens counted, whatever they cost", "saving"): 31 / 32,
    (
        "token-prefill-reuse-saves-99pct", "700 new tokens: the last answer of 500 and a question", "saving",
    ): 1 - prompt(700) / prompt(128000),
    ("token-prefill-seconds-to-ms", "at the saving of 99 percent", "after"): 0.086,
    ("token-624us-lower-bound", "the same parts, all of them over all layers", "time"): (580 + 58 * 44.3) * 1e-6,
    (
        "token-624us-lower-bound", "all that a rank of EP64 reads for one request per GPU, at full bandwidth", "time",
    ): (CACHE + 61 * ATTENTION + 58 * HELD_ONE * EXPERT + DENSE + HEAD) / 8e12,
    (
        "token-624us-lower-bound", "one request cut over the whole rack, no latency", "time",
    ): (CACHE + 61 * ATTENTION + FEEDFORWARD + HEAD) / 72 / 8e12,
    ("token-4p4ms-measured", "the inverse of the throughput per GPU, which is no latency", "time"): 1 / 226.2,
    ("token-7x-headroom", "throughput over throughput: what reading the caches allows", "ratio"): 8e12 / CACHE / 226.2,
    (
        "token-7x-headroom", "latency over latency: the measured step over what it reads at full bandwidth, EP16, NVFP4 experts", "ratio",
    ): 8e12 / 23 / (226.2 / 23 * CACHE + 61 * ATTENTION + DENSE + HEAD + 58 * HELD_EP16 * EXPERT * 0.5625),
}  # fmt: skip


@pytest.mark.parametrize(("claim", "name"), EXPECTED)
def test_computed(claim, name):
    assert computed(claim, name) == pytest.approx(EXPECTED[claim, name], rel=1e-9)


@pytest.mark.parametrize(("claim", "label", "name"), READINGS)
def test_readings(claim, label, name):
    values = [r["value"] for r in evaluate(claim)["readings"] if (r["label"], r["name"]) == (label, name)]
    assert values == pytest.approx([READINGS[claim, label, name]], rel=1e-9)


def test_experts_held_are_those_of_the_model():
    from nvlinklab.claims.ch08 import deepseek, experts_held
    from nvlinklab.workload.moe import distinct_experts

    for ep, tokens in ((64.0, 1.0), (64.0, 128.0), (8.0, 0.1), (1.0, 1.0)):
        assert experts_held(deepseek(), ep, tokens) == pytest.approx(float(distinct_experts(tokens * ep, 256.0, 8.0)) / ep + 1, rel=1e-12)


def test_nothing_is_left_out():
    assert_nothing_is_left_out("ch08", EXPECTED, READINGS)


def test_attention_is_counted_over_61_layers_and_the_rest_over_one():
    assert evaluate("token-attention-580us")["verdict"] == "reproduced"
    assert closing("token-ffn-44us") == {"one layer, eight experts, one GPU"}
    assert computed("token-attention-580us", "per_layer") * 61 == pytest.approx(computed("token-attention-580us", "time"))


def test_the_measured_time_is_an_inverse_throughput():
    assert closing("token-4p4ms-measured") == {"the inverse of the throughput per GPU, which is no latency"}
    assert computed("token-4p4ms-measured", "in_flight") * 1 / 226.2 == pytest.approx(computed("token-4p4ms-measured", "time"))


def test_the_saving_of_99_percent_belongs_to_a_short_turn():
    assert "700 new tokens: the last answer of 500 and a question" in closing("token-prefill-reuse-saves-99pct")
    assert computed("token-prefill-reuse-saves-99pct", "left_over_stated") > 5


def test_624_us_bounds_nothing():
    values = {r["label"]: r["value"] for r in evaluate("token-624us-lower-bound")["readings"]}
    assert min(values.values()) < 624e-6 / 8 and max(values.values()) > 624e-6 * 5


def test_the_order_of_attention_and_experts_flips_with_the_batch():
    one, crossing = computed("token-attention-is-the-bottleneck", "ratio"), computed("token-attention-is-the-bottleneck", "overtakes_at")
    assert one < 1 and 2 < crossing < 4


@pytest.mark.parametrize(
    "path, column, row",
    [("dispatch_1", "dispatch", 1), ("combine_1", "combine", 1), ("dispatch_128", "dispatch", 128), ("combine_128", "combine", 128)],
)
def test_the_rows_of_the_exchange_are_those_of_the_table(path, column, row):
    from nvlinklab.io.measurements import measurements
    from nvlinklab.io.tables import value_row

    table = measurements("aic_gb200_alltoall")
    chosen = table[(table.kernel == "NVLinkTwoSided") & (table.dtype == "fp8") & (table.op == column) & (table.tokens_per_rank == row)]
    ((measured,),) = chosen[["ep64"]].to_numpy().tolist()
    value = value_row(f"nvl72-exchange.{path}").value
    assert value == pytest.approx(measured) or value == pytest.approx(measured * 1e-6)
