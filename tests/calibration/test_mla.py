"""Latent attention: limits, the rule for tiles of heads, units, and the committed fit against measurements."""

import numpy as np
import pandas as pd
import pytest

from nvlinklab.calibration import operators, store
from nvlinklab.calibration.operators import mla
from nvlinklab.io import silicon
from tests.calibration import forms

OPS = list(mla.OPERATORS)
measured = pytest.mark.skipif(not silicon.available(), reason="the extra `silicon` is not installed")


def rows(op: str, **columns: object) -> pd.DataFrame:
    base = {
        "system": "gb200", "engine": "trtllm", "engine_version": "1.3.0rc20", "kernel_source": "default", "kv_cache_dtype": "bfloat16",
        "num_heads": [4, 16, 32, 128], "batch_size": [1, 8, 64, 300],
    }  # fmt: skip
    length = {"isl": 1, "step": [7, 5000, 900, 3000]} if op == "generation_mla" else {"isl": [700, 5000, 130, 1000], "step": 0}
    return pd.DataFrame(base | length | columns)


@pytest.mark.parametrize("op", OPS)
def test_gradients_equal_finite_differences(op):
    assert forms.gradient_error(mla.OPERATORS[op], rows(op)) < 1e-6


@pytest.mark.parametrize("op", OPS)
def test_times_have_one_unit(op):
    assert forms.seconds_rule(mla.OPERATORS[op], rows(op)) < 1e-9


@pytest.mark.parametrize("op", OPS)
def test_more_bandwidth_and_more_flops_never_cost_time(op):
    for column in ("mem_bw", "flops"):
        assert (forms.faster(mla.OPERATORS[op], rows(op), column) >= 1.0).all()


def test_long_caches_are_read_at_the_share_of_the_bandwidth():
    operator = mla.OPERATORS["generation_mla"]
    v = forms.centre(operator)
    x = forms.numbers(operator, rows("generation_mla", num_heads=4, batch_size=296, step=[2**15 - 1] * 4))
    bound = x["batch"] * x["context"] * x["entry"] / x["mem_bw"]
    time = np.asarray(operator.form(v, x))
    assert (time > bound / v["memory"]).all() and (time < 2.5 * bound / v["memory"]).all()


def test_causal_pairs_grow_with_the_square():
    operator = mla.OPERATORS["context_mla"]
    v = forms.centre(operator)
    long, longer = (
        np.asarray(operator.form(v, forms.numbers(operator, rows("context_mla", num_heads=128, isl=n)))) for n in (2**15, 2**16)
    )
    assert np.allclose(longer / long, 4.0, rtol=0.05)


def test_blackwell_takes_few_heads_or_short_work_in_narrow_tiles():
    heads = np.array([16.0, 32.0, 64.0, 64.0, 128.0])
    batch, context = np.array([64.0, 64.0, 64.0, 1.0, 1.0]), np.array([4e4, 4e4, 4e4, 4e3, 1e5])
    assert mla.narrow(heads, batch, context, np.full(5, 148.0)).tolist() == [True, True, False, True, False]
    assert (forms.numbers(mla.OPERATORS["generation_mla"], rows("generation_mla", system="h200_sxm"))["tile"] == mla.WIDE).all()


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("system", ["h200_sxm", "gb200", "gb300"])
def test_an_unseen_number_of_heads_lies_between_its_neighbours(op, system):
    fewer, unseen, more = (operators.predict(op, rows(op, system=system, num_heads=h)) for h in (32, 64, 128))
    assert (unseen["novelty"] != "none").all() and (unseen["q05"] < unseen["seconds"]).all() and (unseen["seconds"] < unseen["q95"]).all()
    if op == "context_mla" or system == "h200_sxm":
        assert (unseen["seconds"] >= 0.98 * fewer["seconds"]).all() and (unseen["seconds"] <= 1.02 * more["seconds"]).all()


def test_a_negative_batch_says_so():
    found = mla.predict(rows("context_mla", batch_size=-1), store.read("context_mla"), "context_mla")
    assert found["seconds"].isna().all() and found["reason"].str.contains("batch_size").all()


@measured
@pytest.mark.parametrize("op", OPS)
def test_errors_on_measured_rows_are_those_committed(op):
    from nvlinklab.calibration import crossval_operators

    drawn = forms.errors(op, forms.sample(op, 200))
    table = crossval_operators.read()
    committed = table[(table["op"] == op) & (table["fold"] == "all") & (table["novelty"] == "all") & (table["stratum"] == "all")]
    assert drawn["error"].median() < 1.25 * committed["median_ape"].iloc[0]
    assert drawn["inside"].mean() > 0.8


@measured
def test_the_committed_fit_is_of_these_rows():
    fitted = store.read("generation_mla")
    assert fitted["provenance"]["sha256"] == store.checksum(silicon.operators("generation_mla"))
