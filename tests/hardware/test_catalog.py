import math

import pytest

from nvlinklab._struct import leaves
from nvlinklab.errors import DataError, SpecError
from nvlinklab.hardware import catalog
from nvlinklab.io.tables import value_row


@pytest.mark.parametrize("name", catalog.systems())
def test_every_system_loads_with_a_row_behind_each_number(name):
    record = catalog.load(name)
    for path, number in leaves(record.spec).items():
        if path in record.missing:
            assert math.isnan(number)
        else:
            assert number == record.rows[path].value
            assert record.rows[path].source


@pytest.mark.parametrize("name", catalog.accelerators())
def test_every_accelerator_loads(name):
    spec = catalog.load(name).spec
    assert spec.mem_bw > 0
    assert spec.mem_capacity > 0


def test_bandwidths_are_one_way():
    assert catalog.load("gb200-nvl72").spec.scale_up.bw == 0.5 * value_row("nvlink5.gpu_bw_both").value
    assert value_row("nvlink5.gpu_bw_both").one_way.value == value_row("nvlink5.gpu_bw").value


@pytest.mark.parametrize(("name", "meant"), [("gb200_nvl72", "gb200-nvl72"), ("H100", "h100")])
def test_unknown_hardware_suggests(name, meant):
    with pytest.raises(SpecError, match=meant):
        catalog.load(name)


def test_unknown_value_suggests():
    with pytest.raises(DataError, match=r"h100\.mem_bw"):
        catalog.value("h100.mem_bandwidth")


def test_describe_names_sources_and_what_is_missing():
    text = catalog.describe("h100")
    assert "aic-sys" in text
    assert "flops_fp4" in text
    assert "not published" in text
