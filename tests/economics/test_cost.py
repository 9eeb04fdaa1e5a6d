import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvlinklab._struct import leaf_units, leaves
from nvlinklab.economics import capex, tco
from tests.economics.checks import Case, assert_finite, check_case

YEAR = capex.YEAR
SYSTEM = tco.Ownership(
    price=3.3e6, life=5 * YEAR, rate=0.08 / YEAR, residual=3e5, power=1.3e5, pue=1.2, electricity=0.08 / 3.6e6, operations=0.01
)
POINT = {path: (value, leaf_units(SYSTEM)[path]) for path, value in leaves(SYSTEM).items()}
SERVED = {"x": (2e5, "tok/s"), "u": (0.6, "1"), "a": (0.95, "1")}
LOAN = {"rate": (0.08 / YEAR, "1/s"), "life": (5 * YEAR, "s"), "period": (YEAR, "s")}


def owned(p):
    return tco.cost_rate(tco.Ownership(**{name: p[name] for name in POINT}))


def per_token(p):
    return tco.token_cost(owned(p), tco.served_rate(p["x"], p["u"], p["a"]))


CASES = {
    "recovery": Case(lambda p: capex.capital_recovery(**p), LOAN, "1/s", "rate", "life"),
    "continuous": Case(
        lambda p: capex.continuous_recovery(p["rate"], p["life"]), {n: LOAN[n] for n in ("rate", "life")}, "1/s", "rate", "life"
    ),
    "annuity": Case(
        lambda p: capex.annuity(**p), {"price": (3e6, "USD"), "residual": (3e5, "USD"), **LOAN}, "USD/s", "price rate", "residual life"
    ),
    "straight line": Case(
        lambda p: capex.straight_line(**p), {"price": (3e6, "USD"), "life": (5 * YEAR, "s"), "residual": (3e5, "USD")}, "USD/s",
        "price", "life residual",
    ),
    "book value": Case(
        lambda p: capex.book_value(**p),
        {"price": (3e6, "USD"), "life": (5 * YEAR, "s"), "age": (2 * YEAR, "s"), "residual": (3e5, "USD")}, "USD", "price life", "age",
    ),
    "residual": Case(
        lambda p: capex.residual_value(**p), {"price": (3e6, "USD"), "decline": (0.4 / YEAR, "1/s"), "age": (2 * YEAR, "s")}, "USD",
        "price", "decline age",
    ),
    "poisson": Case(lambda p: capex.poisson_yield(**p), {"area": (8e-4, "m^2"), "defects": (1e3, "1/m^2")}, "1", falls="area defects"),
    "murphy": Case(lambda p: capex.murphy_yield(**p), {"area": (8e-4, "m^2"), "defects": (1e3, "1/m^2")}, "1", falls="area defects"),
    "clustered": Case(
        lambda p: capex.clustered_yield(**p), {"area": (8e-4, "m^2"), "defects": (1e3, "1/m^2"), "clustering": (2.0, "1")}, "1",
        falls="area defects clustering",
    ),
    "assembly": Case(lambda p: capex.assembly_yield(p["y"], p["n"]), {"y": (0.97, "1"), "n": (78.0, "1")}, "1", "y", "n"),
    "good": Case(
        lambda p: capex.cost_per_good(p["c"], p["y"], p["s"]), {"c": (1e4, "USD"), "y": (0.6, "1"), "s": (1e3, "USD")}, "USD", "c", "y s"
    ),
    "owned": Case(lambda p: tco.total(owned(p)), POINT, "USD/s", "price rate power pue electricity operations", "residual life"),
    "token": Case(lambda p: tco.total(per_token(p)), {**POINT, **SERVED}, "USD/token", "price power", "x u a"),
    "energy": Case(
        lambda p: tco.electricity_cost(p["power"], p["price"], p["pue"]),
        {"power": (1e5, "W"), "price": (2e-8, "USD/J"), "pue": (1.2, "1")}, "USD/s", "power price pue",
    ),
    "bound": Case(
        lambda p: tco.bound_throughput(p["x"], p["new"], p["old"]),
        {"x": (3e4, "tok/s"), "new": (4e15, "B/s"), "old": (1e15, "B/s")}, "tok/s", "x new", "old",
    ),
    "crossover": Case(
        lambda p: tco.price_crossover(p["large"], p["small"], p["spares"]),
        {"large": (0.2, "USD/s"), "small": (0.05, "USD/s"), "spares": (1.0, "1")}, "1", "large spares", "small",
    ),
    "rented": Case(lambda p: tco.rented_token_cost(p["r"], p["x"]), {"r": (1e-3, "USD/s"), "x": (1e3, "tok/s")}, "USD/token", "r", "x"),
    "time": Case(lambda p: tco.time_value(p["c"], p["t"]), {"c": (1.0, "USD/s"), "t": (0.02, "s")}, "USD/s^2", "c", "t"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=2, deadline=None)
@given(factors=st.lists(st.floats(0.8, 1.02), min_size=12, max_size=12))
def test_units_slopes_and_directions(name, factors):
    check_case(CASES[name], factors)


def test_the_recovery_factor_repays_the_loan():
    i, n = 0.08, 5
    payment = float(capex.capital_recovery(i / YEAR, n * YEAR)) * YEAR
    assert payment == pytest.approx(0.2504564545, rel=1e-9)  # the usual table: 8 %, 5 years
    owed = 1.0
    for _ in range(n):
        owed = owed * (1 + i) - payment
    assert owed == pytest.approx(0.0, abs=1e-12)


def test_without_interest_it_is_the_straight_line():
    assert float(capex.capital_recovery(0.0, 5 * YEAR)) == pytest.approx(1 / (5 * YEAR), rel=1e-14)
    assert float(capex.annuity(3e6, 0.0, 5 * YEAR, 3e5)) == pytest.approx(capex.straight_line(3e6, 5 * YEAR, 3e5))
    assert float(capex.annuity(3e6, 1e-9 / YEAR, 5 * YEAR)) == pytest.approx(capex.straight_line(3e6, 5 * YEAR), rel=1e-8)
    assert_finite(lambda p, r, t, v: capex.annuity(p, r, t, v, YEAR), 3e6, 0.0, 5 * YEAR, 0.0)
    # (n + 1) / (2 n) per period and unit of interest: the slope of the factor at none
    slope = float(jax.grad(lambda i: capex.capital_recovery(i / YEAR, 5 * YEAR))(0.0)) * YEAR
    assert slope == pytest.approx(6 / 10, rel=1e-12)


@settings(max_examples=10, deadline=None)
@given(st.floats(0.0, 1e-6) | st.floats(1e-6, 0.5), st.floats(0.5, 30.0))
def test_interest_only_adds(i, years):
    found = float(capex.capital_recovery(i / YEAR, years * YEAR)) * YEAR
    assert found >= 1 / years * (1 - 1e-12) and found >= i
    if i > 1e-4:
        assert found == pytest.approx(i / (1 - (1 + i) ** -years), rel=1e-10)
    assert_finite(lambda r: capex.capital_recovery(r, years * YEAR), i / YEAR)


def test_short_periods_approach_continuous_interest():
    daily = float(capex.capital_recovery(0.08 / YEAR, 5 * YEAR, 3600.0))
    assert daily == pytest.approx(float(capex.continuous_recovery(0.08 / YEAR, 5 * YEAR)), rel=1e-5)


def test_the_book_value_ends_at_the_residual():
    assert float(capex.book_value(10.0, 5.0, 0.0, 1.0)) == 10.0
    assert float(capex.book_value(10.0, 5.0, 5.0, 1.0)) == float(capex.book_value(10.0, 5.0, 9.0, 1.0)) == 1.0


def test_yield_models_are_ordered_and_meet_without_defects():
    for x in (0.1, 1.0, 4.0):
        poisson, murphy, clustered = (float(f) for f in (capex.poisson_yield(x, 1.0), capex.murphy_yield(x, 1.0),
                                                         capex.clustered_yield(x, 1.0, 2.0)))  # fmt: skip
        assert poisson < murphy < clustered < 1.0
    assert float(capex.clustered_yield(1.0, 1.0, 1e7)) == pytest.approx(np.exp(-1.0), rel=1e-6)
    assert float(capex.poisson_yield(8e-4, 1e3)) == pytest.approx(np.exp(-0.8))
    for model in (capex.poisson_yield, capex.murphy_yield, lambda a, d: capex.clustered_yield(a, d, 2.0)):
        assert float(model(0.0, 1e3)) == 1.0
        assert_finite(model, 0.0, 0.0)
        assert_finite(model, 1.0, 1e6)


def test_bad_parts_are_paid_for():
    assert capex.cost_per_good(100.0, 1.0) == 100.0
    assert capex.cost_per_good(100.0, 0.5) == 200.0
    assert capex.cost_per_good(100.0, 0.5, 100.0) == 100.0
    assert capex.assembly_yield(0.999, 78.0) == pytest.approx(0.999**78)


def test_the_parts_of_the_cost_add_up():
    rate = tco.cost_rate(SYSTEM)
    assert float(tco.total(rate)) == pytest.approx(sum(map(float, leaves(rate).values())))
    assert rate.electricity == pytest.approx(130.0 * 1.2 * 0.08 / 3600.0)  # kW times USD/kWh, per hour
    assert rate.operations == 0.01 and float(rate.capital) == pytest.approx(float(capex.annuity(3.3e6, 0.08 / YEAR, 5 * YEAR, 3e5)))
    token = tco.token_cost(rate, 1e5)
    assert float(tco.total(token)) == pytest.approx(float(tco.total(rate)) / 1e5)
    assert float(tco.total(token)) == pytest.approx(tco.rented_token_cost(float(tco.total(rate)), 1e5))


def test_a_worked_example():
    # 3 MUSD a year of depreciation and 0.3 MUSD of electricity over 25 000 tok/s: 4.18 USD per million tokens
    o = tco.Ownership(price=6e6, life=2 * YEAR, power=0.3e6 / YEAR / (0.1 / 3.6e6), electricity=0.1 / 3.6e6)
    cost = tco.total(tco.token_cost(tco.cost_rate(o), tco.served_rate(25e3)))
    assert float(tco.per_million(cost)) == pytest.approx(3.3e6 / YEAR / 25e3 * 1e6)
    assert float(tco.per_million(cost)) == pytest.approx(4.18, abs=0.005)


def test_cost_is_inverse_in_what_is_served_and_free_parts_are_clean():
    rate = tco.cost_rate(SYSTEM)
    full, half = (float(tco.total(tco.token_cost(rate, tco.served_rate(1e5, u)))) for u in (1.0, 0.5))
    assert half == pytest.approx(2 * full)
    assert_finite(lambda p, r, w, o: tco.total(tco.cost_rate(tco.Ownership(price=p, life=YEAR, rate=r, power=w, operations=o))), 0, 0, 0, 0)


def test_systems_are_bought_whole():
    needed = tco.whole_systems(np.array([0.0, 1.0, 10.0, 10.1]), 10.0, 1.0)
    assert np.asarray(needed).tolist() == [1.0, 2.0, 2.0, 3.0]
