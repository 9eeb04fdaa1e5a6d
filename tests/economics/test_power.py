import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvlinklab import units
from nvlinklab._struct import leaf_units, leaves
from nvlinklab.economics import growth, power, thermal
from nvlinklab.errors import SpecError
from tests.economics.checks import Case, assert_finite, check_case

RACK = power.Rack(
    gpus=72.0, gpu_power=1200.0, cpus=36.0, cpu_power=300.0, switches=18.0, switch_power=400.0, nics=72.0, nic_power=30.0, other=4e3,
    efficiency=0.97,
)  # fmt: skip
RACK_POINT = {path: (value, leaf_units(RACK)[path]) for path, value in leaves(RACK).items()}
SITE = {"it": (1.2e5, "W"), "cop": (8.0, "1"), "loss": (0.05, "1")}


def site(p):
    return power.site_power(p["it"], p["cop"], p["loss"])


CASES = {
    "rack": Case(lambda p: power.total_it(power.it_power(power.Rack(**p))), RACK_POINT, "W", "gpus gpu_power other", "efficiency"),
    "site": Case(lambda p: power.total_site(site(p)), SITE, "W", "it loss", "cop"),
    "pue": Case(lambda p: power.pue(site(p)), SITE, "1", "loss", "cop"),
    "cop": Case(lambda p: power.mixed_cop(p["share"], p["a"], p["b"]), {"share": (0.6, "1"), "a": (20.0, "1"), "b": (4.0, "1")}, "1"),
    "cop of pue": Case(lambda p: power.cop_of_pue(1.0 + p["x"]), {"x": (0.2, "1")}, "1", falls="x"),
    "energy": Case(lambda p: power.energy_per_token(p["w"], p["x"]), {"w": (1e5, "W"), "x": (1e5, "tok/s")}, "J/token", "w", "x"),
    "per rate": Case(lambda p: power.power_per_rate(p["w"], p["f"]), {"w": (1e5, "W"), "f": (1e18, "FLOP/s")}, "J/FLOP", "w", "f"),
    "current": Case(lambda p: power.bus_current(p["w"], p["v"]), {"w": (1e5, "W"), "v": (50.0, "V")}, "W/V", "w", "v"),
    "bus loss": Case(
        lambda p: power.bus_loss(p["w"], p["v"], p["r"]), {"w": (1e5, "W"), "v": (50.0, "V"), "r": (1e-5, "V^2/W")}, "W", "w r", "v"
    ),
    "flux": Case(lambda p: thermal.heat_flux(p["w"], p["a"]), {"w": (2e3, "W"), "a": (8e-4, "m^2")}, "W/mm^2", "w", "a"),
    "flow": Case(
        lambda p: thermal.coolant_flow(p["w"], p["dt"], p["cp"]), {"w": (1e5, "W"), "dt": (10.0, "K"), "cp": (4e3, "J/(kg*K)")}, "kg/s",
        "w", "dt cp",
    ),
    "rise": Case(
        lambda p: thermal.coolant_rise(p["w"], p["m"], p["cp"]), {"w": (1e5, "W"), "m": (2.0, "kg/s"), "cp": (4e3, "J/(kg*K)")}, "K",
        "w", "m cp",
    ),
    "volume": Case(lambda p: thermal.volume_flow(p["m"], p["d"]), {"m": (2.0, "kg/s"), "d": (997.0, "kg/m^3")}, "m^3/s", "m", "d"),
    "film": Case(
        lambda p: thermal.film_coefficient(p["d"], p["k"], p["nu"]), {"d": (1e-4, "m"), "k": (0.6, "W/(m*K)"), "nu": (4.0, "1")},
        "W/(m^2*K)", "k nu", "d",
    ),
    "film rise": Case(
        lambda p: thermal.film_rise(p["q"], p["h"], p["e"]), {"q": (2.5e6, "W/m^2"), "h": (2.6e4, "W/(m^2*K)"), "e": (4.0, "1")}, "K",
        "q", "h e",
    ),
    "cycles": Case(lambda p: thermal.cycles_ratio(p["s"], p["r"]), {"s": (30.0, "K"), "r": (20.0, "K")}, "1", "r", "s"),
    "limit": Case(
        lambda p: thermal.power_limit(p["a"], p["dt"], p["r"]), {"a": (1.6e-3, "m^2"), "dt": (45.0, "K"), "r": (2e-5, "m^2*K/W")}, "W",
        "a dt", "r",
    ),
    "boiling": Case(
        lambda p: thermal.boiling_limit(p["h"], p["v"], p["l"], p["s"], p["g"]),
        {"h": (8.8e4, "J/kg"), "v": (13.4, "kg/m^3"), "l": (1510.0, "kg/m^3"), "s": (8.5e-3, "kg/s^2"), "g": (9.8, "m/s^2")}, "W/m^2",
        "h v l s g",
    ),
    "fatigue": Case(
        lambda p: thermal.fatigue_life(p["s"], p["f"], p["r"], p["n"]),
        {"s": (25.0, "K"), "f": (1e-5, "1/s"), "r": (100.0, "K"), "n": (1000.0, "1")}, "s", "r n", "s f",
    ),
    "growth": Case(
        lambda p: growth.yearly_growth(p["a"], p["b"], 2024.0, 2024.0 + p["y"]), {"a": (1.2e5, "W"), "b": (6e5, "W"), "y": (3.0, "1")},
        "1", "b", "a",
    ),
    "extrapolate": Case(
        lambda p: growth.extrapolate(p["a"], p["b"], 0.0 * p["t"], p["t"], 1.3 * p["t"]),
        {"a": (1.2e5, "W"), "b": (6e5, "W"), "t": (3.0, "date")}, "W", "b",
    ),
    "reached": Case(
        lambda p: growth.date_reached(p["a"], p["b"], 0.0 * p["t"], p["t"], p["v"]),
        {"a": (1.2e5, "W"), "b": (6e5, "W"), "t": (3.0, "date"), "v": (1e6, "W")}, "date", "v t", "b",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=2, deadline=None)
@given(factors=st.lists(st.floats(0.8, 1.02), min_size=10, max_size=10))
def test_units_slopes_and_directions(name, factors):
    check_case(CASES[name], factors)


def test_the_parts_of_a_rack_add_up():
    parts = power.it_power(RACK)
    assert power.total_it(parts) == pytest.approx(sum(leaves(parts).values()))
    assert power.total_it(parts) * RACK.efficiency == pytest.approx(72 * 1200 + 36 * 300 + 18 * 400 + 72 * 30 + 4000)
    whole = power.it_power(power.Rack(gpus=72.0, gpu_power=1000.0))
    assert whole.conversion == 0.0 and power.total_it(whole) == 72e3


def test_pue_and_cop_are_inverse():
    found = power.site_power(2e5, 10.0)
    assert power.pue(found) == pytest.approx(1.1) and power.total_site(found) == pytest.approx(2.2e5)
    assert power.cop_of_pue(1.1) == pytest.approx(10.0)
    assert power.cop_of_pue(power.pue(power.site_power(1.0, 7.0, 0.04)), 0.04) == pytest.approx(7.0)
    assert power.pue(power.site_power(1e5, np.inf)) == 1.0
    assert power.mixed_cop(1.0, 20.0, 4.0) == 20.0 and power.mixed_cop(0.0, 20.0, 4.0) == 4.0


def test_familiar_numbers():
    assert power.power_per_rate(120e3, 0.72e18) / units.factor("kW/(EFLOP/s)") == pytest.approx(166.7, abs=0.05)
    assert units.from_si(thermal.heat_flux(2000.0, 800e-6), "W/mm^2") == pytest.approx(2.5)
    flow = thermal.volume_flow(thermal.coolant_flow(115e3, 10.0))  # 2.75 kg/s
    assert units.from_si(flow, "L/min") == pytest.approx(165.3, abs=0.1)
    assert thermal.coolant_rise(115e3, thermal.coolant_flow(115e3, 10.0)) == pytest.approx(10.0)
    assert power.bus_current(120e3, 50.0) == 2400.0
    assert thermal.cycles_ratio(20.0, 30.0) == pytest.approx(2.25)
    assert thermal.film_coefficient(100e-6, 0.6, 4.0) == pytest.approx(24e3)


def test_limits_of_plates_and_pools():
    # 790 W/cm2 at 71 K, Tuckerman and Pease 1981: 9 mm2 K/W
    assert thermal.power_limit(1e-4, 71.0, 71.0 / 7.9e6) == pytest.approx(790.0)
    # water at one bar: 1.1 MW/m2 in the textbooks
    assert thermal.boiling_limit(2.257e6, 0.598, 958.0, 0.0589) == pytest.approx(1.1e6, rel=0.02)
    day = units.factor("d")
    assert thermal.fatigue_life(100.0, 1.0 / day, 100.0, 365.0) == pytest.approx(365.0 * day)
    assert thermal.fatigue_life(25.0, 2.0 / day, 100.0, 1000.0) == pytest.approx(8000.0 * day)  # 16 times the cycles, twice a day


def test_growth_round_trips():
    assert float(growth.date_reached(120e3, 600e3, 2024.0, 2027.0, 600e3)) == pytest.approx(2027.0)
    assert growth.extrapolate(120e3, 600e3, 2024.0, 2027.0, growth.date_reached(120e3, 600e3, 2024.0, 2027.0, 1e6)) == pytest.approx(1e6)
    factor = growth.yearly_growth(120e3, 600e3, 2024.0, 2027.0)
    assert factor**3 == pytest.approx(5.0)
    assert float(growth.doubling_time(factor)) == pytest.approx(3 * np.log(2) / np.log(5))
    assert growth.extrapolate(120e3, 600e3, 2024.0, 2027.0, 2027.0) == pytest.approx(600e3)
    assert growth.extrapolate(120e3, 600e3, 2024.0, 2027.0, 2030.0) == pytest.approx(3e6)


DATES, VALUES = np.array([2020.0, 2022.0, 2024.0, 2027.0]), np.array([1.0, 2.5, 3.5, 11.0])


def test_the_trend_agrees_with_scipy():
    from scipy.stats import linregress

    fit, line = growth.fit_trend(DATES, VALUES), linregress(DATES, np.log(VALUES))
    assert float(fit.rate) == pytest.approx(line.slope)
    assert float(jnp.sqrt(fit.spread / fit.span)) == pytest.approx(line.stderr)
    assert float(growth.forecast(fit, 2030.0, 2.0).middle) == pytest.approx(np.exp(line.intercept + line.slope * 2030.0))


def test_the_interval_holds_the_middle_and_widens():
    fit = growth.fit_trend(DATES, VALUES)
    near, far = (growth.forecast(fit, date, growth.student_quantile(4)) for date in (2024.0, 2030.0))
    assert near.low < near.middle < near.high and far.high / far.middle > near.high / near.middle
    assert float(near.high / near.middle) == pytest.approx(float(near.middle / near.low))


def test_points_on_a_line_have_no_interval_and_clean_slopes():
    def high(rate):
        fit = growth.Trend(middle=2024.0, level=1.0, rate=rate, spread=0.0 * rate, span=10.0, points=4.0)
        return growth.forecast(fit, 2030.0, 2.0).high

    assert_finite(high, 0.3)
    assert float(growth.fit_trend(DATES, np.exp(0.5 * (DATES - 2020.0))).rate) == pytest.approx(0.5)


def test_the_trend_scales_with_its_values():
    one, two = growth.fit_trend(DATES, VALUES), growth.fit_trend(DATES, VALUES * 1e3)
    assert float(two.level / one.level) == pytest.approx(1e3) and float(two.rate) == pytest.approx(float(one.rate))


def test_too_few_points_are_refused():
    with pytest.raises(SpecError, match="extrapolate"):
        growth.fit_trend(DATES[:2], VALUES[:2])
    with pytest.raises(SpecError, match="shape"):
        growth.fit_trend(DATES, VALUES[:3])
    with pytest.raises(SpecError, match="at least 3"):
        growth.student_quantile(2)
