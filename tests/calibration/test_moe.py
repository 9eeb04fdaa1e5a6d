"""Mixture-of-experts layers: what is touched, limits, units, and the committed fit against measurements."""

import numpy as np
import pandas as pd
import pytest

from nvlinklab.calibration import operators, store
from nvlinklab.calibration.operators import moe
from nvlinklab.io import silicon
from tests.calibration import forms

measured = pytest.mark.skipif(not silicon.available(), reason="the extra `silicon` is not installed")


def rows(**columns: object) -> pd.DataFrame:
    base = {
        "system": "gb200", "engine": "trtllm", "engine_version": "1.3.0rc20", "moe_dtype": "nvfp4",
        "kernel_source": "moe_torch_flow_cutlass",
        "num_tokens": [1, 24, 500, 12000], "hidden_size": 7168, "inter_size": 2048, "topk": 8, "num_experts": 256, "moe_tp_size": 1,
        "moe_ep_size": 8, "distribution": "power_law_1.2",
    }  # fmt: skip
    return pd.DataFrame(base | columns)


def test_gradients_equal_finite_differences():
    every = pd.concat([rows(distribution=d) for d in moe.SKEW], ignore_index=True)
    assert forms.gradient_error(moe.OPERATOR, every) < 1e-6


def test_times_have_one_unit_but_for_the_power_limit():
    operator = moe.OPERATOR
    still = operator._replace(parameters=tuple(p._replace(prior=1e-12) if p.name == "sustained" else p for p in operator.parameters))
    assert forms.seconds_rule(still, rows()) < 1e-9


def test_more_bandwidth_and_more_flops_never_cost_time():
    for column in ("mem_bw", "flops"):
        assert (forms.faster(moe.OPERATOR, rows(), column) >= 1.0).all()


@pytest.mark.parametrize("distribution", list(moe.SKEW))
def test_touched_experts_lie_between_one_and_all_and_grow_with_tokens(distribution):
    tokens = np.geomspace(1, 1e5, 60).round()
    v = forms.centre(moe.OPERATOR)
    x = forms.numbers(moe.OPERATOR, rows(num_tokens=tokens[:4], distribution=distribution))
    x = {k: np.full(60, a[0]) for k, a in x.items()} | {"tokens": tokens}
    pairs, touched = (np.asarray(a) for a in moe.load(v, x))
    assert (touched >= 1.0).all() and (touched <= 32.0).all() and touched[-1] > 0.95 * 32
    assert (pairs <= tokens * 8 + 1e-9).all() and (np.diff(pairs) >= -1e-9).all() and (np.diff(touched) >= -1e-6).all()


def test_an_even_spread_shares_pairs_equally():
    x = forms.numbers(moe.OPERATOR, rows(distribution="balanced"))
    pairs, touched = (np.asarray(a) for a in moe.load(forms.centre(moe.OPERATOR), x))
    even = x["tokens"] * x["topk"] / x["ep"]
    assert np.allclose(pairs, np.maximum(even, 1.0)) and np.allclose(touched, np.clip(even, 1.0, 32.0))


def test_the_busiest_of_one_rank_is_the_rank():
    x = forms.numbers(moe.OPERATOR, rows(moe_ep_size=1))
    pairs, _ = moe.load(forms.centre(moe.OPERATOR), x)
    assert np.allclose(np.asarray(pairs), x["tokens"] * x["topk"])


def test_a_gate_less_layer_has_two_matrices():
    x = forms.numbers(moe.OPERATOR, rows(kernel_source="moe_torch_flow_nongated"))
    assert (x["matrices"] == 2.0).all()


def test_an_unseen_number_of_experts_is_interpolated():
    found = operators.predict("moe", rows(num_experts=384))
    assert (found["novelty"] == "experts").all() and (found["status"] == "interpolated").all()
    beside = [operators.predict("moe", rows(num_experts=n))["seconds"] for n in (256, 512)]
    assert (found["seconds"] > 0.6 * np.minimum(*beside)).all() and (found["seconds"] < 1.6 * np.maximum(*beside)).all()


def test_a_system_without_measurements_is_extrapolated():
    found = operators.predict("moe", rows(system="gb300"))
    assert (found["status"] == "extrapolated").all() and (found["q05"] < found["seconds"]).all() and (found["seconds"] < found["q95"]).all()


def test_an_unknown_distribution_says_so():
    found = moe.predict(rows(distribution="gossip"), store.read("moe"))
    assert found["seconds"].isna().all() and (found["reason"] != "").all()


@measured
def test_errors_on_measured_rows_are_those_committed():
    from nvlinklab.calibration import crossval_operators

    drawn = forms.errors("moe", forms.sample("moe", 60))
    table = crossval_operators.read()
    committed = table[(table["op"] == "moe") & (table["fold"] == "all") & (table["novelty"] == "all") & (table["stratum"] == "all")]
    assert drawn["error"].median() < 1.25 * committed["median_ape"].iloc[0]
    assert drawn["inside"].mean() > 0.8
