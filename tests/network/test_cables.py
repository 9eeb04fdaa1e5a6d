"""Loss of real cables, other wires, and the longest way through a rack."""

import jax
import pytest

from nvlinklab.network import reach, wiring

GAUGE26 = wiring.wire_diameter(26.0)


def test_a_measured_cable_gives_back_its_loss():
    cable = reach.measured_cable(assembly=22.48, plugs=2.4, length=5.0, insulation=0.08)
    assert 5.0 * cable.total + 2.4 == pytest.approx(22.48)
    assert cable.dielectric / cable.total == pytest.approx(0.08)


def test_a_cable_without_plugs_or_insulator_is_all_skin():
    cable = reach.measured_cable(10.0, 0.0, 2.0, 0.0)
    assert (cable.skin, cable.dielectric) == (5.0, 0.0)


def test_a_thinner_wire_has_less_skin_and_the_same_insulator():
    cable = reach.measured_cable(22.48, 2.4, 5.0, 0.08)
    thin = reach.regauged(cable, GAUGE26, GAUGE26 / 2.0)
    assert (thin.skin, thin.dielectric) == (pytest.approx(2.0 * cable.skin), cable.dielectric)
    same = reach.regauged(cable, GAUGE26, GAUGE26)
    assert same.skin == pytest.approx(cable.skin)


def test_geometry_and_measurement_agree_up_to_a_return_path():
    """The smooth pair alone is the floor; foil, strands and proximity cost less than another such pair."""
    line = reach.Line(perimeter=reach.wire_perimeter(GAUGE26), impedance=100.0, dk=1.82, df=2e-4)
    floor = reach.skin_loss(line, 12.89e9)
    assert 1.0 < reach.measured_cable(22.48, 2.4, 5.0, 0.08).skin / floor < 2.0


def test_reach_falls_with_the_fixed_loss_and_never_below_zero():
    cable = reach.Loss(skin=8.0, dielectric=1.0)
    assert float(reach.reach(cable, 40.0, 22.0)) == pytest.approx(2.0)
    assert float(reach.reach(cable, 40.0, 50.0)) == 0.0
    assert float(jax.grad(lambda fixed: reach.reach(cable, 40.0, fixed))(22.0)) == pytest.approx(-1.0 / 9.0)


def test_longest_run_of_a_stack():
    assert wiring.longest_run(10.0, 9.0, 0.04445, 0.2) == pytest.approx(18 * 0.04445 + 0.2)
    assert wiring.longest_run(1.0, 1.0, 0.05, 0.0) == pytest.approx(0.05)  # two neighbours
