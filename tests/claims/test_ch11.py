"""Chapter 11 against numbers worked out here from literals: a constant that is off by 1 % fails."""

from math import log, sqrt

import pytest

from nvlinklab.claims.evaluate import computed, evaluate

HOPPER_BLACKWELL = 2500 / 1978
EXPECTED = {
    ("bench-3x-factor-list", "total"): 2.7,
    ("bench-3x-factor-list", "left_for_the_rest"): 3 / 2.7,
    ("decomp-3x-mostly-software", "software"): 1 - log(2) / log(3),
    ("decomp-8-year-1000x", "ratio"): 20000 / 21.25,
    ("decomp-8-year-1000x", "per_year"): (20000 / 21.25) ** (1 / 8),
    ("decomp-8-year-1000x", "formats"): 4,
    ("decomp-8-year-1000x", "architecture_and_process"): 20000 / 21.25 / 16,
    ("decomp-precision-doublings", "factor"): 4,
    ("decomp-precision-doublings", "each_step"): 2,
    ("decomp-multi-die-doubling", "blackwell"): 2,
    ("decomp-multi-die-doubling", "rubin_ultra"): 2,
    ("decomp-hopper-blackwell-1p5-2x", "ratio"): HOPPER_BLACKWELL,
    ("decomp-blackwell-rubin-3-3p5x", "ratio"): 3.5,
    ("decomp-per-die-2-3x", "ratio"): sqrt(HOPPER_BLACKWELL * 3.5),
    ("decomp-per-die-2-3x", "hopper_to_blackwell"): HOPPER_BLACKWELL,
    ("decomp-per-die-2-3x", "blackwell_to_rubin"): 3.5,
    ("decomp-100x-factors", "total"): 90,
    ("decomp-100x-factors", "left_over"): 10 / 9,
    ("decomp-hw-sw-half-half", "software"): log(3) / log(90),
    ("decomp-hw-sw-half-half", "needed"): sqrt(90),
}
READINGS = {
    ("bench-3x-factor-list", "with the factor it gives elsewhere for splitting prefill and decode"): 8.1,
    ("bench-3x-factor-list", "like for like: both racks with NVFP4, the same software"): 226.2 / 147.9,
    (
        "decomp-3x-mostly-software",
        "the attention kernel counted as hardware too: it is faster because of twice the exponential units",
    ): 1 - log(2.7) / log(3),
    ("decomp-3x-mostly-software", "FP4 counted as software, as its own table of software capabilities does"): log(2.7) / log(3),
    ("decomp-8-year-1000x", "19 TFLOP/s for the P100, as on the slide"): 20000 / 19,
    ("decomp-8-year-1000x", "dense rates on both sides"): 10000 / 21.25,
    ("decomp-precision-doublings", "GB300, whose FP4 is three times its FP8"): 6,
    ("decomp-precision-doublings", "Rubin, dense NVFP4"): 35 / 4,
    ("decomp-multi-die-doubling", "FP4 headline rates of the packages"): 2,
    ("decomp-multi-die-doubling", "the article's own row of packages"): 1.04,
    ("decomp-hopper-blackwell-1p5-2x", "the air-cooled B200"): 2250 / 1978,
    ("decomp-hopper-blackwell-1p5-2x", "achieved matrix products instead of peaks"): 3615.6 / 2 / 1402.6,
    ("decomp-blackwell-rubin-3-3p5x", "the article's FP8 rows of the racks"): 2500 / 360,
    ("decomp-per-die-2-3x", "the middle of the article's own two steps"): sqrt(1.75 * 3.25),
    (
        "decomp-100x-factors",
        "measured FP4 and domain effects, the ratio of HBM bandwidths, and no Dynamo, which the baseline has",
    ): 100 / 65 * 4.39 * 8 / 3.35,
    ("decomp-hw-sw-half-half", "FP4 counted as software"): log(6) / log(90),
    (
        "decomp-hw-sw-half-half",
        "half of the NVLink factor counted as wide expert parallelism, which is software",
    ): log(3 * sqrt(5)) / log(90),
    ("decomp-hw-sw-half-half", "Dynamo and HBM against FP4 and NVLink, the one pairing of the four that is even"): log(9) / log(90),
    ("decomp-hw-sw-half-half", "both"): log(6 * sqrt(5)) / log(90),
    ("decomp-hw-sw-half-half", "the whole NVLink factor and Dynamo, FP4 as hardware"): log(15) / log(90),
}


@pytest.mark.parametrize(("claim", "name"), EXPECTED)
def test_computed(claim, name):
    assert computed(claim, name) == pytest.approx(EXPECTED[claim, name], rel=1e-9)


@pytest.mark.parametrize(("claim", "label"), READINGS)
def test_readings(claim, label):
    values = [r["value"] for r in evaluate(claim)["readings"] if r["label"] == label]
    assert values == pytest.approx([READINGS[claim, label]], rel=1e-9)


def test_nothing_is_left_out():
    from nvlinklab.claims.ledger import ledger

    for claim in ledger().chapter("ch11").claims:
        result = evaluate(claim)
        names = {t["name"] for t in result["tests"]} | set(result["context"])
        assert names == {name for c, name in EXPECTED if c == claim}
        assert {r["label"] for r in result["readings"]} == {label for c, label in READINGS if c == claim}


def test_log_shares_of_the_factors_add_to_one():
    from nvlinklab.claims.ch11 import log_share

    assert sum(float(log_share(f, 90.0)) for f in (2.0, 5.0, 3.0, 3.0)) == pytest.approx(1.0, abs=1e-12)
