"""What remains of a switched domain when chips, trays or links fail."""

import jax.numpy as jnp

from nvlinklab._struct import Float, quantity, register_structs, struct
from nvlinklab.network.topology import SwitchedDomain


@struct
class Failures:
    """What is out of service in a switched domain. Switch failures hit every GPU alike, link failures a single one.

    Attributes:
        switches: switch chips
        gpus: GPUs, for example the four of a compute tray
        links: links of the worst hit GPU, on chips that still work
    """

    switches: Float = quantity("chip", 0.0)
    gpus: Float = quantity("GPU", 0.0)
    links: Float = quantity("link", 0.0)


@struct
class Remaining:
    """What a damaged domain still does; every bandwidth is one direction.

    Attributes:
        gpus: GPUs that still work
        injection: what an intact GPU sends [B/s]
        worst_injection: what the worst hit GPU sends [B/s]
        bisection: least that crosses between two halves of the working GPUs, the worst hit one in either [B/s]
        connected: 1 while any two GPUs share a working chip by a single hop, else 0
    """

    gpus: Float = quantity("GPU")
    injection: Float = quantity("B/s")
    worst_injection: Float = quantity("B/s")
    bisection: Float = quantity("B/s")
    connected: Float = quantity("1")


register_structs()


def remaining(domain: SwitchedDomain, failures: Failures) -> Remaining:
    """Return what is left. No pair is cut off by switch failures while one chip works; a GPU is when its last link goes.

    Args:
        domain: the intact domain
        failures: what is out; counts beyond what exists leave nothing
    """
    switches = jnp.maximum(domain.switches - failures.switches, 0.0)
    own = jnp.maximum(switches - failures.links, 0.0)
    gpus = jnp.maximum(domain.gpus - failures.gpus, 0.0)
    half = gpus / 2.0 * switches * domain.link_bw
    return Remaining(
        gpus=gpus,
        injection=switches * domain.link_bw,
        worst_injection=own * domain.link_bw,
        bisection=jnp.maximum(half - (switches - own) * domain.link_bw, 0.0),
        connected=jnp.where(own > 0.0, 1.0, 0.0),
    )


def pair_bandwidth(domain: SwitchedDomain, failures: Failures, other_links: Float = 0.0) -> Float:
    """Return the single-hop bandwidth from the worst hit GPU to one that lost `other_links` on other chips [B/s].

    A single hop needs a chip to which both ends still have their link, so losses on different chips add. Detours by way of a third
    GPU are not used by the hardware and not counted.
    """
    shared = domain.switches - failures.switches - failures.links - other_links
    return jnp.maximum(shared, 0.0) * domain.link_bw


def exchange_slowdown(domain: SwitchedDomain, failures: Failures) -> Float:
    """Return by how much a uniform all-to-all slows down: it waits for the worst hit GPU. Infinite once that one is cut off."""
    whole = domain.switches
    left = whole - failures.switches - failures.links
    return jnp.where(left > 0.0, whole / jnp.where(left > 0.0, left, 1.0), jnp.inf)
