import jax
import pytest

from nvlinklab._struct import get_path, leaf_units, leaves, quantity, replace_path, struct
from nvlinklab.errors import SpecError
from nvlinklab.hardware.catalog import load
from nvlinklab.hardware.system import System
from nvlinklab.network.alphabeta import Link


def test_paths_reach_nested_leaves():
    system = load("gb200-nvl72").spec
    assert get_path(system, "scale_up.bw") == 9e11
    assert leaf_units(System)["gpu.mem_bw"] == "B/s"
    assert set(leaves(system)) == set(leaf_units(System))


def test_replace_changes_one_leaf_only():
    system = load("gb200-nvl72").spec
    faster = replace_path(system, {"scale_up.bw": 1.8e12})
    changed = {p for p, v in leaves(faster).items() if v != leaves(system)[p]}
    assert changed == {"scale_up.bw"}
    assert leaves(system)["scale_up.bw"] == 9e11  # the original is untouched


@pytest.mark.parametrize(("path", "meant"), [("scale_up.bandwidth", "scale_up.bw"), ("gpu.membw", "gpu.mem_bw"), ("domian", "domain")])
def test_unknown_path_suggests_the_nearest(path, meant):
    with pytest.raises(SpecError, match=meant):
        replace_path(load("gb200-nvl72").spec, {path: 1.0})


def test_a_struct_is_a_pytree_of_floats():
    link = Link(alpha=2e-6, bw=9e11)
    doubled = jax.tree_util.tree_map(lambda x: 2 * x, link)
    assert doubled == Link(alpha=4e-6, bw=1.8e12)
    slope = jax.grad(lambda x: x.alpha + 1e6 / x.bw)(link)
    assert float(slope.bw) == pytest.approx(-1e6 / 9e11**2)  # a negative gradient is a valid Link: nothing checks in __post_init__


def test_a_field_without_a_unit_is_refused():
    with pytest.raises(SpecError, match="quantity"):

        @struct
        class Broken:
            speed: float = 1.0


def test_structs_are_frozen():
    with pytest.raises(AttributeError):
        Link(alpha=1.0, bw=1.0).bw = 2.0  # type: ignore[misc]


def test_quantity_keeps_its_default():
    @struct
    class Small:
        x: float = quantity("s", 3.0)

    assert Small().x == 3.0
