"""Contention, signal reach, wiring and energy against textbook values."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from nvlinklab import units
from nvlinklab.analysis.sensitivity import elasticities, sum_rule_residual
from nvlinklab.errors import SpecError
from nvlinklab.network import collectives as flat
from nvlinklab.network import contention as con
from nvlinklab.network import energy, hierarchical, knee, loggp, reach, wiring
from nvlinklab.network.alphabeta import Link, transfer_time
from nvlinklab.network.parts import best, fastest, slowest, total

LINK = Link(alpha=2e-6, bw=9e11)

# Messages


def test_loggp_holds_alpha_beta():
    gp = loggp.from_link(LINK)
    assert loggp.message_time(gp, 1e6) == pytest.approx(transfer_time(LINK, 1e6))
    assert loggp.to_link(gp).alpha == LINK.alpha
    assert loggp.to_link(gp).bw == pytest.approx(LINK.bw)


def test_a_burst_is_its_first_message_and_the_rate_of_the_others():
    gp = loggp.LogGP(latency=1e-6, overhead=2e-7, gap=5e-7, byte_gap=1e-12)
    assert float(loggp.burst_time(gp, 1e4, 1.0)) == pytest.approx(float(loggp.message_time(gp, 1e4)))
    step = float(loggp.burst_time(gp, 1e4, 101.0) - loggp.burst_time(gp, 1e4, 1.0)) / 100
    assert 1.0 / step == pytest.approx(float(loggp.message_rate(gp, 1e4)))


def test_the_knee_lies_above_the_sum_and_ends_in_its_limits():
    assert float(knee.knee_time(LINK, 1.8e6)) == pytest.approx(2 * LINK.alpha * knee.knee_excess())
    assert knee.knee_excess() == pytest.approx(1.53, abs=0.01)
    assert float(knee.knee_time(LINK, 1.8e6, 1.0)) == pytest.approx(transfer_time(LINK, 1.8e6))
    assert float(knee.knee(3.0, 4.0, 2.0)) == pytest.approx(5.0)
    assert float(knee.knee(1.0, 3.0, 200.0)) == pytest.approx(3.0)
    assert [float(knee.knee(0.0, 2.0)), float(knee.knee(2.0, 0.0)), float(knee.knee(0.0, 0.0))] == [2.0, 2.0, 0.0]
    np.testing.assert_allclose(jax.grad(knee.knee, argnums=(0, 1))(2.0, 2.0), (2 ** (1 / 0.62 - 1),) * 2)  # smooth where parts are equal


# Choosing


def test_selection_keeps_the_breakdown():
    options = {name: fn(LINK, 1e3, 8.0) for name, fn in flat.ALGORITHMS["all_reduce"].items() if name not in flat.NEEDS_SWITCH}
    chosen = best(options)
    assert list(options)[int(fastest(options))] == "one_shot"
    assert float(chosen.latency) == float(options["one_shot"].latency)
    assert float(slowest(*options.values())) == max(float(o.total) for o in options.values())
    assert float(total(*options.values())) == pytest.approx(sum(float(o.total) for o in options.values()))


def test_a_switch_cannot_reduce_an_all_to_all():
    with pytest.raises(SpecError, match="neither reduce nor copy"):
        flat.collective("all_to_all", LINK, 1e6, 8.0, "in_network")
    with pytest.raises(SpecError, match="did you mean 'all_reduce'"):
        flat.collective("allreduce", LINK, 1e6, 8.0)
    with pytest.raises(SpecError, match="it has: best, ring"):
        flat.collective("all_gather", LINK, 1e6, 8.0, "butterfly")
    with pytest.raises(SpecError, match="did you mean 'ring'"):
        hierarchical.all_gather(hierarchical.Fabric(domain=8.0, up=LINK, out=LINK), 1e6, 16.0, up="rings")
    with pytest.raises(SpecError, match="at least one"):
        best({})


@pytest.mark.parametrize("op", ["all_gather", "reduce_scatter", "all_to_all"])
def test_in_network_help_changes_nothing_but_all_reduce_and_broadcast(op):
    plain, helped = (flat.collective(op, LINK, 1e9, 72.0, in_network=flag).total for flag in (False, True))
    assert float(plain) == float(helped)


def test_all_reduce_counts():
    unit, algorithms = Link(alpha=1.0, bw=1.0), flat.ALGORITHMS["all_reduce"]
    steps = {name: float(fn(unit, 1.0, 64.0).latency) for name, fn in algorithms.items()}
    sent = {name: float(fn(unit, 1.0, 64.0).transfer) for name, fn in algorithms.items()}
    assert steps == pytest.approx({"ring": 126, "tree": 12, "one_shot": 1, "two_shot": 2, "in_network": 1, "pulled": 2})
    assert sent == pytest.approx({"ring": 126 / 64, "tree": 2, "one_shot": 63, "two_shot": 126 / 64, "in_network": 1, "pulled": 65 / 64})


# Contention


def test_incast_and_shared_ports():
    assert con.incast_time(LINK, 9e5, 4.0) == pytest.approx(2e-6 + 4e-6)
    assert con.incast_time(LINK, 9e5, 1.0) == transfer_time(LINK, 9e5)
    assert float(con.fair_share(900.0, 1000.0, 1.0)) == 900.0
    assert float(con.fair_share(900.0, 1000.0, 4.0)) == 250.0
    assert float(con.shared_time(LINK, 1e15, 9e5, 8.0)) == pytest.approx(transfer_time(LINK, 9e5))
    assert con.hot_port_time(LINK, 9e5, 1.0) == transfer_time(LINK, 9e5)


def test_slowest_of_n_exponentials_is_the_harmonic_number():
    for n in (1, 2, 8, 72):
        assert float(con.slowest_exponential(3.0, float(n))) == pytest.approx(3.0 * sum(1 / k for k in range(1, n + 1)))
    assert float(con.exponential_wait(3.0, 1.0)) == pytest.approx(0.0, abs=1e-14)


@pytest.mark.parametrize("spread", [0.0, 0.3, 1.0, 2.5, 4.0])
def test_slowest_of_n_lognormals(spread):
    mean = np.exp(spread**2 / 2)
    assert float(con.slowest_lognormal(2.0, spread, 1.0)) == pytest.approx(2.0 * mean, rel=1e-11)
    pair = 2.0 * mean * stats.norm.cdf(spread / np.sqrt(2))  # closed form for two
    assert float(con.slowest_lognormal(2.0, spread, 2.0)) == pytest.approx(2.0 * pair, rel=1e-11)
    fine = np.linspace(-14, 20, 20_001)
    for n in (72.0, 1e6):
        exact = np.trapezoid(np.exp(spread * fine + np.log(n) + stats.norm.logpdf(fine) + (n - 1) * stats.norm.logcdf(fine)), fine)
        assert float(con.slowest_lognormal(1.0, spread, n)) == pytest.approx(exact, rel=1e-9)


def test_stragglers_take_arrays():
    assert con.slowest_lognormal(1e-6, jnp.array([0.1, 0.5]), jnp.array([8.0, 72.0])).shape == (2,)
    assert jax.vmap(lambda n: con.slowest_lognormal(1e-6, 0.5, n))(jnp.array([1.0, 8.0])).shape == (2,)


# Reach

PAIR = reach.Line(perimeter=reach.wire_perimeter(wiring.wire_diameter(26.0)), impedance=100.0, dk=1.5, df=3e-4)


def test_skin_depth_of_copper():
    assert float(reach.skin_depth(60.0)) == pytest.approx(8.5e-3, rel=0.01)  # the textbook's 8.5 mm at mains frequency
    assert float(reach.skin_depth(50e9, 1 / 1.68e-8)) == pytest.approx(0.29174e-6, rel=1e-4)
    assert float(reach.surface_resistance(1e9)) == pytest.approx(1 / (reach.COPPER * float(reach.skin_depth(1e9))))


def test_dielectric_loss_and_delay_of_a_low_loss_laminate():
    assert float(reach.dielectric_loss(3.5, 0.002, 56e9)) == pytest.approx(19.072, rel=1e-4)
    assert float(reach.delay(3.5)) == pytest.approx(6.2404e-9, rel=1e-4)


def test_rates_and_frequencies():
    baud = reach.symbol_rate(units.to_si(212.5, "Gb/s"))
    assert baud == pytest.approx(106.25e9)
    assert reach.nyquist(baud) == pytest.approx(53.125e9)
    assert reach.symbol_rate(units.to_si(32.0, "Gb/s"), bits=1.0) == pytest.approx(32e9)


def test_twelve_percent_more_rate_costs_six_to_eleven_percent_of_reach():
    for known, ratio in ((reach.Loss(skin=1.0, dielectric=0.0), (200 / 224) ** 0.5), (reach.Loss(skin=0.0, dielectric=1.0), 200 / 224)):
        faster = reach.scaled_loss(known, 50e9, 56e9)
        assert float(reach.reach(faster, 30.0) / reach.reach(known, 30.0)) == pytest.approx(ratio)
    assert 0.89 < 200 / 224 < (200 / 224) ** 0.5 < 0.95


def test_scaling_agrees_with_geometry():
    known, target = reach.loss(PAIR, 26.56e9), reach.loss(PAIR, 53.125e9)
    scaled = reach.scaled_loss(known, 26.56e9, 53.125e9)
    assert float(scaled.skin) == pytest.approx(float(target.skin))
    assert float(scaled.dielectric) == pytest.approx(float(target.dielectric))
    assert float(target.total) == pytest.approx(float(target.skin + target.dielectric))


def test_twinax_reaches_metres_and_a_board_decimetres():
    f = 53.125e9
    board = reach.Line(perimeter=reach.trace_perimeter(150e-6, 18e-6), impedance=100.0, dk=3.5, df=0.002, excess=1.5)
    twinax = float(reach.reach(reach.loss(PAIR, f), 30.0, fixed=12.0))
    trace = float(reach.reach(reach.loss(board, f), 30.0, fixed=12.0))
    assert 1.0 < twinax < 5.0
    assert 0.1 < trace < 0.6
    assert float(reach.reach(reach.loss(PAIR, f), 10.0, fixed=12.0)) == 0.0


def test_reach_has_whole_units():
    x = {"f": 5e10, "perimeter": 1.3e-3, "z": 100.0, "sigma": 5.8e7, "mu": reach.MU_0, "dk": 2.0, "df": 1e-3, "light": reach.LIGHT}
    of = {"f": "1/s", "perimeter": "m", "z": "V^2/W", "sigma": "W/(V^2*m)", "mu": "V^2*s^2/(J*m)", "dk": "1", "df": "1", "light": "m/s"}

    def length(p):
        line = reach.Line(perimeter=p["perimeter"], impedance=p["z"], dk=p["dk"], df=p["df"], conductivity=p["sigma"])
        per_metre = reach.Loss(
            skin=reach.skin_loss(line, p["f"], p["mu"]), dielectric=reach.dielectric_loss(p["dk"], p["df"], p["f"], p["light"])
        )
        return reach.reach(per_metre, 30.0, 10.0)

    slopes = elasticities(length, x)
    assert sum_rule_residual(slopes, of, "m") < 1e-12
    assert slopes["f"] < 0 < slopes["perimeter"]


# Wires


def test_wire_gauges():
    assert wiring.wire_diameter(36.0) == pytest.approx(0.127e-3)
    assert wiring.wire_diameter(26.0) == pytest.approx(0.405e-3, rel=1e-2)
    assert wiring.wire_diameter(30.0) == pytest.approx(0.255e-3, rel=1e-2)


def test_cable_mass_is_geometry():
    d = wiring.wire_diameter(30.0)
    volume = 5184 * 0.62 * 2 * np.pi * (d / 2) ** 2
    assert wiring.cable_mass(5184.0, 0.62, d) == pytest.approx(volume * 8960.0)
    assert wiring.cable_mass(5184.0, 0.62, d, cover=4.0) == pytest.approx(4 * volume * 8960.0)


def test_two_stages_triple_the_chips():
    one = wiring.switch_chips(72.0, 18.0, 72.0)
    assert wiring.two_stage_chips(72.0, 18.0, 72.0) == pytest.approx(3 * one)  # leaves double, half as many spines
    assert wiring.two_stage_chips(72.0, 18.0, 72.0, 1e9) == pytest.approx(one, rel=1e-6)


# Energy


def test_energy_of_published_parts():
    assert energy.traffic_power(130e12, units.to_si(19.230769, "pJ/b")) == pytest.approx(20e3, rel=1e-6)  # the rack without optics
    assert energy.port_energy(30.0, units.to_si(1.6, "Tb/s")) == pytest.approx(units.to_si(18.75, "pJ/b"))
    assert energy.port_energy(9.0, units.to_si(0.8, "Tb/s")) == pytest.approx(units.to_si(11.25, "pJ/b"))
    assert energy.transfer_energy(1e9, 8e-12) == pytest.approx(8e-3)
    assert energy.loaded_power(5.0, 1e12, 8e-12) == pytest.approx(13.0)
    assert energy.mean_energy([0.75, 0.25], [8e-12, 40e-12]) == pytest.approx(16e-12)
