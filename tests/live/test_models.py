"""The whole model and every claim in the browser, as the ES modules that pages load."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nvlinklab import live
from nvlinklab import scenario as sc
from nvlinklab._struct import leaves
from nvlinklab.claims.registry import get_check, registered
from tests.live.parity import gap, jax_rows, module_rows

TOLERANCE = 1e-12
MODELS = {"latent attention, experts": "deepseek-r1", "grouped heads, dense": "llama-3.1-70b", "grouped heads, experts": "qwen3-235b-a22b"}
KINDS = {"mla": ["deepseek-r1"], "gqa": ["llama-3.1-70b", "qwen3-235b-a22b"]}


def around(scenario, count, seed):
    """Scenarios around one, every leaf up to a third smaller or a half larger; unknown leaves stay unknown."""
    start = np.array([float(v) for v in leaves(scenario).values()])
    return start * np.exp(np.random.default_rng(seed).uniform(-0.4, 0.4, (count, start.size)))


@pytest.mark.parametrize("kind", KINDS)
def test_the_whole_estimate(runtime, kind):
    """One module a kind of attention: models, systems and number formats are other numbers in the same formula."""
    scenarios = [sc.build(model=name).scenario for name in KINDS[kind]]
    first, tree = scenarios[0], jax.tree_util.tree_structure(scenarios[0])
    assert all(jax.tree_util.tree_structure(s) == tree for s in scenarios)
    value, slope = live.compile(sc.evaluate, first), live.gradient(lambda s: sc.metric(s, "throughput"), first)
    points = np.concatenate([around(s, 1000 // len(scenarios), seed) for seed, s in enumerate(scenarios)])
    found = module_rows(runtime, value, points, gradient=slope)

    def everything(point):
        s = tree.unflatten(list(point))
        rate, slopes = jax.value_and_grad(lambda x: sc.metric(x, "throughput"))(s)
        elasticities = [jnp.asarray(d * x / rate) for d, x in zip(*map(jax.tree_util.tree_leaves, (slopes, s)), strict=True)]
        return sc.evaluate(s), elasticities, rate

    wanted = jax_rows(everything, points)
    cut = len(value.outputs)
    assert 0.03 < np.isfinite(wanted[:, 0]).mean() < 0.9, "some points are feasible and some are not"
    assert gap(found[:, :cut], wanted[:, :cut]).worst <= TOLERANCE
    elasticities = found[:, cut:] * points / wanted[:, -1:]
    assert gap(elasticities, wanted[:, cut:-1], 1.0).worst <= TOLERANCE  # a small one may be the rest of large ones


@pytest.mark.parametrize("label", MODELS)
def test_a_module_says_what_goes_in_and_out(label):
    named = sc.build(model=MODELS[label])
    text = live.javascript(sc.evaluate, named.scenario, inputs=["batch", "deployment.ep"], gradient_of="tpot")
    head, _, body = text.partition("export const outputs = ")
    listed = json.loads(head[head.index("[") : head.rindex(";")].replace(",\n]", "\n]"))
    batch, ep = named.scenario.batch, named.scenario.deployment.ep
    assert listed == [
        {"path": "batch", "unit": "request", "default": batch},
        {"path": "deployment.ep", "unit": "GPU", "default": ep},
    ]
    assert '{"name": "ttft", "unit": "s"}' in body
    assert '{"name": "memory.kv", "unit": "B"}' in body
    assert "export function evaluate(x) {" in body
    assert "export function gradient(x) {" in body
    assert text == live.javascript(sc.evaluate, named.scenario, inputs=["batch", "deployment.ep"], gradient_of="tpot")


def test_unknown_numbers_are_written(runtime):
    text = live.javascript(lambda p: {"known": p["a"] + 1.0, "of_b": p["b"] * 1.0}, {"a": float("nan"), "b": float("inf")})
    assert '"default": NaN' in text
    assert '"default": Infinity' in text
    found = runtime.table(text, np.array([[np.nan, np.inf], [1.0, -np.inf]]))
    np.testing.assert_array_equal(found, [[np.nan, np.inf], [2.0, -np.inf]])


def test_every_claim_runs_in_the_browser(runtime):
    """All claim functions as one module, at the claims' own inputs and at random ones around them."""
    checks = {claim: get_check(claim) for claim in registered()}
    point = {claim: {name: i.value for name, i in check.inputs.items()} for claim, check in checks.items() if check.inputs}

    def everything(p):
        return {claim: dict(checks[claim].function(**inputs)) for claim, inputs in p.items()}

    program = live.compile(everything, point)
    start = np.array([i.default for i in program.inputs])
    spread = np.random.default_rng(3).uniform(0.9, 1.1, (4, start.size))
    points = np.vstack([start, start * spread])
    tree = jax.tree_util.tree_structure(point)
    found, wanted = module_rows(runtime, program, points), jax_rows(lambda x: everything(tree.unflatten(list(x))), points)
    assert len(point) > 250
    worst = gap(found, wanted, np.abs(wanted[:1]) * 1e-3)  # differences of nearly equal numbers have no last digits
    assert worst.worst <= TOLERANCE, program.outputs[worst.at[0]].name
