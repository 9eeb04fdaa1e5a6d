import jax.numpy as jnp
import numpy as np
import pytest

from nvlinklab.analysis import sweep
from nvlinklab.errors import SpecError
from nvlinklab.hardware.catalog import load


def time(p):
    return {"time": p["alpha"] + p["n"] / p["bw"], "share": p["alpha"] / (p["alpha"] + p["n"] / p["bw"])}


POINT = {"alpha": 1e-6, "n": 1e6, "bw": 1e12}


def test_every_point_is_the_function_at_that_point():
    grid = sweep(time, POINT, {"n": [1e5, 1e6, 1e7], "bw": [1e11, 1e12]})
    assert dict(grid.sizes) == {"n": 3, "bw": 2}
    for n in grid["n"].values:
        for bw in grid["bw"].values:
            expected = time(POINT | {"n": n, "bw": bw})["time"]
            assert float(grid["time"].sel(n=n, bw=bw)) == pytest.approx(expected, rel=1e-15)


def test_axes_and_variables_carry_units_and_names():
    grid = sweep(time, POINT, {"bw": [1e12]}, units={"share": "1"})
    assert grid["time"].attrs == {"units": "s", "long_name": "Time"}
    assert grid["bw"].attrs["units"] == "B/s"
    assert grid.attrs["points"] == 1


def test_a_nested_path_is_an_axis():
    system = load("gb200-nvl72").spec
    grid = sweep(lambda s: s.gpu.mem_bw / s.scale_up.bw, system, {"scale_up.bw": [9e11, 1.8e12]}, name="ratio")
    np.testing.assert_allclose(grid["ratio"], [8e12 / 9e11, 8e12 / 1.8e12])


def test_an_impossible_point_is_marked_not_dropped():
    grid = sweep(lambda p: jnp.where(p["x"] > 2.0, jnp.nan, p["x"]), {"x": 1.0}, {"x": [1.0, 3.0]}, name="y")
    assert grid["feasible"].values.tolist() == [True, False]
    assert np.isnan(grid["y"].values[1])


def test_ten_thousand_points_trace_once():
    traces = 0

    def counted(p):
        nonlocal traces
        traces += 1
        return p["x"] * p["y"]

    sweep(counted, {"x": 1.0, "y": 1.0}, {"x": np.arange(1.0, 101.0), "y": np.arange(1.0, 101.0)})
    assert traces == 1


@pytest.mark.parametrize(("axes", "message"), [({"bandwidth": [1.0]}, "no parameter is called"), ({"bw": []}, "no values")])
def test_wrong_axes_are_refused(axes, message):
    with pytest.raises(SpecError, match=message):
        sweep(time, POINT, axes)
