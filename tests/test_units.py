import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvlinklab import quantities, units
from nvlinklab.errors import SpecError, UnitError


@pytest.mark.parametrize("unit", units.VOCABULARY)
def test_every_unit_has_a_size_and_known_dimensions(unit):
    assert units.factor(unit) > 0
    assert set(units.exponents(unit)) <= set(units.DIMENSIONS)


@given(st.floats(1e-9, 1e18), st.sampled_from(units.VOCABULARY))
def test_round_trip(value, unit):
    assert units.from_si(units.to_si(value, unit), unit) == pytest.approx(value, rel=1e-12)


@given(st.floats(1e-6, 1e6), st.sampled_from(["TB/s", "us", "GB", "kW", "PFLOP/s", "Gb/s"]))
def test_format_and_parse_come_back(value, unit):
    assert units.parse(f"{value!r} {unit}", unit) == pytest.approx(units.to_si(value, unit), rel=1e-12)


def test_bits_are_not_bytes():
    assert units.factor("GB/s") == 8 * units.factor("Gb/s")
    assert units.exponents("Gb/s") == units.exponents("GB/s")


def test_binary_and_decimal_sizes_differ():
    assert units.factor("GiB") == 2**30
    assert units.factor("GB") == 1e9


def test_a_rate_of_transfers_per_power_is_per_joule():
    assert units.exponents("tok/s/MW") == {"J": -1}


@pytest.mark.parametrize(("unit", "meant"), [("TFLOPS", "TFLOP/s"), ("GBps", "GB/s"), ("usec", "us"), ("Tbps", "Tb/s")])
def test_unknown_unit_suggests(unit, meant):
    with pytest.raises(UnitError, match=meant):
        units.check_vocabulary(unit)


@pytest.mark.parametrize("text", ["5 us", "fast", "", "1.2 TB", "TB/s"])
def test_wrong_quantities_are_refused(text):
    with pytest.raises(UnitError):
        units.parse(text, "B/s")


def test_one_way_halves_only_what_counts_both():
    assert units.one_way(1.8e12, {"both-ways"}) == 0.9e12
    assert units.one_way(0.9e12, {"one-way"}) == 0.9e12


@pytest.mark.parametrize(("value", "text"), [(129.6, "129.6"), (0.0, "0"), (580608.0, "580,608"), (float("nan"), "n/a"), (1e-9, "1e-09")])
def test_number_text(value, text):
    assert units.number_text(value) == text


def test_registry_units_are_in_the_vocabulary():
    for name, entry in quantities.QUANTITIES.items():
        assert units.check_vocabulary(entry.unit) == entry.unit
        assert entry.long_name
        assert entry.symbol, name


def test_unknown_quantity_suggests():
    with pytest.raises(SpecError, match="mem_bw"):
        quantities.quantity("gpu.mem_bandwidth")


def test_axis_title_has_the_unit():
    assert quantities.axis_title("tpot", "ms") == "Time per output token (ms)"
    assert quantities.axis_title("ratio") == "Ratio"


def test_factor_is_exact_for_powers_of_ten():
    assert math.isclose(units.factor("TB/s"), 1e12, rel_tol=0)
