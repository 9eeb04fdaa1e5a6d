"""Chapter 10 against numbers worked out here from literals: a constant that is off by 1 % fails."""

import pytest

from nvlinklab.claims.evaluate import computed, evaluate
from nvlinklab.io.measurements import measurements
from nvlinklab.io.tables import value_row

EXPECTED = {
    ("bench-h100-1p2-toks", "throughput"): 22282 / 8 / 5.2,
    ("bench-h100-1p2-toks", "wide_ep"): 22282 / 8,
    ("bench-gb200-75-toks", "throughput"): 5790 / 9,
    ("bench-gb200-75-toks", "total"): 5790,
    ("bench-gb300-226", "throughput"): 226.2,
    ("bench-gb300-226", "requests_in_flight"): 226.2 / 23,
    ("bench-188x", "ratio"): 226 / 1.2,
    ("bench-fp4-extra-2x", "factor"): 100 / 65,
    ("bench-h100-tp16-needs-4x8-nodes", "nodes"): 2,
    ("bench-16-experts-per-gpu", "experts"): 16,
    ("bench-nvlink-domain-9x", "ratio"): 9,
    ("bench-hbm-per-gpu-3p6x", "h100"): 80e9,
    ("bench-hbm-per-gpu-3p6x", "gb200"): 186e9,
    ("bench-hbm-per-gpu-3p6x", "gb300"): 288e9,
    ("bench-hbm-per-gpu-3p6x", "ratio"): 3.6,
    ("bench-gb200-rack-5400", "throughput"): 5400,
    ("bench-gb300-rack-16272", "throughput"): 16272,
    ("bench-3x-gb200-to-gb300", "ratio"): 226.2 / 147.9,
    ("bench-fmha-1p35x", "factor"): 277 / 205,
    ("bench-fmha-1p35x", "exponentials"): 10.7 / 5,
    ("bench-fp4-native-on-ultra-only", "gb300_over_gb200"): 1.5,
    ("bench-fp4-native-on-ultra-only", "gb200_fp4_over_fp8"): 2,
    ("bench-mlperf-8064", "throughput"): 8064,
    ("bench-mlperf-8064", "rack"): 580608,
    ("bench-mlperf-2p77x", "ratio"): 8064 / 2907.3,
    ("bench-mlperf-vs-226-gap", "ratio"): (0.5 + 0.5 * 135168 / 2821.5 + 16 * 0.3) / (1 + 800 / 4043 * 0.3),
    ("bench-mlperf-vs-226-gap", "context_ratio"): 135168 / 2821.5,
    ("bench-30x-gtc2024", "ratio"): 98,
    ("bench-30x-gtc2024", "marketed"): 30,
    ("bench-100x-fp4-vs-fp8", "ratio"): 100,
    ("bench-65x-fp8", "ratio"): 65,
    ("bench-30x-same-dynamo", "ratio"): 65,
    ("bench-30x-same-dynamo", "dynamo_factor"): 65 / 30,
    ("bench-28x-vs-mi355x", "ratio"): 28,
    ("bench-100x-conditions", "context"): 9216,
    ("bench-100x-conditions", "osl"): 1024,
}
NAMES = {("bench-fp4-native-on-ultra-only", "fp4_support"): "GB200", ("bench-28x-vs-mi355x", "system"): "GB200"}
READINGS = {
    ("bench-h100-1p2-toks", "the article's 75 divided by its 65x"): 75 / 65,
    ("bench-h100-1p2-toks", "InferenceX's slowest H100 point, at 68 tok/s per user"): 3.178,
    ("bench-gb200-75-toks", "tokens per second and user: the operating point of the cited comparison"): 75,
    ("bench-188x", "over a H100 with TP16 as measured by SGLang, whose workload is shorter"): 226 / (22282 / 8 / 5.2),
    ("bench-fp4-extra-2x", "SGLang on GB200: experts in NVFP4 instead of FP8"): 13386 / 9087,
    ("bench-fp4-extra-2x", "bytes of a weight, block scales included"): 1 / 0.5625,
    ("bench-fp4-extra-2x", "peak rates of GB200"): 2,
    ("bench-fp4-extra-2x", "peak rates of GB300"): 3,
    ("bench-h100-tp16-needs-4x8-nodes", "16-bit weights, as its table of the H100 era has them, in a power of two of nodes"): 4,
    ("bench-3x-gb200-to-gb300", "the article's 226 per GPU over its 75, which is per user"): 226 / 75,
    ("bench-3x-gb200-to-gb300", "InferenceX, both FP4 over the same H100 at 116 tok/s per user"): 100 / 98,
    ("bench-3x-gb200-to-gb300", "MLPerf v5.1 server"): 2907.3 / 2327.5,
    ("bench-3x-gb200-to-gb300", "InferenceX on DeepSeek-V4-Pro, at 27 tok/s per user"): 6182 / 2189,
    ("bench-mlperf-2p77x", "offline instead of server"): 9821 / 5842.5,
    ("bench-30x-gtc2024", "at 75 tok/s per user instead of 116"): 55,
    ("bench-30x-gtc2024", "tokens per dollar at 40 tok/s per user"): 9.7,
    ("bench-30x-gtc2024", "peak decode rates of SGLang, FP4 over FP8"): 13386 / (22282 / 8),
    ("bench-65x-fp8", "tokens per dollar at 116 tok/s per user, another number of the same article"): 65,
    ("bench-30x-same-dynamo", "NVIDIA's claim for Dynamo itself, with it over without it"): 30,
    ("bench-30x-same-dynamo", "NVIDIA's claim of 2024 for GB200 NVL72"): 30,
    ("bench-100x-conditions", "the workload of the GB300 test behind 226"): 131072,
}


@pytest.mark.parametrize(("claim", "name"), EXPECTED)
def test_computed(claim, name):
    assert computed(claim, name) == pytest.approx(EXPECTED[claim, name], rel=1e-9)


@pytest.mark.parametrize(("claim", "name"), NAMES)
def test_names(claim, name):
    assert [t["evidence"] for t in evaluate(claim)["tests"] if t["name"] == name] == [NAMES[claim, name]]


@pytest.mark.parametrize(("claim", "label"), READINGS)
def test_readings(claim, label):
    values = [r["value"] for r in evaluate(claim)["readings"] if r["label"] == label]
    assert values == pytest.approx([READINGS[claim, label]], rel=1e-9)


def test_nothing_is_left_out():
    from nvlinklab.claims.ledger import ledger

    for claim in ledger().chapter("ch10").claims:
        result = evaluate(claim)
        names = {t["name"] for t in result["tests"]} | set(result["context"])
        assert names == {name for c, name in (*EXPECTED, *NAMES) if c == claim}
        several = {r["label"] for r in result["readings"]} - {label for c, label in READINGS if c == claim}
        assert several <= {"as the drivers report it"}
        assert result["verdict"] != "pending"


def test_the_gap_to_mlperf_closes_where_three_quarters_of_a_token_read_the_cache():
    condition = evaluate("bench-mlperf-vs-226-gap")["condition"]
    ((low, high),) = condition["met"]
    for share, ratio in ((low, 35.7 * 0.995), (high, 35.7 * 1.005)):
        grows = 1 - share + share * 135168 / 2821.5
        assert (grows + 16 * 0.3) / (1 + 800 / 4043 * 0.3) == pytest.approx(ratio, rel=2e-3)
    assert evaluate("bench-mlperf-vs-226-gap")["verdict"] == "holds-if"


def test_numbers_that_a_table_holds_too_agree():
    v51, v60 = measurements("mlperf_v51"), measurements("mlperf_v60")
    gb300 = v51[(v51.accelerator == "GB300") & (v51.model == "deepseek-r1")].set_index("scenario")["rate_per_gpu"]
    now = v60[v60.model == "deepseek-r1"].set_index("scenario")["v60_per_gpu"]
    for scenario in ("Server", "Offline"):
        assert value_row(f"mlperf_r1.{scenario.lower()}_v51").value == gb300[scenario]
        assert value_row(f"mlperf_r1.{scenario.lower()}_v60").value == now[scenario]


def test_the_total_counts_input_tokens():
    """649 requests at 75 tok/s each on 72 GPUs are the output tokens in 5,790, within what queueing takes."""
    output = value_row("inferencex.gb200_concurrency_75").value * 75 / 72
    assert computed("bench-gb200-75-toks", "throughput") == pytest.approx(output, rel=0.06)
