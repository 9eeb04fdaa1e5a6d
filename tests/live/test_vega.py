"""Every operation in real Vega and in a real ES module, against JAX: values, slopes, and what happens at the edges of the numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from nvlinklab import live
from tests.live.parity import gap, jax_rows, module_rows, program_rows

TOLERANCE = 1e-12

UNARY = {  # name: (function, lowest, highest)
    "exp": (jnp.exp, -30.0, 30.0), "log": (jnp.log, 1e-6, 1e6), "log1p": (jnp.log1p, -0.999, 5.0), "expm1": (jnp.expm1, -5.0, 5.0),
    "log1p_tiny": (lambda x: jnp.log1p(x * 1e-9), -3.0, 3.0), "expm1_tiny": (lambda x: jnp.expm1(x * 1e-9), -3.0, 3.0),
    "expm1_wide": (jnp.expm1, -100.0, 100.0), "tanh": (jnp.tanh, -5.0, 5.0), "tanh_tiny": (lambda x: jnp.tanh(x * 1e-8), -3.0, 3.0),
    "logistic": (jax.nn.sigmoid, -30.0, 30.0), "softplus": (jax.nn.softplus, -30.0, 30.0), "sqrt": (jnp.sqrt, 0.0, 100.0),
    "rsqrt": (lax.rsqrt, 0.01, 100.0), "cube": (lambda x: x**3, -9.0, 9.0), "inverse_square": (lambda x: x**-2, -9.0, 9.0),
    "seventh": (lambda x: lax.integer_pow(x, 7), -9.0, 9.0), "square": (jnp.square, -9.0, 9.0), "abs": (jnp.abs, -9.0, 9.0),
    "floor": (jnp.floor, -9.0, 9.0), "ceil": (jnp.ceil, -9.0, 9.0), "round": (jnp.round, -9.0, 9.0), "sign": (jnp.sign, -9.0, 9.0),
    "round_away": (lax.round, -9.0, 9.0), "clip": (lambda x: jnp.clip(x, -2.0, 3.0), -9.0, 9.0), "relu": (jax.nn.relu, -9.0, 9.0),
    "whole": (lambda x: x.astype(int).astype(float) // 2, -9.0, 9.0), "remainder": (lambda x: lax.rem(x, 2.5), -9.0, 9.0),
}  # fmt: skip

BINARY = {
    "arithmetic": lambda x, y: x + y * x - y / x, "max": jnp.maximum, "min": jnp.minimum, "hypot": lambda x, y: jnp.sqrt(x**2 + y**2),
    "pow": lambda x, y: jnp.abs(x) ** y, "logaddexp": jnp.logaddexp, "where": lambda x, y: jnp.where(x > y, x * y, x - y),
    "guarded": lambda x, y: jnp.where(y > 0.0, jnp.log(jnp.where(y > 0.0, y, 1.0)), x),
    "flags": lambda x, y: jnp.where((x > 0.0) & ~(y >= 1.0) | (x == y), 1.0, 0.0), "p_norm": lambda x, y: (x**8 + y**8) ** (1 / 8),
}  # fmt: skip


SCALE = {"log": 1.0, "log1p": 1.0, "tanh": 1.0, "expm1_wide": 1.0}
"""Size below which a difference counts absolutely: near a root, and where JAX itself cancels (1 - tanh^2, expm1 + 1)."""


def everything(functions):
    """Values and slopes of functions of the same inputs as one function, so that each runtime is asked once."""

    def all_of_them(*inputs):
        argnums = tuple(range(len(inputs)))

        def slopes(fn):
            return jax.grad(lambda *q: jnp.asarray(fn(*q), dtype=float), argnums)

        return {name: [fn(*inputs), *slopes(fn)(*inputs)] for name, fn in functions.items()}

    return all_of_them


def compared(runtime, functions, points):
    """`{name: (from Vega, from JavaScript, from JAX)}`, each with the value and the slopes as columns."""
    whole = everything(functions)
    width = points.shape[1]
    program = live.compile(lambda p: whole(*p), [1.0] * width)
    found = [program_rows(runtime, program, points), module_rows(runtime, program, points), jax_rows(lambda p: whole(*p), points)]
    order = sorted(functions)  # leaves of a dict are in the order of its keys
    return {name: tuple(f[:, k * (width + 1) : (k + 1) * (width + 1)] for f in found) for k, name in enumerate(order)}


@pytest.fixture(scope="module")
def of_one(runtime):
    share = np.random.default_rng(1).uniform(0.0, 1.0, (1000, 1))
    stretched = {name: lambda u, f=fn, a=low, b=high: f(a + (b - a) * u) for name, (fn, low, high) in UNARY.items()}
    return compared(runtime, stretched, share)


@pytest.fixture(scope="module")
def of_two(runtime):
    return compared(runtime, BINARY, np.random.default_rng(2).uniform(-4.0, 4.0, (1000, 2)))


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_number(of_one, name):
    vega, script, wanted = of_one[name]
    assert gap(vega, wanted, SCALE.get(name, 0.0)).worst <= TOLERANCE
    assert gap(script, wanted, SCALE.get(name, 0.0)).worst <= TOLERANCE


@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_numbers(of_two, name):
    vega, script, wanted = of_two[name]
    scale = np.abs(wanted).max(axis=0) * 1e-3  # sums that cancel have no last digits to compare
    assert gap(vega, wanted, scale).worst <= TOLERANCE
    assert gap(script, wanted, scale).worst <= TOLERANCE


def test_the_edges_of_the_numbers(runtime):
    """NaN, infinities and zeros meet every function: Vega, JavaScript and JAX agree on what comes out."""
    edges = [np.nan, np.inf, -np.inf, 0.0, 1.0, -1.0, 0.5, -2.5, 750.0, -750.0, 1e-300, 1e300]  # XLA flushes smaller ones to zero
    points = np.array([[a, b] for a in edges for b in edges])
    one = {name: fn for name, (fn, *_) in UNARY.items() if name not in ("whole", "remainder") and "tiny" not in name}

    def at(x, y):
        return {n: f(x) for n, f in one.items()} | {n: f(x, y) for n, f in BINARY.items() if n != "logaddexp"} | {
            "power": x**y, "ratio": x / y, "less": x < y, "equal": x == y, "differs": x != y, "finite": jnp.isfinite(x),
        }  # fmt: skip

    program = live.compile(lambda p: at(p["a"], p["b"]), {"a": 1.0, "b": 1.0})
    wanted = jax_rows(lambda p: at(p[0], p[1]), points)
    script = module_rows(runtime, program, points)
    names = [output.name for output in program.outputs]
    finite = points[np.isfinite(points).all(axis=1)]
    for found, expected in ((script, wanted), (program_rows(runtime, program, finite), wanted[np.isfinite(points).all(axis=1)])):
        for k, name in enumerate(names):
            assert gap(found[:, [k]], expected[:, [k]]).worst <= TOLERANCE, name


def test_infinities_reach_vega_by_computation(runtime):
    """JSON has no NaN, so they are made inside: 1/0, 0/0."""
    program = live.compile(
        lambda p: [jnp.maximum(p["a"] / 0.0, 2.0), jnp.minimum(p["a"] * 0.0 / 0.0, 2.0), jnp.log1p(p["a"] / 0.0), jnp.expm1(-p["a"] / 0.0),
                   jnp.tanh(p["a"] / 0.0), (p["a"] / p["a"]) ** (p["a"] / 0.0)],
        {"a": 1.0},
    )  # fmt: skip
    found = program_rows(runtime, program, np.array([[3.0]]))[0]
    np.testing.assert_array_equal(found, [np.inf, np.nan, np.inf, -1.0, 1.0, 1.0])


def test_the_policy_is_in_force(runtime):
    """Without the interpreter the same page refuses: what passes above needs no eval."""
    program = live.compile(lambda p: jnp.exp(p["a"]), {"a": 1.0})
    spec = {
        "$schema": "https://vega.github.io/schema/vega/v6.json",
        "data": [{"name": "points", "values": [{"x0": 1.0}], "transform": [{"type": "formula", "expr": "exp(datum.x0)", "as": "y0"}]}],
    }
    with pytest.raises(Exception, match="unsafe-eval"):
        runtime.rows(spec, [{}], [], ["y0"], mode="vega", ast=False)
    assert program_rows(runtime, program, np.array([[1.0]]))[0, 0] == pytest.approx(np.e, rel=1e-15)
