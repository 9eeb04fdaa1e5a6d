"""The decode step written a second time, from the equations, in plain Python and NumPy; only inputs come from the package.

Notation: T tokens per GPU, N = T tp cp tokens of a replica, all times summed over layers.
"""

import math

import numpy as np
import pytest

from nvlinklab._struct import leaves
from nvlinklab.serving import decode
from nvlinklab.workload.architecture import model
from tests.serving import points as pts


def reference_step(a, kind, d, batch, context):
    """Return the seven parts of the step in the order of `DecodeStep`; `a`, `d` are dicts of numbers."""
    tp, pp, cp, dp, ep = (d[name] for name in ("tp", "pp", "cp", "dp", "ep"))
    hbm = d["system.gpu.mem_bw"] * d["mem_efficiency"]
    gemm = d["flops"] * d["format_speedup"] * d["flops_efficiency"]
    attention_rate = d["attention_flops"] * d["attention_efficiency"]
    hidden, layers, dense_layers = a["hidden"], a["layers"], a["dense_layers"]
    sparse = layers - dense_layers
    T = batch * d["query_tokens"]
    N = T * tp * cp
    heads = a["heads"] / tp

    if kind == "mla":
        rank, rope, nope, value = a["kv_lora_rank"], a["qk_rope_head_dim"], a["qk_nope_head_dim"], a["v_head_dim"]
        weights = hidden * a["q_lora_rank"] + a["q_lora_rank"] * heads * (nope + rope)
        weights += hidden * (rank + rope) + rank * heads * (nope + value) + heads * value * hidden
        cached, flop_per_pair, yielded = rank + rope, 2 * heads * (2 * rank + rope), heads * rank
    else:
        kv_heads, width = max(a["kv_heads"] / tp, min(a["kv_heads"], 1)), a["head_dim"]
        weights = 2 * hidden * heads * width + 2 * hidden * kv_heads * width
        cached, flop_per_pair, yielded = 2 * kv_heads * width, 2 * heads * 2 * width, heads * width

    project = layers * max(2 * d["flop_unit"] * weights * N / gemm, weights * d["weight_bytes"] / hbm)
    requests, share = batch * tp * cp, context / cp
    read = requests * share * cached * d["kv_bytes"] / hbm
    score = N * share * flop_per_pair * d["flop_unit"] / attention_rate
    attention = project + layers * max(read, score)

    expert = a["expert_matrices"] * hidden * a["moe_intermediate"]
    E, k, uneven = a["routed_experts"], a["top_k"], 1 + d["imbalance"] * (1 - 1 / ep)
    here = 0.0
    if E:
        distinct = E * (1 - math.exp(T * ep * math.log(1 - k / E)))
        here = min(uneven * distinct / ep, E / ep)
    block = 3 * hidden * a["dense_intermediate"] / tp
    head = a["vocab"] / tp * hidden
    nbytes = (sparse * (here + a["shared_experts"]) * expert + dense_layers * block + head) * d["weight_bytes"]
    flop = 2 * (sparse * T * (uneven * k + a["shared_experts"]) * expert + N * (dense_layers * block + head)) * d["flop_unit"]
    experts = max(nbytes / hbm, flop / gemm)

    up_alpha, up = d["system.scale_up.alpha"], d["system.scale_up.bw"] * d["link_efficiency"]
    out_alpha, out = d["system.scale_out.alpha"], d["system.scale_out.bw"] * d["scale_out_efficiency"]
    domain = d["system.domain"]

    def exchange(size):
        if ep <= 1 or not sparse:
            return 0.0
        copies = (ep - 1) * (1 - (1 - 1 / ep) ** k)
        beyond = max(0.0, 1 - domain / ep)
        volume = copies * uneven * T * hidden * size
        inner = up_alpha + (1 - beyond) * volume / up
        return max(inner, out_alpha + beyond * volume / out) if beyond else inner

    def all_reduce(n, size, near):
        if n == 1:
            return 0.0
        if n <= near:
            ring = 2 * (n - 1) * up_alpha + 2 * (n - 1) / n * size / up
            tree = 2 * math.log2(n) * up_alpha + min(n - 1, 2) * size / up
            one = up_alpha + (n - 1) * size / up
            two = 2 * up_alpha + 2 * (n - 1) / n * size / up
            return min(ring, tree, one, two)
        m = n / near
        peers = min(near - 1, 1)
        return 2 * peers * up_alpha + 2 * (near - 1) / near * size / up + 2 * (m - 1) * out_alpha + 2 * (m - 1) / m * size / near / out

    reduced = (2 * dense_layers + sparse) * all_reduce(tp, N * hidden * d["activation_bytes"], domain)
    reduced += layers * all_reduce(cp, N * yielded * d["activation_bytes"], max(domain / tp, 1))
    crossing = min(max(max(tp * cp * dp, ep) * pp / domain - 1, 0), pp - 1)
    part = T * hidden * d["activation_bytes"]
    pipeline = (pp - 1 - crossing) * (up_alpha + part / up) + crossing * (out_alpha + part / out)
    return [
        attention, experts, sparse * exchange(d["dispatch_bytes"]), sparse * exchange(d["combine_bytes"]), layers * d["layer_time"],
        reduced, pipeline,
    ]  # fmt: skip


@pytest.mark.parametrize("name", sorted(pts.SHAPES))
def test_parity(name):
    random, a = np.random.default_rng(7), model(name).spec
    for i in range(12):
        degrees = pts.SHAPES[name][i % len(pts.SHAPES[name])]
        _, p = pts.point(name, degrees, random.uniform(size=len(pts.RANGES) + len(pts.WORK) + 2))
        context = p["isl"] + 0.5 * p["osl"]
        found = [float(x) for x in leaves(decode.decode_step(a, p["d"], p["batch"], context)).values()]
        expected = reference_step(leaves(a), a.attention, leaves(p["d"]), p["batch"], context)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=0.0)
