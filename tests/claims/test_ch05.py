"""Chapter 5 against numbers worked out here from literals: a constant that is off by 1 % fails."""

import math

import pytest

from nvlinklab.claims.evaluate import computed, evaluate

EXPERT = 3 * 7168 * 2048
LOADS_EP64 = 256 * (1 - (1 - 8 / 256) ** (64 * 64)) / 64 + 1

EXPECTED = {
    ("hbm-capacity-row", "gb200"): 186e9,
    ("hbm-capacity-row", "gb300"): 288e9,
    ("hbm-capacity-row", "rubin"): 288e9,
    ("hbm-capacity-row", "rubin_ultra"): 1e12,
    ("hbm-bandwidth-row", "gb200"): 8e12,
    ("hbm-bandwidth-row", "gb300"): 8e12,
    ("hbm-bandwidth-row", "rubin"): 22e12,
    ("hbm-bandwidth-row", "rubin_ultra"): 4600e12 / 144,
    ("hbm4-2p75x", "ratio"): 22 / 8,
    ("moe-expert-44m-params-44mb", "params"): EXPERT,
    ("moe-expert-44m-params-44mb", "bytes"): EXPERT,
    ("moe-expert-44m-params-44mb", "bytes_nvfp4"): EXPERT * (0.5 + 1 / 16),
    ("moe-expert-load-5p5us-hbm3e", "time"): EXPERT / 8e12,
    ("moe-expert-load-2us-hbm4", "time"): EXPERT / 22e12,
    ("moe-gap-amplified-256x", "factor"): LOADS_EP64,
    ("moe-gap-amplified-256x", "gap_per_layer"): LOADS_EP64 * 3.5e-6,
    ("hbm-20p7tb-rack", "hbm"): 18 * 4 * 288e9,
    ("hbm-20p7tb-rack", "gpus"): 72,
    ("hbm-20p7tb-rack", "cpus"): 36,
    ("roof-why-1p8-to-3p6-and-2p75", "nvlink_growth"): 2,
    ("roof-why-1p8-to-3p6-and-2p75", "hbm_growth"): 2.75,
    ("roof-why-1p8-to-3p6-and-2p75", "fp4_growth"): 5,
    ("roof-why-1p8-to-3p6-and-2p75", "nvlink_over_hbm_blackwell"): 0.9 / 8,
    ("roof-why-1p8-to-3p6-and-2p75", "nvlink_over_hbm_rubin"): 1.8 / 22,
    ("roof-ridge-points-missing", "h100_fp8"): 1978 / 3.35,
    ("roof-ridge-points-missing", "gb200"): 1250,
    ("roof-ridge-points-missing", "gb300"): 1875,
    ("roof-ridge-points-missing", "rubin"): 35e3 / 22,
    ("roof-ridge-points-missing", "rubin_ultra"): 100e3 / 31.9,
    ("roof-decode-operators-bandwidth-bound", "expert_gemm"): 64 / 625,
    ("roof-decode-operators-bandwidth-bound", "gqa_attention"): 2 * 64 * 256 / (2 * 8 * 128) / 625,
    ("roof-decode-operators-bandwidth-bound", "mla_attention"): 2 * 128 * (512 + 576) / 576 / 625,
    ("roof-decode-operators-bandwidth-bound", "tokens_at_ridge"): 312.5,
    ("roof-decode-operators-bandwidth-bound", "mla_intensity"): 2 * 128 * (512 + 576) / 576,
}


@pytest.mark.parametrize(("claim", "name"), EXPECTED)
def test_computed(claim, name):
    assert computed(claim, name) == pytest.approx(EXPECTED[claim, name], rel=1e-3 if name == "rubin_ultra" else 1e-9)


def test_nothing_is_left_out():
    from nvlinklab.claims.ledger import ledger

    for claim in ledger().chapter("ch05").claims:
        names = {t["name"] for t in evaluate(claim)["tests"]} | set(evaluate(claim)["context"])
        assert names == {name for c, name in EXPECTED if c == claim}


def test_the_256_is_one_gpu_with_every_expert():
    readings = {r["label"]: r for r in evaluate("moe-gap-amplified-256x")["readings"]}
    closes = [label for label, r in readings.items() if r["outcome"] == "hit"]
    assert closes == ["one GPU that holds all experts, at a large batch"]
    assert math.isclose(readings[closes[0]]["value"], 257.0)
