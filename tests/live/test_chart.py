"""What a live chart is made of, and what it refuses."""

import json

import jax.numpy as jnp
import pytest
import vl_convert

from nvlinklab import live
from nvlinklab.bookext.charts import VEGA_LITE
from nvlinklab.errors import SpecError, UnitError
from nvlinklab.live import Slider
from nvlinklab.live.sliders import knob
from nvlinklab.plotting import theme
from tests.live.parity import chart_gap
from tests.live.test_page import POINT, UNITS, transfer

SIZE = Slider("size", 1e-3, 1e3, "MB", "Message", log=True)
BAND = Slider("bw", 50.0, 1800.0, "GB/s", "Bandwidth")
LINKS = {"NVLink": {"alpha": 2e-6, "bw": 9e11}, "InfiniBand": {"alpha": 5e-6, "bw": 5e10}}


@pytest.fixture(scope="module", autouse=True)
def our_theme():
    theme.enable()


def made(**changes):
    usual = {"x": SIZE, "title": "Time of a message", "y_title": "Time", "unit": "us", "units": UNITS}
    return live.prepare(transfer, POINT, **usual | changes)


def test_the_same_chart_every_time():
    first, second = (json.dumps(made(sliders=[BAND], elasticity="all").chart.to_dict()) for _ in range(2))
    assert first == second


FORMS = [{}, {"stacked": True}, {"log_y": True, "elasticity": "all", "sliders": [BAND]}, {"scenarios": LINKS}]


@pytest.mark.parametrize("changes", FORMS, ids=str)
def test_every_form_draws_as_a_still_picture(changes):
    spec = made(**changes).chart.to_dict()
    drawn = vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE)
    assert "Time (us)" in drawn
    assert "Message (MB)" in drawn
    assert ">3.11 us<" in drawn or ">5.11 us<" in drawn  # the marked point, or the sum of the stacked ones


@pytest.mark.parametrize("version", ["5.8", VEGA_LITE])
def test_jupyterlab_and_the_book_draw_the_same(version):
    """JupyterLab has a Vega-Lite 5; nothing here needs a newer one."""
    spec = made(sliders=[BAND], elasticity="all").chart.to_dict()
    lines = vl_convert.vegalite_to_svg(spec, vl_version=version).count('aria-roledescription="line mark"')
    assert lines >= 2 + 2  # the results, and the elasticities


def test_the_description_has_the_numbers():
    text = made(sliders=[BAND]).chart.to_dict()["description"]
    assert "all from 2 at 0.001 to 1,113 at 1,000, 3.11 at 1" in text
    assert "Bandwidth (GB/s) from 50 to 1,800, now 900" in text


def test_scenarios_set_inputs_and_the_first_is_the_start(runtime):
    made_here = made(scenarios=LINKS, sliders=[], elasticity="all")
    assert [i.default for i in made_here.program.inputs] == [1e6, 2e-6, 9e11]
    values, slopes = chart_gap(runtime, made_here)
    assert max(values.worst, slopes.worst) <= 1e-12


def test_a_scalar_function_draws_one_line():
    spec = live.chart(lambda p: p["a"] ** 2, {"a": 2.0}, x=Slider("a", 1.0, 3.0), title="A square", y_title="Square").to_dict()
    assert spec["usermeta"]["live"]["results"] == [{"field": "y0", "label": "Square", "unit": "1"}]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": Slider("sise", 1.0, 2.0, "MB")}, "did you mean 'size'"),
        ({"sliders": [Slider("size", 1.0, 2.0, "MB")]}, "moved by two controls"),
        ({"sliders": [BAND], "scenarios": LINKS}, "bw: moved by two controls"),
        ({"scenarios": {"a": {"bw": 1.0}, "b": {"alpha": 1.0}}}, "every scenario sets the same inputs"),
        ({"scenarios": {"a": {"bandwidth": 1.0}}}, "no parameter is called 'bandwidth'"),
        ({"outputs": {"al": "x"}}, "did you mean 'all'"),
        ({"elasticity": True}, "say whose elasticities"),
        ({"elasticity": "bw"}, "expected one of the results drawn"),
        ({"sliders": [BAND._replace(high=800.0)]}, "900 GB/s, outside its slider from 50 to 800"),
        ({"sliders": [BAND._replace(low=5000.0)]}, "give low < high"),
        ({"sliders": [Slider("bw", 0.0, 1800.0, "GB/s", log=True)]}, "needs a positive end"),
        ({"sliders": [Slider("alpha", unit="us", choices=(1.0, 5.0))]}, "none of its choices 1, 5"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(changes, message):
    with pytest.raises(SpecError, match=message):
        made(**changes)


def test_a_unit_of_another_kind_is_refused():
    with pytest.raises(UnitError, match="a slider in GB cannot move it"):
        made(sliders=[Slider("bw", 50.0, 1800.0, "GB")])


def test_an_operation_without_counterpart_is_refused():
    with pytest.raises(live.UnsupportedPrimitive, match="sort"):
        live.chart(lambda p: jnp.sort(jnp.array([p["a"], 1.0]))[0], {"a": 2.0}, x=Slider("a", 1.0, 3.0), title="t", y_title="y")


def test_a_slider_knows_the_names_of_the_model():
    made_here = knob(Slider("gpu.mem_bw", 1.0, 20.0, "TB/s"), {"gpu.mem_bw": 8e12}, {"gpu.mem_bw": "B/s"}, [])
    assert made_here.title == "Memory bandwidth (TB/s)"
    assert (made_here.value, made_here.si) == (8.0, "p_mem_bw * 1000000000000")
    again = knob(Slider("other.mem_bw", 1.0, 20.0, "TB/s"), {"other.mem_bw": 8e12}, {}, [made_here.signal])
    assert again.signal != made_here.signal
