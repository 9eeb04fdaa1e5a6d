"""Where the KV cache of a request lies, how long it takes to move, and when reading the prompt again is quicker.

A path is a tuple of stages from where the cache lies to the GPU that needs it: a store (LPDDR, NVMe, the HBM of another GPU) and the
links between (C2C, PCIe, a NIC at each end). Bandwidths are one direction, of what one transfer may use; sharing is the caller's to
apply (`network.contention.fair_share`). Achieved rates belong in the inputs: a data-sheet rate reads fast (C2C of Grace: 359 to 377 of
450 GB/s measured).
"""

import jax.numpy as jnp

from nvlinklab._struct import Float, nested, quantity, register_structs, struct
from nvlinklab.workload.architecture import Architecture, kv_elements_per_token


@struct
class Stage:
    """One store or link on the way of a cache.

    Attributes:
        alpha: time of an empty transfer [s]
        fetch_bw: towards the GPU [B/s]
        store_bw: away from the GPU [B/s]
    """

    alpha: Float = quantity("s")
    fetch_bw: Float = quantity("B/s")
    store_bw: Float = quantity("B/s")


@struct
class Tier:
    """A place for caches: HBM, LPDDR behind C2C, NVMe, another node behind RDMA.

    Attributes:
        capacity: bytes it has for caches [B]
        stage: how fast it gives and takes
    """

    capacity: Float = quantity("B")
    stage: Stage = nested()


@struct
class MoveTime:
    """Time to move a cache.

    Attributes:
        latency: empty transfers of all stages [s]
        transfer: bytes over bandwidth [s]
    """

    latency: Float = quantity("s")
    transfer: Float = quantity("s")

    @property
    def total(self) -> Float:
        """Sum of the two [s]."""
        return self.latency + self.transfer


@struct
class PrefillCost:
    """Time to read a prompt, by what it grows with.

    Attributes:
        fixed: per prompt [s]
        token: per token: projections and feed-forward [s]
        pair: per pair of a token and one it sees: attention [s]
    """

    fixed: Float = quantity("s", 0.0)
    token: Float = quantity("s")
    pair: Float = quantity("s", 0.0)


@struct
class PromptTime:
    """Time to have the cache of a whole prompt on the GPU.

    Attributes:
        fetch: moving the part that exists [s]
        prefill: reading the rest [s]
    """

    fetch: Float = quantity("s")
    prefill: Float = quantity("s")

    @property
    def total(self) -> Float:
        """One after the other [s]; an engine that fetches layer by layer hides part of the smaller one."""
        return self.fetch + self.prefill


register_structs()

Path = tuple[Stage, ...]


def kv_bytes(a: Architecture, tokens: Float, element_bytes: Float) -> Float:
    """Return the cache of one request [B]: all layers, one copy. Pages that are not full, up to 64 tokens or so, are left out.

    Args:
        a: the model
        tokens: cached tokens
        element_bytes: of one cached element, block scales included [B]
    """
    return tokens * kv_elements_per_token(a) * element_bytes


def both_ways(stage: Stage, shared_bw: Float) -> Stage:
    """Return a stage while it fetches and stores at once: each direction gets at most half of what both may use together.

    Memory behind a full-duplex link is such a limit: C2C of Grace moves 359 GB/s one way and 174 GB/s each way when both run, as LPDDR5X
    serves reads and writes in turn.

    Args:
        stage: alone
        shared_bw: both directions together [B/s]
    """
    return Stage(
        alpha=stage.alpha,
        fetch_bw=jnp.minimum(stage.fetch_bw, 0.5 * shared_bw),
        store_bw=jnp.minimum(stage.store_bw, 0.5 * shared_bw),
    )


def rates(path: Path, storing: bool = False) -> tuple[Float, ...]:
    """Return the bandwidth of each stage in one direction [B/s]."""
    return tuple(s.store_bw if storing else s.fetch_bw for s in path)


def path_latency(path: Path) -> Float:
    """Return the time of an empty transfer over all stages [s]: their sum."""
    return sum(s.alpha for s in path)


def path_bandwidth(path: Path, storing: bool = False) -> Float:
    """Return the bandwidth of a path [B/s]: that of its narrowest stage in this direction."""
    narrowest, *others = rates(path, storing)
    for rate in others:
        narrowest = jnp.minimum(narrowest, rate)
    return narrowest


def smooth_bandwidth(path: Path, storing: bool = False, p: float = 16.0) -> Float:
    """Return the p-norm form of `path_bandwidth` [B/s], for optimisation: smooth, scales with its inputs.

    It reads low where stages are equal: by `1 - k^(-1/p)` for k of them, 4 % for two at p = 16.
    """
    narrowest = path_bandwidth(path, storing)
    return narrowest * sum((narrowest / rate) ** p for rate in rates(path, storing)) ** (-1.0 / p)


def move_time(path: Path, nbytes: Float, storing: bool = False) -> MoveTime:
    """Return the time to stream bytes over a path, all stages at once: `sum alpha + n / min bw`.

    Args:
        path: stages from the store to the GPU
        nbytes: what is moved [B]
        storing: from the GPU to the store
    """
    return MoveTime(latency=path_latency(path), transfer=nbytes / path_bandwidth(path, storing))


def store_and_forward(path: Path, nbytes: Float, storing: bool = False) -> MoveTime:
    """Return the time when each stage waits for all bytes of the one before: `sum (alpha + n / bw)`; the upper bound."""
    return MoveTime(latency=path_latency(path), transfer=sum(nbytes / rate for rate in rates(path, storing)))


def in_pieces(path: Path, nbytes: Float, pieces: Float, storing: bool = False) -> MoveTime:
    """Return the time when `pieces` equal parts follow each other: store-and-forward for one, streaming for many.

    `n / m * (sum 1/bw + (m - 1) max 1/bw)`; the latency is paid once, as pieces are in flight together.

    Args:
        path: stages from the store to the GPU
        nbytes: what is moved [B]
        pieces: m, 1 or more: pages, or layers
        storing: from the GPU to the store
    """
    transfer = pipelined(tuple(nbytes / rate for rate in rates(path, storing)), pieces)
    return MoveTime(latency=path_latency(path), transfer=transfer)


def pipelined(times: tuple[Float, ...], pieces: Float) -> Float:
    """Return the time of a pipeline [s] whose stages would take `times` for everything, fed in `pieces` equal parts.

    `sum(times) / m + (m - 1) / m * max(times)`: the first piece passes all stages, then the slowest sets the pace.
    """
    slowest, *others = times
    for time in others:
        slowest = jnp.maximum(slowest, time)
    return sum(times) / pieces + (1.0 - 1.0 / pieces) * slowest


def bytes_within(path: Path, time: Float, storing: bool = False) -> Float:
    """Return how much a path moves in a given time [B]; nothing in less than its latency."""
    return jnp.maximum(0.0, time - path_latency(path)) * path_bandwidth(path, storing)


def placement(tiers: tuple[Tier, ...], nbytes: Float) -> tuple[Float, ...]:
    """Return the bytes of all caches that lie in each tier, filled from the first to the last; a last entry says what fits nowhere [B]."""
    held: list[Float] = []
    left = nbytes
    for tier in tiers:
        here = jnp.minimum(left, tier.capacity)
        held.append(here)
        left = left - here
    return (*held, left)


def mean_fetch_time(paths: tuple[Path, ...], shares: tuple[Float, ...], nbytes: Float) -> MoveTime:
    """Return the mean time to fetch a cache that lies in one of several places.

    Args:
        paths: from each place to the GPU; an empty path is the GPU's own memory and costs nothing
        shares: how often it is found there; what they lack of 1 is found nowhere and fetched by nobody
        nbytes: of the cache [B]
    """
    free = MoveTime(latency=0.0, transfer=0.0)
    times = [move_time(path, nbytes) if path else free for path in paths]
    weighed = list(zip(shares, times, strict=True))
    return MoveTime(latency=sum(w * t.latency for w, t in weighed), transfer=sum(w * t.transfer for w, t in weighed))


def prefill_time(cost: PrefillCost, isl: Float, reused: Float = 0.0) -> Float:
    """Return the time to read a prompt [s] of which `reused` tokens are cached: `n - r` new ones see `(n^2 - r^2) / 2` pairs."""
    return cost.fixed + cost.token * (isl - reused) + cost.pair * 0.5 * (isl - reused) * (isl + reused)


def prompt_time(cost: PrefillCost, path: Path, token_bytes: Float, isl: Float, reused: Float) -> PromptTime:
    """Return the time of a prompt whose first `reused` tokens are fetched, the rest read.

    Args:
        cost: of reading
        path: from where the cached part lies
        token_bytes: cache of one token [B]
        isl: prompt tokens
        reused: of these, found in a cache; with none, nothing is fetched and no latency is paid
    """
    found = jnp.where(jnp.greater(reused, 0.0), 1.0, 0.0)
    return PromptTime(fetch=found * move_time(path, reused * token_bytes).total, prefill=prefill_time(cost, isl, reused))


def reuse_saving(cost: PrefillCost, path: Path, token_bytes: Float, reused: Float) -> Float:
    """Return the time that fetching a prefix saves over reading it [s]: `token r + pair r^2 / 2 - move`; negative where it costs time.

    The prompt behind the prefix does not matter: it sees the prefix in either case.
    """
    return cost.token * reused + 0.5 * cost.pair * reused * reused - move_time(path, reused * token_bytes).total


def break_even_bandwidth(nbytes: Float, latency: Float, prefill: Float) -> Float:
    """Return the bandwidth above which moving a cache is quicker than reading its tokens again [B/s]; infinite if latency alone is longer.

    Args:
        nbytes: of the cache [B]
        latency: of the path [s]
        prefill: time to read the tokens again [s]
    """
    left = prefill - latency
    positive = jnp.greater(left, 0.0)
    return jnp.where(positive, nbytes / jnp.where(positive, left, 1.0), jnp.inf)


def break_even_tokens(cost: PrefillCost, path: Path, token_bytes: Float) -> Float:
    """Return the length of the prefix from which on fetching is quicker than reading [token]; infinite if it never is.

    The positive root of `pair/2 r^2 + (token - bytes/bw) r = latency`, in the form that does not cancel. Attention grows with the
    square of the length and bytes do not, so with `pair > 0` every path wins in the end.
    """
    gain = jnp.asarray(cost.token - token_bytes / path_bandwidth(path), dtype=jnp.float64)
    latency, pair = path_latency(path), cost.pair
    square = gain * gain + 2.0 * pair * latency
    some = square > 0.0
    root = jnp.where(some, jnp.sqrt(jnp.where(some, square, 1.0)), 0.0)
    rising, bent = gain > 0.0, jnp.greater(pair, 0.0)
    near = 2.0 * latency / jnp.where(rising, gain + root, 1.0)
    far = (root - gain) / jnp.where(bent, pair, 1.0)
    return jnp.where(rising, near, jnp.where(bent, far, jnp.inf))


__all__ = [
    "MoveTime",
    "Path",
    "PrefillCost",
    "PromptTime",
    "Stage",
    "Tier",
    "both_ways",
    "break_even_bandwidth",
    "break_even_tokens",
    "bytes_within",
    "in_pieces",
    "kv_bytes",
    "mean_fetch_time",
    "move_time",
    "path_bandwidth",
    "path_latency",
    "pipelined",
    "placement",
    "prefill_time",
    "prompt_time",
    "rates",
    "reuse_saving",
    "smooth_bandwidth",
    "store_and_forward",
]
