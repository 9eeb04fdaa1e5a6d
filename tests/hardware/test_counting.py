"""Counting a rack, and finding a count in a total."""

import pytest

from nvlinklab.hardware import counting
from nvlinklab.hardware.catalog import value

NVL72 = counting.Rack(trays=18.0, packages_per_tray=4.0, dies_per_package=2.0)
KYBER = counting.Rack(trays=36.0, packages_per_tray=4.0, dies_per_package=4.0)


def test_one_rack_three_names():
    assert (counting.packages(NVL72), counting.dies(NVL72), counting.superchips(NVL72)) == (72.0, 144.0, 36.0)
    assert (counting.packages(KYBER), counting.dies(KYBER)) == (144.0, 576.0)


@pytest.mark.parametrize(("total", "each"), [("vr-nvl72.nvlink_total", "nvlink6.gpu_bw"), ("vr-nvl72.mem_capacity", "rubin.mem_capacity")])
def test_a_total_finds_the_count(total, each):
    assert counting.implied_count(value(total), value(each)) == pytest.approx(72.0, rel=0.005)


def test_a_count_twice_too_large_halves_each_unit():
    right, wrong = counting.growth_per_unit(20.0, 4.0), counting.growth_per_unit(20.0, 8.0)
    assert right == 2.0 * wrong == 5.0
