"""Numerical pieces several parts of the model need: a quotient that is smooth at 0/0, and a root that can be differentiated."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from nvlinklab._struct import Float

ONCE = {"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False, "xla_cpu_parallel_codegen_split_count": 1}
"""How XLA compiles what runs once or for seconds (`compiler_options` of `jax.jit`): several times faster, the same results to rounding."""


def mean_decay(x: Float) -> Float:
    """Return `(1 - e^-x) / x`, the mean of `e^-u` for u from 0 to x; 1 at x = 0, where the quotient alone is 0/0 and its slope NaN."""
    x = jnp.asarray(x, dtype=jnp.float64)
    small = jnp.abs(x) < 1e-2
    safe = jnp.where(small, 1.0, x)
    series = 1.0 - x / 2.0 * (1.0 - x / 3.0 * (1.0 - x / 4.0 * (1.0 - x / 5.0 * (1.0 - x / 6.0 * (1.0 - x / 7.0)))))
    return jnp.where(small, series, -jnp.expm1(-safe) / safe)


def increasing_root(gap: Callable[[Float], Float], low: Float, high: Float) -> Float:
    """Return where an increasing function crosses zero, by 80 bisections; differentiable by the implicit function theorem.

    Where it does not cross, the nearer end (then its slope means nothing; the caller chooses with `jnp.where`).

    Args:
        gap: the function, element by element
        low, high: ends of the interval, of the shape of the result
    """

    def solve(function, _):
        def halve(_, ends):
            a, b = ends
            middle = 0.5 * (a + b)
            above = function(middle) > 0.0
            return jnp.where(above, a, middle), jnp.where(above, middle, b)

        a, b = jax.lax.fori_loop(0, 80, halve, (low, high))
        return 0.5 * (a + b)

    def divide(slope, y):
        rate = slope(jnp.ones_like(y))
        flat = rate == 0.0
        return jnp.where(flat, 0.0, y / jnp.where(flat, 1.0, rate))

    return jax.lax.custom_root(gap, low, solve, divide)
