"""Matrix products: limits, units, gradients, and the committed fit against measurements."""

import numpy as np
import pandas as pd
import pytest

from nvlinklab.calibration import operators, store
from nvlinklab.calibration.operators import gemm
from nvlinklab.io import silicon
from tests.calibration import forms

measured = pytest.mark.skipif(not silicon.available(), reason="the extra `silicon` is not installed")


def rows(**columns: object) -> pd.DataFrame:
    base = {"system": "gb200", "engine": "trtllm", "engine_version": "1.3.0rc20", "kernel_source": "torch_flow", "gemm_dtype": "bfloat16"}
    shapes = {"m": [3, 96, 700, 9000], "n": [700, 2100, 7168, 4096], "k": [512, 7168, 2048, 5000]}
    return pd.DataFrame(base | shapes | columns)


def test_gradients_equal_finite_differences():
    assert forms.gradient_error(gemm.OPERATOR, rows()) < 1e-6


def test_times_have_one_unit_but_for_the_power_limit():
    """The onset of the power limit is a fixed time, so that only products far below or without it scale with the second."""
    operator = gemm.OPERATOR
    still = operator._replace(parameters=tuple(p._replace(prior=1e-12) if p.name == "sustained" else p for p in operator.parameters))
    assert forms.seconds_rule(still, rows()) < 1e-9


def test_more_bandwidth_and_more_flops_never_cost_time():
    for column in ("mem_bw", "flops"):
        assert (forms.faster(gemm.OPERATOR, rows(), column) >= 1.0).all()


def test_large_products_run_at_the_share_of_the_peak():
    v = forms.centre(gemm.OPERATOR) | dict.fromkeys(("sustained", "tile", "fetch"), 1e-12) | {"knee": 7.9, "choice": 59.0, "fixed": 1e-9}
    x = forms.numbers(gemm.OPERATOR, rows(m=[2**15] * 4, n=[2**15] * 4, k=[2**13] * 4))
    rate = 2.0 * x["m"] * x["n"] * x["k"] / np.asarray(gemm.time(v, x)) / x["flops"]
    assert ((rate > 0.9 * v["compute"]) & (rate <= v["compute"])).all()


def test_a_vector_reads_the_weights_once():
    v = forms.centre(gemm.OPERATOR)
    x = forms.numbers(gemm.OPERATOR, rows(m=[1] * 4, n=[2**16] * 4, k=[2**16] * 4))
    bound = x["n"] * x["k"] * x["width"] / x["mem_bw"]
    time = np.asarray(gemm.time(v, x))
    assert ((time > bound) & (time < 2.0 * bound / v["memory"])).all()


def test_tiles_count_whole_waves():
    """A few tiles more than the processors hold cost a second round of a kernel that counts whole waves."""
    v = forms.centre(gemm.OPERATOR) | {"waves": 1.0 - 1e-9, "knee": 7.9}
    x = forms.numbers(gemm.OPERATOR, rows(m=[128 * 4] * 4, n=[128 * 37] * 4, k=[4096] * 4))
    full, over = (np.asarray(gemm.tiling_times(v, x | {"n": x["n"] + extra}))[0] for extra in (0.0, 128.0))
    square = int(np.flatnonzero((gemm.TILINGS == (128, 128, 1)).all(axis=1))[0])
    assert over[square] / full[square] > 1.7


def test_a_ruled_kernel_uses_the_tile_of_its_rows():
    """Where the rows alone decide, a product of 64 and one of 512 rows take the time of their tile, whatever would be faster."""
    v = forms.centre(gemm.OPERATOR) | {"fixed": 1.0 - 1e-12, "alpha": 1e-15, "row": 1e-18, "convert": 1e-12}
    x = forms.numbers(gemm.OPERATOR, rows(m=[64, 64, 512, 512]))
    each = np.asarray(gemm.tiling_times(v, x))
    tile = [(t == gemm.TILINGS).all(axis=1) for t in ((64, 64, 1), (64, 64, 1), (128, 128, 1), (128, 128, 1))]
    assert np.asarray(gemm.time(v, x)) == pytest.approx([row[i][0] for row, i in zip(each, tile, strict=True)])


def test_a_conversion_takes_whole_passes():
    v = forms.centre(gemm.OPERATOR) | {"whole": 1.0 - 1e-12, "convert": 39.0}
    x = forms.numbers(gemm.OPERATOR, rows(m=[2**15] * 4, n=[8] * 4, k=[1500, 2048, 2049, 4096]))
    one, also, two, both = np.asarray(gemm.time(v, x))
    assert one == pytest.approx(also, rel=0.05) and two == pytest.approx(both, rel=0.05) and two > 1.5 * also


def test_an_unknown_format_says_so():
    found = gemm.predict(rows(gemm_dtype="fp3"), store.read("gemm"))
    assert found["seconds"].isna().all() and found["reason"].str.contains("unknown format").all()


def test_an_unknown_system_says_which_there_are():
    found = gemm.predict(rows(system="abacus"), store.read("gemm"))
    assert found["seconds"].isna().all() and found["reason"].str.contains("gb200").all()


def test_a_system_without_measurements_is_extrapolated_from_its_chip():
    found = operators.predict("gemm", rows(system="gb300"))
    assert (found["novelty"] == "system").all() and (found["status"] == "extrapolated").all()
    assert (found["q05"] < found["seconds"]).all() and (found["seconds"] < found["q95"]).all()


def test_an_unknown_engine_has_wider_intervals():
    known, new = (operators.predict("gemm", rows(engine=e)) for e in ("trtllm", "someone"))
    assert (new["novelty"] == "engine").all()
    assert (new["q95"] / new["q05"] > known["q95"] / known["q05"]).all()


@measured
def test_errors_on_measured_rows_are_those_committed():
    from nvlinklab.calibration import crossval_operators

    drawn = forms.errors("gemm", forms.sample("gemm", 60).query("gemm_dtype in ['bfloat16', 'fp8']"))
    table = crossval_operators.read()
    committed = table[(table["op"] == "gemm") & (table["fold"] == "all") & (table["stratum"].str.match("bfloat16|fp8/"))]["median_ape"]
    assert drawn["error"].median() < 1.25 * committed.max()
    assert drawn["inside"].mean() > 0.8


def test_the_command_prints_what_the_rows_decided(capsys):
    from nvlinklab.commands.calibrate import _print

    _print({"gemm": store.read("gemm")})
    assert "decided by" in capsys.readouterr().out
