"""The same accelerator on other fabrics: what must hold whatever the numbers."""

import pytest

import nvlinklab as nl
from nvlinklab.errors import SpecError
from nvlinklab.serving import alternatives as alt
from nvlinklab.serving import decode, presets

SHAPE = nl.model("deepseek-v3").spec


@pytest.mark.parametrize("name", alt.ALTERNATIVES)
def test_every_alternative_has_its_numbers(name):
    option = alt.alternative(name)
    assert 10e9 < alt.exchange_bandwidth(option) <= alt.injection(option) < 5e12
    assert alt.pair_bandwidth(option) <= alt.injection(option)
    assert 5e-6 < alt.port(option).alpha < 1e-4
    assert alt.domain(option) >= 1.0
    assert option.shape in ("switch", "mesh", "torus")
    assert option.status in ("deployed", "announced", "specified")


def test_the_deployment_it_came_from_is_itself_again():
    """NVLink 5 with 72 is what the preset has: same steps, same throughput."""
    base = presets.deployment("gb200-fp4")
    same = alt.on(base, "nvlink5-72")
    for batch in (1.0, 64.0):
        assert float(decode.total(decode.decode_step(SHAPE, same, batch, 4096.0))) == pytest.approx(
            float(decode.total(decode.decode_step(SHAPE, base, batch, 4096.0)))
        )


def test_shapes_cost_what_they_must():
    xgmi, cube, rack = (alt.alternative(n) for n in ("xgmi-8", "tpu7x-64", "nvlink5-72"))
    assert alt.pair_bandwidth(xgmi) == pytest.approx(76.5e9)  # one of seven links
    assert alt.exchange_bandwidth(xgmi) == pytest.approx(535.5e9)
    assert alt.exchange_bandwidth(cube) == pytest.approx(200e9)  # a third of 600: three links on the mean way
    assert alt.exchange_bandwidth(rack) == alt.pair_bandwidth(rack) == 900e9


def test_a_faster_generation_never_loses():
    base = presets.deployment("gb200-fp4")
    steps = {n: float(decode.total(decode.decode_step(SHAPE, alt.on(base, n), 64.0, 4096.0))) for n in alt.ALTERNATIVES}
    assert steps["nvlink6-72"] < steps["nvlink5-72"] < steps["nvlink5-8"]
    assert steps["pcie7-8"] < steps["pcie6-8"] < steps["pcie5-8"]
    assert steps["cards-1600"] < steps["cards-800"] < steps["cards-400"]
    assert min(steps, key=steps.get) in ("nvlink6-72", "helios-72")


def test_cards_alone_have_no_domain():
    on_cards = alt.on(presets.deployment("gb200-fp4"), "cards-400")
    assert on_cards.system.domain == 1.0
    assert on_cards.system.scale_out.bw == 50e9


def test_slow_ports_are_filled_like_cards():
    base = presets.deployment("gb200-fp4")
    assert alt.on(base, "pcie5-8").link_efficiency == base.scale_out_efficiency
    assert alt.on(base, "xgmi-8").link_efficiency == base.link_efficiency


def test_expert_intensity_is_a_count():
    hidden, inner, tokens = 7168.0, 2048.0, 3.0
    operations, moved = tokens * 3 * hidden * inner * 2, tokens * hidden * (1.0 + 2.0)
    assert alt.expert_intensity(inner, 1.0, 2.0) == pytest.approx(operations / moved) == 4096.0


def test_an_unknown_fabric_is_named():
    with pytest.raises(SpecError, match="did you mean 'pcie5-8'"):
        alt.alternative("pcie5")
