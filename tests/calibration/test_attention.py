"""Attention over plain caches: limits, windows, groups, units, and the committed fit against measurements."""

import numpy as np
import pandas as pd
import pytest

from nvlinklab.calibration import operators
from nvlinklab.calibration.operators import attention
from nvlinklab.io import silicon
from tests.calibration import forms

OPS = list(attention.OPERATORS)
measured = pytest.mark.skipif(not silicon.available(), reason="the extra `silicon` is not installed")


def rows(op: str, **columns: object) -> pd.DataFrame:
    base = {
        "system": "gb200", "engine": "trtllm", "engine_version": "1.3.0rc20", "kernel_source": "torch_flow", "kv_cache_dtype": "bfloat16",
        "attn_dtype": "bfloat16", "num_heads": [4, 16, 32, 96], "num_key_value_heads": [1, 8, 4, 96], "head_dim": 128,
        "batch_size": [1, 8, 64, 100], "window_size": 0.0,
    }  # fmt: skip
    length = {"isl": 1, "step": [7, 5000, 900, 3000]} if op == "generation_attention" else {"isl": [700, 5000, 130, 1000], "step": 0}
    return pd.DataFrame(base | length | columns)


@pytest.mark.parametrize("op", OPS)
def test_gradients_equal_finite_differences(op):
    assert forms.gradient_error(attention.OPERATORS[op], rows(op)) < 1e-6


@pytest.mark.parametrize("op", OPS)
def test_times_have_one_unit(op):
    assert forms.seconds_rule(attention.OPERATORS[op], rows(op)) < 1e-9


@pytest.mark.parametrize("op", OPS)
def test_a_window_never_costs_time_and_a_wide_one_changes_nothing(op):
    operator = attention.OPERATORS[op]
    v = forms.centre(operator)
    free, small, wide = (np.asarray(operator.form(v, forms.numbers(operator, rows(op, window_size=w)))) for w in (0.0, 128.0, 1e6))
    assert (small <= free).all() and np.array_equal(wide, free)


def test_sharing_cached_heads_reads_less():
    operator = attention.OPERATORS["generation_attention"]
    x = forms.numbers(operator, rows("generation_attention", num_heads=32, num_key_value_heads=[1, 2, 8, 32]))
    assert (np.diff(x["entry"]) > 0).all() and np.array_equal(x["groups"], [1, 2, 8, 32]) and np.array_equal(x["tile"], [32, 16, 8, 8])


@pytest.mark.parametrize("op", OPS)
def test_a_system_without_measurements_is_extrapolated(op):
    found = operators.predict(op, rows(op, system="gb300"))
    assert (found["status"] == "extrapolated").all() and (found["q05"] < found["seconds"]).all() and (found["seconds"] < found["q95"]).all()


@measured
@pytest.mark.parametrize("op", OPS)
def test_errors_on_measured_rows_are_those_committed(op):
    from nvlinklab.calibration import crossval_operators

    drawn = forms.errors(op, forms.sample(op, 60))
    table = crossval_operators.read()
    committed = table[(table["op"] == op) & (table["fold"] == "all") & (table["novelty"] == "all") & (table["stratum"] == "all")]
    assert drawn["error"].median() < 1.25 * committed["median_ape"].iloc[0]
    assert drawn["inside"].mean() > 0.8
