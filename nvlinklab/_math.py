"""Functions that are smooth where their textbook form is 0/0."""

import jax.numpy as jnp

from nvlinklab._struct import Float


def mean_decay(x: Float) -> Float:
    """Return `(1 - e^-x) / x`, the mean of `e^-u` for u from 0 to x; 1 at x = 0, where the quotient alone is 0/0 and its slope NaN."""
    x = jnp.asarray(x, dtype=jnp.float64)
    small = jnp.abs(x) < 1e-2
    safe = jnp.where(small, 1.0, x)
    series = 1.0 - x / 2.0 * (1.0 - x / 3.0 * (1.0 - x / 4.0 * (1.0 - x / 5.0 * (1.0 - x / 6.0 * (1.0 - x / 7.0)))))
    return jnp.where(small, series, -jnp.expm1(-safe) / safe)
