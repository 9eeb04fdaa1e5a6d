"""Properties that every public time function has: whole units, monotone, parts that add up, exact derivatives, no NaN at the edges."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvlinklab.analysis.sensitivity import sum_rule_residual
from nvlinklab.network import collectives as flat
from nvlinklab.network import contention, domains, fabrics, hierarchical, knee, loggp
from nvlinklab.network.alphabeta import Link, transfer_time
from nvlinklab.network.parts import best, slowest, total

UNITS = {
    "up_alpha": "s",
    "up_bw": "B/s",
    "out_alpha": "s",
    "out_bw": "B/s",
    "overhead": "s",
    "gap": "s",
    "mean": "s",
    "nbytes": "B",
    "ranks": "GPU",
    "domain": "GPU",
    "over": "x",
    "sharpness": "1",
    "spread": "1",
}
TYPICAL = {
    "up_alpha": 2e-6,
    "up_bw": 9e11,
    "out_alpha": 5e-6,
    "out_bw": 5e10,
    "overhead": 1e-6,
    "gap": 3e-7,
    "mean": 4e-6,
    "nbytes": 1e7,
    "ranks": 288.0,
    "domain": 72.0,
    "over": 2.0,
    "sharpness": 0.62,
    "spread": 0.5,
}


def links(x):
    return Link(alpha=x["up_alpha"], bw=x["up_bw"]), Link(alpha=x["out_alpha"], bw=x["out_bw"])


def nested_levels(x):
    up, out = links(x)
    zoned = fabrics.nvl576(up, out, zones=x["domain"] / 18.0, packages=x["domain"], oversubscription=x["over"])
    return fabrics.scale_out(zoned, 1e6, out, oversubscription=x["over"])


def breakdowns(x):
    """Every function that returns parts."""
    up, out = links(x)
    fabric = hierarchical.Fabric(domain=x["domain"], up=up, out=out)
    result = {
        f"{op}.{name}": fn(up, x["nbytes"], x["ranks"]) for op, algorithms in flat.ALGORITHMS.items() for name, fn in algorithms.items()
    }
    for op in flat.ALGORITHMS:
        result[f"{op}.best"] = flat.collective(op, up, x["nbytes"], x["ranks"], in_network=True)
        result[f"hierarchical.{op}"] = getattr(hierarchical, op)(fabric, x["nbytes"], x["ranks"])
    result["hierarchical.rail"] = hierarchical.rail_all_to_all(fabric, x["nbytes"], x["ranks"])
    for i, part in enumerate(domains.exchange(nested_levels(x), x["nbytes"], x["ranks"])):
        result[f"exchange.{i}"] = part
    return result


def times(x):
    """Every public time in seconds, by name."""
    up, _ = links(x)
    gp = loggp.LogGP(latency=x["up_alpha"], overhead=x["overhead"], gap=x["gap"], byte_gap=1.0 / x["up_bw"])
    parts = breakdowns(x)
    exchange = domains.exchange(nested_levels(x), x["nbytes"], x["ranks"])
    return {
        **{name: part.total for name, part in parts.items()},
        "hierarchical.overlapped": parts["hierarchical.all_to_all"].overlapped,
        "exchange.slowest": slowest(*exchange),
        "exchange.total": total(*exchange),
        "transfer": transfer_time(up, x["nbytes"]),
        "knee": knee.knee_time(up, x["nbytes"], x["sharpness"]),
        "loggp": loggp.message_time(gp, x["nbytes"]),
        "burst": loggp.burst_time(gp, x["nbytes"], x["ranks"]),
        "incast": contention.incast_time(up, x["nbytes"], x["ranks"]),
        "shared": contention.shared_time(up, x["out_bw"], x["nbytes"], x["ranks"]),
        "hot": contention.hot_port_time(up, x["nbytes"], x["over"]),
        "exponential": contention.slowest_exponential(x["mean"], x["ranks"]),
        "exponential_wait": contention.exponential_wait(x["mean"], x["ranks"]),
        "lognormal": contention.slowest_lognormal(x["mean"], x["spread"], x["ranks"]),
        "lognormal_wait": contention.lognormal_wait(x["mean"], x["spread"], x["ranks"]),
    }


@cache
def compiled():
    """Values and their derivatives along one direction: a single small program for every test here."""
    return jax.jit(lambda x, direction: jax.jvp(times, (x,), (direction,)))


@cache
def compiled_breakdowns():
    return jax.jit(breakdowns)


def evaluate(x, slopes=True):
    point = {name: jnp.float64(value) for name, value in x.items()}
    nothing = {name: jnp.float64(0.0) for name in x}
    value, _ = compiled()(point, nothing)
    rows = {name: {} for name in value}
    for path in x if slopes else ():
        _, slope = compiled()(point, {**nothing, path: jnp.float64(1.0)})
        for name, s in slope.items():
            rows[name][path] = float(s)
    return {name: float(v) for name, v in value.items()}, rows


def log_range(low, high):
    return st.floats(np.log(low), np.log(high)).map(lambda v: float(np.exp(v)))


def points():
    """Both sides of every kink: domains larger and smaller than the ranks, latency-bound and bandwidth-bound."""
    return st.fixed_dictionaries(
        {
            "up_alpha": log_range(1e-7, 3e-5),
            "up_bw": log_range(1e10, 1e13),
            "out_alpha": log_range(1e-7, 3e-5),
            "out_bw": log_range(1e9, 1e12),
            "overhead": log_range(1e-8, 1e-5),
            "gap": log_range(1e-8, 1e-5),
            "mean": log_range(1e-7, 1e-4),
            "nbytes": log_range(1e1, 1e11),
            "ranks": log_range(1.5, 2000.0),
            "domain": log_range(36.0, 1200.0),
            "over": log_range(1.0, 8.0),
            "sharpness": log_range(0.3, 8.0),
            "spread": log_range(0.05, 2.0),
        }
    )


@settings(max_examples=40, deadline=None, derandomize=True)
@given(points())
def test_units_are_whole(x):
    values, slopes = evaluate(x)
    for name, value in values.items():
        if value > 0.0:
            elasticity = {p: slopes[name][p] * x[p] / value for p in x}
            scale = max(1.0, *(abs(e) for p, e in elasticity.items() if UNITS[p] in ("s", "B", "B/s")))
            assert sum_rule_residual(elasticity, UNITS, "s") <= 1e-9 * scale, name


@settings(max_examples=40, deadline=None, derandomize=True)
@given(points())
def test_more_bandwidth_never_hurts_and_more_latency_or_bytes_never_help(x):
    _, slopes = evaluate(x)
    for name, row in slopes.items():
        assert row["up_bw"] <= 0.0, name
        assert row["out_bw"] <= 0.0, name
        assert all(row[p] >= 0.0 for p in ("up_alpha", "out_alpha", "overhead", "gap", "nbytes", "over")), name
        assert name == "lognormal_wait" or row["mean"] >= 0.0, name


@settings(max_examples=15, deadline=None, derandomize=True)
@given(points())
def test_totals_come_from_their_parts(x):
    for name, part in compiled_breakdowns()(x).items():
        assert float(part.total) == pytest.approx(float(part.latency + part.transfer), rel=1e-12), name
        if hasattr(part, "out"):
            larger = max(float(part.up.total), float(part.out.total))
            assert larger == pytest.approx(float(part.overlapped), rel=1e-12)
            assert larger <= float(part.total)


KINKS = {
    "both levels in use": {},
    "one domain holds all": {"ranks": 40.0},
    "one zone": {"ranks": 3.0},
    "latency-bound": {"nbytes": 100.0},
    "bandwidth-bound": {"nbytes": 1e11},
    "gap above overhead": {"gap": 5e-6},
    "narrow shared port": {"out_bw": 1e9},
    "knee above the sum": {"nbytes": 2e6},
    "almost one rank": {"ranks": 1.5},
}


@pytest.mark.parametrize("change", KINKS.values(), ids=list(KINKS))
def test_derivatives_match_central_differences(change):
    x = {**TYPICAL, **change}
    value, slopes = evaluate(x)
    for path, at in x.items():
        step = 1e-5
        up, down = (evaluate({**x, path: at * np.exp(s)}, slopes=False)[0] for s in (step, -step))
        for name in value:
            numeric = (up[name] - down[name]) / (2 * step)
            assert numeric == pytest.approx(slopes[name][path] * at, rel=2e-5, abs=1e-8 * abs(value[name]) + 1e-18), (name, path)


EDGES = {
    "one rank": {"ranks": 1.0},
    "two ranks": {"ranks": 2.0},
    "domain equals ranks": {"ranks": 72.0},
    "domain of one": {"domain": 1.0},
    "nothing to send": {"nbytes": 0.0},
    "no latency": {"up_alpha": 0.0, "out_alpha": 0.0, "overhead": 0.0, "gap": 0.0},
    "nothing at all": {"up_alpha": 0.0, "out_alpha": 0.0, "overhead": 0.0, "gap": 0.0, "nbytes": 0.0, "mean": 0.0},
    "equal delays": {"spread": 0.0},
}


@pytest.mark.parametrize("change", EDGES.values(), ids=list(EDGES))
def test_edges_are_finite(change):
    values, slopes = evaluate({**TYPICAL, **change})
    assert all(np.isfinite(v) for v in values.values())
    bad = [(name, p) for name, row in slopes.items() for p, s in row.items() if not np.isfinite(s)]
    assert not bad


def test_one_rank_is_free():
    values, _ = evaluate({**TYPICAL, "ranks": 1.0})
    for name in [*breakdowns(TYPICAL), "exponential_wait", "exchange.total", "hierarchical.overlapped"]:
        assert values[name] == pytest.approx(0.0, abs=1e-18), name
    assert values["lognormal_wait"] == pytest.approx(0.0, abs=1e-15)


def test_without_latency_only_bandwidth_is_left():
    free = {**TYPICAL, "up_alpha": 0.0, "out_alpha": 0.0, "overhead": 0.0, "gap": 0.0}
    parts, typical = compiled_breakdowns()(free), compiled_breakdowns()(TYPICAL)
    for name, part in parts.items():
        assert float(part.total) == float(part.transfer), name
        if "best" not in name:  # which picks another algorithm
            assert float(part.transfer) == pytest.approx(float(typical[name].transfer), rel=1e-12), name
    assert evaluate(free, slopes=False)[0]["knee"] == pytest.approx(free["nbytes"] / free["up_bw"])


@pytest.mark.parametrize("ranks", [2.0, 16.0, 72.0])
def test_a_domain_that_holds_all_ranks_is_the_flat_collective(ranks):
    up, out = links(TYPICAL)
    for domain in (ranks, 3.0 * ranks):
        fabric = hierarchical.Fabric(domain=domain, up=up, out=out)
        pairs = [
            (hierarchical.all_reduce(fabric, 1e8, ranks), flat.two_shot_all_reduce(up, 1e8, ranks)),
            (hierarchical.all_reduce(fabric, 1e8, ranks, up="ring"), flat.ring_all_reduce(up, 1e8, ranks)),
            (hierarchical.all_gather(fabric, 1e8, ranks), flat.direct_all_gather(up, 1e8, ranks)),
            (hierarchical.reduce_scatter(fabric, 1e8, ranks), flat.direct_reduce_scatter(up, 1e8, ranks)),
            (hierarchical.broadcast(fabric, 1e8, ranks), flat.chain_broadcast(up, 1e8, ranks)),
            (hierarchical.all_to_all(fabric, 1e8, ranks), flat.all_to_all(up, 1e8, ranks)),
            (hierarchical.rail_all_to_all(fabric, 1e8, ranks), flat.all_to_all(up, 1e8, ranks)),
        ]
        for two, one in pairs:
            assert float(two.total) == pytest.approx(float(one.total), rel=1e-12)
            assert float(two.out.total) == 0.0


def test_a_domain_of_one_leaves_the_scale_out_network():
    up, out = links(TYPICAL)
    fabric = hierarchical.Fabric(domain=1.0, up=up, out=out)
    assert float(hierarchical.all_to_all(fabric, 1e8, 64.0).total) == pytest.approx(float(flat.all_to_all(out, 1e8, 64.0).total))
    assert float(hierarchical.all_reduce(fabric, 1e8, 64.0).total) == pytest.approx(float(flat.ring_all_reduce(out, 1e8, 64.0).total))


def test_two_nested_levels_are_the_hierarchical_exchange():
    up, out = links(TYPICAL)
    levels = fabrics.scale_out(fabrics.nvl72(up), 1e4, out)
    parts = domains.exchange(levels, 1e8, 288.0)
    expected = hierarchical.all_to_all(hierarchical.Fabric(domain=72.0, up=up, out=out), 1e8, 288.0)
    assert [float(p.total) for p in parts] == pytest.approx([float(expected.up.total), float(expected.out.total)], rel=1e-12)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(points())
def test_best_is_the_least_and_the_switch_never_beats_the_ring_twofold_in_bytes(x):
    values, _ = evaluate(x, slopes=False)
    reduces = {k: v for k, v in values.items() if k.startswith("all_reduce.") and k != "all_reduce.best"}
    assert values["all_reduce.best"] == pytest.approx(min(reduces.values()), rel=1e-12)
    if x["ranks"] >= 2.0:
        up, _ = links(x)
        ring, switch = (fn(up, x["nbytes"], x["ranks"]).transfer for fn in (flat.ring_all_reduce, flat.in_network_all_reduce))
        assert 1.0 - 1e-12 <= float(ring / switch) < 2.0


def test_best_selects_element_by_element_under_vmap():
    link, sizes = Link(alpha=5e-6, bw=4.5e11), jnp.logspace(2, 10, 5)
    chosen = jax.vmap(lambda s: flat.collective("all_reduce", link, s, 8.0))(sizes)
    options = {name: flat.ALGORITHMS["all_reduce"][name](link, sizes, 8.0) for name in ("ring", "tree", "one_shot", "two_shot")}
    np.testing.assert_allclose(chosen.total, np.min([np.asarray(o.total) for o in options.values()], axis=0), rtol=1e-12)
    np.testing.assert_allclose(best(options).total, chosen.total, rtol=1e-12)


def test_compiles_once():
    traces = []

    @jax.jit
    def fn(x):
        traces.append(1)
        return times(x)["hierarchical.all_reduce"]

    for n in (2.0, 8.0, 72.0, 100.0):
        fn({k: jnp.float64(v) for k, v in {**TYPICAL, "ranks": n}.items()})
    assert len(traces) == 1
