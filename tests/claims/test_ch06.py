"""Chapter 6 against numbers worked out here from literals: a constant that is off by 1 % fails."""

import pytest

from nvlinklab.claims.evaluate import computed, evaluate
from tests.claims.coverage import assert_nothing_is_left_out, closing

TOKEN = 61 * (512 + 64)  # bytes in FP8
LONG = 131072 * TOKEN
FULL = 2 * 128 * 128 * 61
FREE = 288e9 * 0.91 - 40e9

EXPECTED = {
    ("cpu-core-row", "grace"): 72,
    ("cpu-core-row", "vera"): 88,
    ("cpu-core-row", "rack_grace"): 2592,
    ("cpu-core-row", "rack_vera"): 3168,
    ("cpu-cores-72-to-88", "grace"): 72,
    ("cpu-cores-72-to-88", "vera"): 88,
    ("cpu-cores-72-to-88", "gain"): 16 / 72,
    ("cpu-threads-144-176", "grace"): 72,
    ("cpu-threads-144-176", "vera"): 176,
    ("cpu-threads-144-176", "growth"): 22 / 9,
    ("cpu-process-5nm-3nm", "grace"): 5e-9,
    ("cpu-process-5nm-3nm", "vera"): 3e-9,
    ("cpu-memory-1tb-to-1p5tb", "grace"): 480e9,
    ("cpu-memory-1tb-to-1p5tb", "vera"): 1.5e12,
    ("cpu-memory-1tb-to-1p5tb", "rack_vera"): 54e12,
    ("cpu-memory-bandwidth-500-to-1200", "grace"): 512e9,
    ("cpu-memory-bandwidth-500-to-1200", "vera"): 1.2e12,
    ("cpu-memory-bandwidth-500-to-1200", "growth"): 75 / 32,
    ("cpu-memory-bandwidth-500-to-1200", "grace_core"): 64e9 / 9,
    ("cpu-memory-bandwidth-500-to-1200", "vera_core"): 150e9 / 11,
    ("cpu-memory-bandwidth-500-to-1200", "grace_gb300"): 389e9,
    ("cpu-c2c-900-to-1800", "grace"): 900e9,
    ("cpu-c2c-900-to-1800", "vera"): 1800e9,
    ("cpu-c2c-900-to-1800", "grace_per_gpu"): 225e9,
    ("cpu-vera-227b-transistors", "transistors"): 227e9,
    ("cpu-vera-227b-transistors", "over_rubin"): 227 / 336,
    ("cpu-40-90pct-of-agent-latency", "share"): 30 / (30 + 499 / 23),
    ("cpu-40-90pct-of-agent-latency", "answer"): 499 / 23,
    ("cpu-40-90pct-of-agent-latency", "gpu_speedup_limit"): 1 + 499 / 23 / 30,
    ("cpu-40-90pct-of-agent-latency", "tools_40"): 499 / 23 * 2 / 3,
    ("cpu-40-90pct-of-agent-latency", "tools_90"): 499 / 23 * 9,
    ("kv-2mb-per-token", "kv"): 35136,
    ("kv-2mb-per-token", "overstated"): 2e6 / 35136,
    ("kv-100-requests-200gb", "total"): 25.6e12,
    ("kv-100-requests-200gb", "per_token"): 15625,
    ("kv-move-0p4s-grace-0p17s-vera", "grace"): 0.4,
    ("kv-move-0p4s-grace-0p17s-vera", "vera"): 1 / 6,
    ("cpu-gpu-ratio-trend", "hgx"): 1 / 4,
    ("cpu-gpu-ratio-trend", "new"): 1 / 2,
    ("cpu-vera-doubled-cores", "core_growth"): 11 / 9,
    ("cpu-vera-doubled-cores", "c2c_growth"): 2,
    ("cpu-vera-doubled-cores", "threads"): 11 / 9,
    ("kv-288gb-128k-not-a-bottleneck", "hbm"): 288e9,
    ("kv-288gb-128k-not-a-bottleneck", "context"): FREE / 40 / TOKEN,
    ("kv-288gb-128k-not-a-bottleneck", "requests_fit"): FREE / (128000 * TOKEN),
    ("kv-288gb-128k-not-a-bottleneck", "read_time"): FREE / 8e12,
    ("kv-30tb-40tb-shared-memory", "gb200"): 72 * 186e9 + 36 * 480e9,
    ("kv-30tb-40tb-shared-memory", "gb300"): 72 * 288e9 + 36 * 480e9,
    ("kv-30tb-40tb-shared-memory", "vera_rubin"): 72 * 288e9 + 54e12,
    ("kv-hundreds-mb-to-several-gb", "kv"): LONG,
    ("kv-rack-tens-to-hundreds-gb", "total"): 300 * LONG,
    ("kv-rack-tens-to-hundreds-gb", "requests_fit"): (20e12 - 671026419200 * (0.5 + 1 / 16)) / LONG,
    ("kv-c2c-1gb-in-1ms", "grace"): 1 / 450,
    ("kv-c2c-1gb-in-1ms", "vera"): 1 / 900,
    ("kv-c2c-1gb-in-1ms", "grace_measured"): 1 / 359.05,
    ("kv-nvlink-transfer-at-130tbs", "bandwidth"): 900e9,
    ("kv-nvlink-transfer-at-130tbs", "time"): LONG / 900e9,
    ("kv-nvlink-transfer-at-130tbs", "time_at_130"): LONG / 130e12,
    ("kv-nixl-ms-to-100us", "before"): 4.65 / 500 * 2 + 4.65 / 100,
    ("kv-nixl-ms-to-100us", "after"): 0.0465,
    ("kv-nixl-ms-to-100us", "bytes_in_900us"): 90e6,
    ("kv-128k-is-256gb", "kv"): LONG,
    ("kv-only-hbm-288gb-fits", "hbm"): 288e9,
    ("kv-only-hbm-288gb-fits", "requests"): 288 / 256,
    ("kv-only-hbm-288gb-fits", "requests_latent"): 288e9 / LONG,
    ("kv-only-hbm-288gb-fits", "requests_lpx"): 128e9 / LONG,
    ("kv-only-hbm-288gb-fits", "requests_cpu"): 1500 / 256,
}
READINGS = {
    ("cpu-threads-144-176", "the cores of the module of two Grace CPUs", "grace"): 144,
    ("cpu-memory-1tb-to-1p5tb", "the module of two Grace CPUs", "grace"): 960e9,
    ("cpu-memory-1tb-to-1p5tb", "what the article's own 30 TB of a rack leave for a CPU", "grace"): (30e12 - 72 * 192e9) / 36,
    ("cpu-c2c-900-to-1800", "one direction, which a transfer gets", "grace"): 450e9,
    ("cpu-c2c-900-to-1800", "one direction, which a transfer gets", "vera"): 900e9,
    ("cpu-40-90pct-of-agent-latency", "the largest share in the study it cites", "share"): 0.906,
    ("cpu-40-90pct-of-agent-latency", "the same tools at 200 tokens per second and user", "share"): 30 / (30 + 499 / 200),
    ("cpu-vera-doubled-cores", "threads instead of cores, counted as they are", "core_growth"): 22 / 9,
    ("kv-2mb-per-token", "every one of 128 heads keeps its keys and values in FP8, no latent", "kv"): FULL,
    ("kv-2mb-per-token", "the latent in BF16", "kv"): 2 * TOKEN,
    ("kv-100-requests-200gb", "a context of a thousand tokens: the 128 was lost", "total"): 200e9,
    ("kv-100-requests-200gb", "what DeepSeek stores in FP8", "total"): 100 * LONG,
    ("kv-288gb-128k-not-a-bottleneck", "with the 2 MB per token stated elsewhere in the article", "context"): FREE / 40 / 2e6,
    ("kv-288gb-128k-not-a-bottleneck", "GB200 with the same requests", "context"): (186e9 * 0.91 - 40e9) / 40 / TOKEN,
    ("kv-30tb-40tb-shared-memory", "the totals the vendor prints", "gb200"): 30e12,
    ("kv-30tb-40tb-shared-memory", "the totals the vendor prints", "gb300"): 37e12,
    ("kv-hundreds-mb-to-several-gb", "as SGLang states it, for 136K tokens", "kv"): 4.45 * 2**30,
    ("kv-hundreds-mb-to-several-gb", "2 MB per token", "kv"): 131072 * 2e6,
    ("kv-128k-is-256gb", "the article's 2 MB for each of 128,000 tokens", "kv"): 256e9,
    ("kv-move-0p4s-grace-0p17s-vera", "through C2C as well, one direction", "grace"): 4 / 9,
    ("kv-move-0p4s-grace-0p17s-vera", "through C2C as well, one direction", "vera"): 2 / 9,
    ("kv-move-0p4s-grace-0p17s-vera", "the true cache of 100 requests, over all CPUs of the rack", "grace"): 100 * LONG / 36 / 450e9,
    ("kv-move-0p4s-grace-0p17s-vera", "the true cache of 100 requests, over all CPUs of the rack", "vera"): 100 * LONG / 36 / 900e9,
    ("kv-c2c-1gb-in-1ms", "both directions added, as the rate is printed", "grace"): 1 / 900,
    ("kv-c2c-1gb-in-1ms", "both directions added, as the rate is printed", "vera"): 1 / 1800,
    ("kv-c2c-1gb-in-1ms", "the rate of the LPDDR, as in the article's other passage", "grace"): 1 / 512,
    ("kv-c2c-1gb-in-1ms", "the rate of the LPDDR, as in the article's other passage", "vera"): 1 / 1200,
    ("kv-nvlink-transfer-at-130tbs", "all GPUs of the rack at once, both directions added", "bandwidth"): 129.6e12,
    ("kv-nixl-ms-to-100us", "a prompt of a thousand tokens", "after"): 35.136e6 / 100e9,
    ("kv-nixl-ms-to-100us", "what is left when layers leave as they are done: the last one of 128K", "after"): 131072 * 576 / 100e9,
    ("kv-nixl-ms-to-100us", "128K whole, as DeepSeek stores it", "after"): LONG / 100e9,
}


@pytest.mark.parametrize(("claim", "name"), EXPECTED)
def test_computed(claim, name):
    assert computed(claim, name) == pytest.approx(EXPECTED[claim, name], rel=1e-9)


@pytest.mark.parametrize(("claim", "label", "name"), READINGS)
def test_readings(claim, label, name):
    values = [r["value"] for r in evaluate(claim)["readings"] if (r["label"], r["name"]) == (label, name)]
    assert values == pytest.approx([READINGS[claim, label, name]], rel=1e-9)


def test_nothing_is_left_out():
    assert_nothing_is_left_out("ch06", EXPECTED, READINGS)


def test_the_two_megabytes_are_a_model_without_its_latent():
    assert closing("kv-2mb-per-token") == {"every one of 128 heads keeps its keys and values in FP8, no latent"}
    assert closing("kv-128k-is-256gb") == {"the article's 2 MB for each of 128,000 tokens"}
    assert closing("kv-100-requests-200gb") == {"a context of a thousand tokens: the 128 was lost"}


def test_grace_is_counted_twice_where_it_is_wrong():
    assert closing("cpu-threads-144-176") == {"the cores of the module of two Grace CPUs"}
    assert closing("cpu-memory-1tb-to-1p5tb") == {"the module of two Grace CPUs"}


def test_130_tb_per_s_takes_the_whole_rack():
    assert closing("kv-nvlink-transfer-at-130tbs") == {"all GPUs of the rack at once, both directions added"}


def test_no_way_to_count_makes_a_gigabyte_take_a_millisecond():
    assert closing("kv-c2c-1gb-in-1ms") == set()


def test_hundreds_of_microseconds_are_a_short_prompt_or_one_layer():
    assert closing("kv-nixl-ms-to-100us") == {
        "a prompt of a thousand tokens",
        "what is left when layers leave as they are done: the last one of 128K",
    }


@pytest.mark.parametrize(
    ("claim", "low", "high"),
    [
        ("kv-288gb-128k-not-a-bottleneck", 1, FREE / (128000 * 0.995 * TOKEN)),
        ("kv-rack-tens-to-hundreds-gb", 100, 900e9 * 1.025 / LONG),
        ("cpu-40-90pct-of-agent-latency", 499 / 23 * 0.39 / 0.61, 499 / 23 * 0.9225 / 0.0775),
    ],
)
def test_conditions(claim, low, high):
    (met,) = evaluate(claim)["condition"]["met"]
    assert met == pytest.approx((low, high), rel=2e-3)


def test_what_fits_agrees_with_the_cap_of_the_published_test():
    # SGLang: at most 40 requests of 136K on a GB300 and 24 on a GB200 with 0.75 of the memory for weights and cache, in whole requests
    for capacity, cap in ((288e9, 40), (186e9, 24)):
        assert (capacity * 0.75 - 40e9) / (136 * 1024 * TOKEN) == pytest.approx(cap, rel=0.2)
