"""From a jaxpr to a program: constants folded, equal parts shared, dead parts gone, loops written out, and honest refusals."""

import inspect
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from nvlinklab import live
from nvlinklab._math import increasing_root
from nvlinklab._struct import quantity, register_structs, struct
from nvlinklab.errors import SpecError
from nvlinklab.live.ops import FOLD
from nvlinklab.live.program import Builder, join
from nvlinklab.live.vega import lowered


@struct
class Spring:
    stiffness: float = quantity("J")
    stretch: float = quantity("m")


register_structs()


def operations(program):
    return sorted(node.op for node in program.nodes if node.op not in ("const", "input"))


def agrees(fn, point, tolerance=1e-15):
    """The program and JAX give the same, and so do their slopes."""
    leaves = jax.tree_util.tree_leaves(point)
    program = live.compile(fn, point)
    found = program.evaluate([float(v) for v in leaves])
    wanted = [float(v) for v in jax.tree_util.tree_leaves(fn(point))]
    np.testing.assert_allclose(found, wanted, rtol=tolerance)
    np.testing.assert_allclose(lowered(program).evaluate([float(v) for v in leaves]), wanted, rtol=max(tolerance, 1e-14))
    return program


def test_constants_are_folded_and_equal_parts_shared():
    program = live.compile(lambda p: (p["a"] + p["b"]) * jnp.exp(jnp.log(2.0) * 3.0) + (p["b"] + p["a"]), {"a": 1.0, "b": 2.0})
    assert operations(program) == ["add", "add", "mul"]
    assert program.evaluate([1.0, 2.0]) == pytest.approx([27.0], rel=1e-15)


def test_what_no_output_needs_is_dropped():
    def fn(p):
        jnp.exp(p["a"])  # nobody reads it
        return p["b"] * 2.0

    program = live.compile(fn, {"a": 1.0, "b": 2.0})
    assert operations(program) == ["mul"]
    assert program.live_inputs() == {1}


def test_leaves_that_are_no_inputs_become_constants():
    program = live.compile(lambda p: p["a"] * p["b"] + p["c"], {"a": 3.0, "b": 2.0, "c": 1.0}, inputs=["b"])
    assert [i.path for i in program.inputs] == ["b"]
    assert program.evaluate([10.0]) == [31.0]


def test_units_come_from_structs():
    program = live.compile(lambda s: Spring(stiffness=0.5 * s.stiffness, stretch=s.stretch), Spring(stiffness=1.0, stretch=2.0))
    assert [(i.path, i.unit, i.default) for i in program.inputs] == [("stiffness", "J", 1.0), ("stretch", "m", 2.0)]
    assert [(o.name, o.unit) for o in program.outputs] == [("stiffness", "J"), ("stretch", "m")]


def test_units_come_from_structs_in_a_dict():
    point = {"spring": Spring(stiffness=1.0, stretch=2.0), "k": 3.0}
    program = live.compile(lambda p: {"twice": p["spring"], "energy": p["k"]}, point, units={"k": "W"})
    assert [(i.path, i.unit) for i in program.inputs] == [("k", "W"), ("spring.stiffness", "J"), ("spring.stretch", "m")]
    assert [(o.name, o.unit) for o in program.outputs] == [("energy", ""), ("twice.stiffness", "J"), ("twice.stretch", "m")]


def test_nothing_is_simplified_that_nan_or_infinity_would_show():
    program = live.compile(lambda p: [p["a"] * 0.0, p["a"] - p["a"], p["a"] / p["a"], jnp.where(p["a"] == p["a"], 1.0, 0.0)], {"a": 1.0})
    assert all(math.isnan(v) for v in program.evaluate([math.nan])[:3])
    assert program.evaluate([math.nan])[3] == 0.0
    assert math.isnan(program.evaluate([math.inf])[0])


def test_flags_are_known():
    program = live.compile(lambda p: {"flag": (p["a"] > 1.0) & ~(p["a"] > 3.0), "number": jnp.where(p["a"] > 1.0, 2, 3)}, {"a": 2.0})
    assert {o.name: o.flag for o in program.outputs} == {"flag": True, "number": False}


@jax.custom_jvp
def guarded(x):
    return jnp.where(x > 0.0, jnp.sqrt(jnp.where(x > 0.0, x, 1.0)), 0.0)


@guarded.defjvp
def _(primals, tangents):
    (x,), (t,) = primals, tangents
    return guarded(x), jnp.where(x > 0.0, 0.5 / guarded(x), 0.0) * t


@jax.custom_vjp
def scaled(x):
    return 3.0 * x


scaled.defvjp(lambda x: (scaled(x), None), lambda _, g: (7.0 * g,))


def square(p):
    return jnp.array([[1.0, p["b"]], [p["a"], 3.0]])


@pytest.mark.parametrize(
    "fn",
    [
        lambda p: jax.jit(jax.jit(lambda a, b: a * b + 1.0))(p["a"], p["b"]),
        lambda p: guarded(p["a"]) + guarded(-p["b"]),
        lambda p: jax.grad(lambda a: guarded(a) * p["b"])(p["a"]),
        lambda p: scaled(p["a"]) + jax.grad(lambda a: scaled(a))(p["b"]),
        lambda p: jnp.sum(jax.vmap(lambda k: p["a"] ** k / (k + p["b"]))(jnp.arange(5.0))),
        lambda p: jnp.dot(jnp.array([p["a"], 2.0, p["b"]]), jnp.array([1.0, p["b"], 3.0])),
        lambda p: jnp.sum(jnp.array([[p["a"], 2.0], [p["b"], 1.0]]) @ square(p) * jnp.arange(4.0).reshape(2, 2)),
        lambda p: jnp.max(jnp.stack([p["a"], p["b"], 1.5])) - jnp.min(jnp.array([p["a"], p["b"]])),
        lambda p: jnp.prod(jnp.array([p["a"], p["b"], 2.0])),
        lambda p: jnp.cumsum(jnp.array([p["a"], p["b"], 2.0]))[1] + jnp.cumprod(jnp.array([p["a"], p["b"], 2.0])[::-1])[2],
        lambda p: lax.fori_loop(0, 6, lambda i, x: x + i * p["b"] / (1.0 + x), p["a"]),
        lambda p: lax.while_loop(lambda s: s[0] < 5, lambda s: (s[0] + 1, s[1] * p["b"] + p["a"]), (0, 1.0))[1],
        lambda p: lax.scan(lambda c, k: (c * p["b"] + k, c), p["a"], jnp.arange(4.0))[1][2],
        lambda p: jnp.sum(lax.scan(lambda c, k: (c + k, c * k), p["a"], jnp.arange(4.0), reverse=True)[1]),
        lambda p: lax.cond(p["a"] > p["b"], lambda: p["a"], lambda: p["b"] * 2.0),
        lambda p: lax.switch(2, [lambda: p["a"], lambda: p["b"], lambda: p["a"] * p["b"]]),
        lambda p: lax.select_n(jnp.asarray(1), p["a"], p["b"], p["a"] * 2.0),
        lambda p: jnp.where(jnp.all(jnp.array([p["a"] > 0.0, p["b"] > 0.0])), p["a"], 0.0),
        lambda p: jnp.any(jnp.array([p["a"] > 9.0, p["b"] > 0.0])) + 1.0,
        lambda p: jnp.pad(jnp.array([p["a"], p["b"]]), (1, 2), constant_values=4.0)[2],
        lambda p: jnp.concatenate([jnp.array([p["a"]]), jnp.zeros(2)]).sum(),
        lambda p: jnp.sum(jnp.array([[p["a"], 1.0], [2.0, p["b"]]]).T[0]) + jnp.squeeze(jnp.broadcast_to(p["b"], (1, 1))),
        lambda p: jnp.round(p["a"] * 10.0) + jnp.floor(p["b"] * 10.0) // 3 + lax.clamp(0.0, p["a"], 1.0),
        lambda p: increasing_root(lambda x: x**3 + p["b"] * x - p["a"], jnp.zeros(()), 5.0 * jnp.ones(())),
        lambda p: jax.grad(lambda a: increasing_root(lambda x: x**3 + p["b"] * x - a, jnp.zeros(()), 5.0 * jnp.ones(())))(p["a"]),
        lambda p: jnp.exp2(p["a"]) + jnp.log2(p["b"]) + jnp.hypot(p["a"], p["b"]) + jnp.cbrt(p["a"]),
    ],
)  # fmt: skip
def test_what_jax_does_the_program_does(fn):
    for a, b in ((1.25, 0.75), (0.5, 2.5)):
        agrees(fn, {"a": a, "b": b}, 1e-14)


def test_a_loop_that_depends_on_an_input_is_refused():
    with pytest.raises(live.UnsupportedPrimitive, match="how often the loop runs"):
        live.compile(lambda p: lax.while_loop(lambda x: x < 10.0, lambda x: x * 2.0, p["a"]), {"a": 1.0})


def test_an_unknown_operation_is_named_with_its_line():
    def fn(p):
        return lax.lgamma(p["a"])

    with pytest.raises(live.UnsupportedPrimitive) as caught:
        live.compile(fn, {"a": 1.0})
    source, first = inspect.getsourcelines(fn)
    assert caught.value.primitive == "lgamma"
    assert caught.value.line == f"{__file__}:{first + next(i for i, text in enumerate(source) if 'lgamma' in text)}"
    assert isinstance(caught.value, SpecError)


def test_single_precision_is_refused():
    with pytest.raises(live.UnsupportedPrimitive, match="float32"):
        live.compile(lambda p: p["a"].astype(jnp.float32) * 2, {"a": 1.0})


def test_only_scalars_come_out():
    with pytest.raises(SpecError, match=r"output 'b' has shape \(3,\)"):
        live.compile(lambda p: {"b": jnp.ones(3) * p["a"]}, {"a": 1.0})


def test_an_unknown_input_suggests():
    with pytest.raises(SpecError, match="did you mean 'batch'"):
        live.compile(lambda p: p["batch"], {"batch": 1.0}, inputs=["bacth"])


def test_a_formula_that_explodes_is_refused(monkeypatch):
    monkeypatch.setattr("nvlinklab.live.program.MOST_NODES", 500)
    with pytest.raises(SpecError, match="operations once loops are written out"):
        live.compile(lambda p: lax.fori_loop(0, 1000, lambda i, x: x * p["a"] + i, 1.0), {"a": 1.0})


def test_gradients_come_in_the_order_of_the_inputs():
    program = live.gradient(lambda p: p["b"] ** 2 * p["a"], {"b": 3.0, "a": 2.0}, inputs=["b", "a"])
    assert [o.name for o in program.outputs] == ["b", "a"]
    assert program.evaluate([3.0, 2.0]) == [12.0, 9.0]


def test_joined_programs_share_their_parts():
    point = {"a": 1.0, "b": 2.0}
    first, second = live.compile(lambda p: p["a"] * p["b"], point), live.compile(lambda p: p["a"] * p["b"] + 1.0, point)
    both = join({"x.": first, "y.": second})
    assert operations(both) == ["add", "mul"]
    assert [o.name for o in both.outputs] == ["x.value", "y.value"]
    with pytest.raises(SpecError, match="different inputs"):
        join({"x.": first, "y.": live.compile(lambda p: p["a"], {"a": 1.0})})


@pytest.mark.parametrize("name", ["exp", "log", "log1p", "expm1", "tanh"])
def test_folding_agrees_with_the_library(name):
    library = getattr(np, name)
    for x in (-745.0, -30.0, -1.0, -0.75, -1e-9, -0.0, 0.0, 1e-300, 1e-20, 1e-9, 0.3, 1.0, 17.0, 709.0, 1e6, math.inf, -math.inf, math.nan):
        with np.errstate(all="ignore"):
            wanted = float(library(x))
        found = FOLD[name](x)
        assert found == pytest.approx(wanted, rel=4e-16, abs=1e-320, nan_ok=True), x


def test_powers_fold_like_c():
    cases = [(2.0, 0.5), (1.0, math.nan), (math.nan, 0.0), (-1.0, math.inf), (0.0, -1.0), (-8.0, 1 / 3), (10.0, 400.0), (10.0, -400.0)]
    for x, y in (*cases, (-2.0, 3.0)):
        with np.errstate(all="ignore"):
            assert FOLD["pow"](x, y) == pytest.approx(float(np.power(x, y)), rel=4e-16, nan_ok=True), (x, y)


def test_division_folds_like_ieee():
    with np.errstate(all="ignore"):
        for a in (0.0, -0.0, 1.0, -2.0, math.inf, math.nan):
            for b in (0.0, -0.0, 3.0, math.inf):
                assert FOLD["div"](a, b) == pytest.approx(float(np.divide(a, b)), nan_ok=True)


def test_a_mutation_is_noticed():
    """The comparison can fail: a program with one constant a billionth off does not pass for the function."""
    program = live.compile(lambda p: p["a"] * 3.0 + 1.0, {"a": 1.0})
    builder = Builder()
    a = builder.input(0)
    node = builder.apply("add", builder.apply("mul", a, builder.const(3.0 + 3e-9)), builder.const(1.0))
    off = builder.finish(program.inputs, [program.outputs[0]._replace(node=node)])
    assert program.evaluate([2.0]) == [7.0]
    assert off.evaluate([2.0]) != pytest.approx([7.0], rel=1e-12)
