"""Many results at many points: the same numbers as plain `vmap`, and fewer operations."""

import jax
import jax.numpy as jnp
import numpy as np

from nvlinklab._math import increasing_root
from nvlinklab.analysis import many
from nvlinklab.analysis.many import at_many
from nvlinklab.bench import model


def plain(fn, points):
    return jax.jit(jax.vmap(fn))(points)


def close(found, wanted, within=1e-12):
    assert jax.tree_util.tree_structure(found) == jax.tree_util.tree_structure(wanted)
    for one, other in zip(jax.tree_util.tree_leaves(found), jax.tree_util.tree_leaves(wanted), strict=True):
        np.testing.assert_allclose(one, other, rtol=within, atol=0.0)
        assert one.dtype == other.dtype and one.shape == other.shape


def shared(p):
    """Several results of one intermediate, a call, constants, an unused number, a flag, a whole number and a row."""
    z = jnp.square(p["x"]) * p["y"] + p["x"] * p["y"] + p["y"] + 3.0
    unused = jnp.exp(p["x"])
    del unused
    return {
        "a": z + p["x"], "b": z * p["y"], "c": jnp.where(z > p["x"], z, 0.0), "flag": z > 5.0, "whole": jnp.floor(z).astype(int),
        "row": jnp.stack([z, z * 2.0]), "constant": 2.0, "itself": p["x"], "clipped": jnp.clip(z, 0.0, 9.0),
    }  # fmt: skip


POINTS = {"x": jnp.array([0.5, 1.0, np.nan, np.inf, -2.0]), "y": jnp.array([1.0, 0.0, 2.0, 3.0, 1e-300])}


def test_results_are_those_of_vmap():
    close(at_many(shared)(POINTS), plain(shared, POINTS))


def test_the_slopes_of_the_decode_step_are_those_of_vmap():
    s = model.base()
    varied = model.points(s, tuple(model.flat_leaves(s)), 64)
    fn = model.CASES["decode step and gradient"]
    many_points, without = model.compiled(fn, s, varied, shared=True)[0], model.compiled(fn, s, varied)[0]
    close(many_points(varied), without(varied), within=1e-10)  # slopes are sums of large terms of both signs


def test_a_number_that_many_results_need_is_computed_once():
    """What it is for: XLA alone writes the polynomial into each of twenty loops."""

    def fn(x):
        shared = x
        for _ in range(12):
            shared = shared * x + 0.5
        return [shared * float(k) + x for k in range(20)]

    x = jnp.linspace(0.0, 0.9, 1000)
    many_points, without = at_many(fn).compile(x), jax.jit(jax.vmap(fn)).lower(x).compile()
    assert many_points.func.as_text().count(" multiply(") <= 12 + 20
    assert without.as_text().count(" multiply(") > 200
    close(many_points(x), without(x))


def test_loops_roots_and_branches_pass():
    def fn(x):
        root = increasing_root(lambda z: z**3 - x, jnp.zeros_like(x), 10.0 * jnp.ones_like(x))
        series = jax.lax.scan(lambda c, k: (c + x / k, None), x, jnp.arange(1.0, 4.0))[0]
        return root * series + jax.lax.cond(x > 2.0, jnp.sin, jnp.cos, x)

    x = jnp.array([1.0, 2.0, 8.0])
    close(at_many(jax.value_and_grad(fn))(x), plain(jax.value_and_grad(fn), x))


def test_one_compiled_program_for_all_calls():
    traced = []

    def fn(x):
        traced.append(1)
        return x * x, x + x

    run = at_many(fn)
    run(jnp.arange(3.0)), run(jnp.arange(3.0) + 1.0)
    assert len(traced) == 1


def test_equal_operations_are_done_once_and_useless_ones_never():
    closed = jax.make_jaxpr(lambda x, y: ((x * y + 1.0) * (x * y + 1.0), jnp.exp(x)))(1.0, 2.0)
    steps, inputs, outputs = many._flat(closed)
    assert [step.primitive.name for step in steps] == ["mul", "add", "mul", "exp"] and len(inputs) == len(outputs) == 2
    closed = jax.make_jaxpr(lambda x: [jnp.exp(x), x + 1.0][1])(1.0)
    assert [step.primitive.name for step in many._flat(closed)[0]] == ["add"]
