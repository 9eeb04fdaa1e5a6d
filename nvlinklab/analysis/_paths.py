"""Dotted paths of the float leaves of any pytree: a dict of inputs, a struct, or nests of both."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from nvlinklab.errors import SpecError, did_you_mean

Params = Any
Function = Callable[[Params], Any]


def _name(key: Any) -> str:
    return str(getattr(key, "key", getattr(key, "name", getattr(key, "idx", key))))


def flat_leaves(params: Params) -> dict[str, Any]:
    """Return `{dotted path: leaf}` in tree order.

    >>> flat_leaves({"gpu": {"mem_bw": 8e12}, "batch": 4.0})
    {'batch': 4.0, 'gpu.mem_bw': 8000000000000.0}
    """
    pairs, _ = jax.tree_util.tree_flatten_with_path(params)
    return {".".join(map(_name, path)): leaf for path, leaf in pairs}


def require_paths(known: Iterable[str], paths: Iterable[str]) -> None:
    """Raise `SpecError`, with the nearest names, for the first path that is not known."""
    names = list(known)
    for path in paths:
        if path not in names:
            raise SpecError(f"no parameter is called {path!r}{did_you_mean(path, names)}; there are: {', '.join(names)}")


def with_leaves(params: Params, changes: Mapping[str, Any]) -> Params:
    """Return `params` with some leaves replaced by path.

    Raises:
        SpecError: a path that does not exist, with the nearest ones.
    """
    pairs, tree = jax.tree_util.tree_flatten_with_path(params)
    names = [".".join(map(_name, path)) for path, _ in pairs]
    require_paths(names, changes)
    return tree.unflatten([changes.get(name, leaf) for name, (_, leaf) in zip(names, pairs, strict=True)])


def as_floats(params: Params) -> Params:
    """Return `params` with every leaf a 64-bit JAX float, so that counts can be differentiated."""
    return jax.tree_util.tree_map(lambda leaf: jnp.asarray(leaf, dtype=jnp.float64), params)
