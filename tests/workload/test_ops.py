import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvlinklab._struct import leaf_units, leaves, replace_path
from nvlinklab.io.tables import all_rows, value_row
from nvlinklab.workload import architecture as arch
from nvlinklab.workload import attention, feedforward, layout, ops
from nvlinklab.workload.precision import bytes_per_element
from tests.economics.checks import Case, check_case

DEEPSEEK, LLAMA, MIXTRAL = (arch.model(name).spec for name in ("deepseek-v3", "llama-3-1-70b", "mixtral-8x7b"))
FP8 = ops.Formats(weight=bytes_per_element("fp8"), cache=bytes_per_element("fp8"))
ONE = ops.Formats(weight=1.0, cache=0.0, activation=0.0, dispatch=0.0, combine=0.0)  # reads are weights, nothing else
FORMATS = {path: (0.9, unit) for path, unit in leaf_units(ops.Formats).items()}
LOAD = {**FORMATS, "batch": (64.0, "request"), "context": (4096.0, "token")}


def formats(p):
    return ops.Formats(**{name: p[name] for name in FORMATS})


def whole_pass(a, p):
    cut = layout.Layout(tp=4.0, dp=8.0, ep=32.0, pp=2.0)
    return layout.pass_total(layout.decode_pass(a, cut, p["batch"], p["context"], formats(p), 0.3))


def prompt(a, p):
    return layout.pass_total(layout.prefill_pass(a, layout.Layout(tp=2.0, dp=4.0, ep=8.0), 1.0, p["context"], formats(p), p["batch"]))


CASES = {
    f"{name} {part}": Case(lambda p, f=fn, a=a, part=part: getattr(f(a, p), part), LOAD, unit, "batch context" if fn is whole_pass else "")
    for name, fn, a in (("mla", whole_pass, DEEPSEEK), ("gqa", whole_pass, LLAMA), ("prompt", prompt, DEEPSEEK))
    for part, unit in (("flop", "FLOP"), ("read", "B"), ("sent", "B"))
}
CASES["intensity"] = Case(lambda p: ops.intensity(whole_pass(DEEPSEEK, p)), LOAD, "FLOP/B")
CASES["written"] = Case(lambda p: whole_pass(MIXTRAL, p).written, LOAD, "B", "batch")


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=2, deadline=None)
@given(factors=st.lists(st.floats(0.8, 1.2), min_size=8, max_size=8))
def test_units_slopes_and_directions(name, factors):
    check_case(CASES[name], factors)


def test_ops_add_and_repeat():
    op = ops.Op(flop=1.0, read=2.0, written=3.0, sent=4.0, messages=5.0)
    assert leaves(op + op) == leaves(2.0 * op) == leaves(op * 2.0)
    assert ops.nbytes(op) == 5.0 and ops.intensity(op) == 0.2
    assert leaves(op + ops.Op()) == leaves(op)


@pytest.mark.parametrize("name", arch.models())
@pytest.mark.parametrize("absorbed", [True, False])
def test_projections_have_the_weights_of_the_architecture(name, absorbed):
    a = arch.model(name).spec
    op = attention.projections(a, 3.0, ONE, absorbed)
    assert float(op.read) == pytest.approx(float(arch.attention_params(a)), rel=1e-12)
    assert float(op.flop) == pytest.approx(6.0 * float(arch.attention_params(a)), rel=1e-12)


ACTIVE = [n for n in arch.models() if f"{n}.params_active_no_input_embedding" in all_rows()]


@pytest.mark.parametrize("name", ACTIVE)
def test_a_token_costs_two_flop_per_active_parameter_and_its_attention(name):
    # norms and biases are left out of the operators: below 0.1 %
    a, context = arch.model(name).spec, 4096.0
    flop = float(layout.pass_total(layout.decode_pass(a, layout.Layout(), 1.0, context, FP8)).flop)
    expected = 2.0 * value_row(f"{name}.params_active_no_input_embedding").value
    expected += float(a.layers * arch.attention_flop_per_token(a, context))
    assert flop == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("name", arch.models())
def test_a_huge_batch_reads_every_weight_once(name):
    a = arch.model(name).spec
    read = float(layout.pass_total(layout.decode_pass(a, layout.Layout(), 1e6, 0.0, ONE)).read)
    embedding = a.vocab * a.hidden  # rows of the input embedding are looked up, not multiplied
    assert read == pytest.approx(float(arch.matrix_params(a)) - embedding, rel=1e-9)


@pytest.mark.parametrize("a", [LLAMA, MIXTRAL])
def test_prefill_is_the_sum_of_its_decode_steps(a):
    steps = sum(float(attention.decode(a, 1.0, float(n), FP8).core.flop) for n in range(17, 65))
    assert float(attention.prefill(a, 1.0, 64.0, FP8, reused=16.0).core.flop) == pytest.approx(steps)
    fresh = attention.prefill(a, 1.0, 1e6, FP8).core.flop
    assert float(fresh) == pytest.approx(0.5 * 1e6 * float(attention.decode(a, 1.0, 1e6, FP8).core.flop), rel=1e-5)  # half of the square


def test_absorbed_attention_saves_bytes_and_costs_operations():
    absorbed = attention.decode(DEEPSEEK, 1.0, 8192.0, FP8).core
    assert attention.pair_width(DEEPSEEK) == 320.0  # unabsorbed; absorbed 512 + 576 = 1088
    assert float(absorbed.flop) == pytest.approx(2 * 128 * 1088 * 8192)
    assert float(absorbed.read) == pytest.approx(8192 * 576, rel=0.05)  # the latent once for all heads


def test_the_cache_grows_by_its_entries():
    zero = replace_path(FP8, {"activation": 0.0})
    for a in (DEEPSEEK, LLAMA):
        written = a.layers * attention.decode(a, 2.0, 100.0, zero).core.written
        assert float(written) == pytest.approx(2.0 * float(arch.kv_elements_per_token(a)))
        assert float(a.layers * attention.prefill(a, 2.0, 100.0, zero).core.written) == pytest.approx(100.0 * float(written))


def test_the_parts_of_a_layer_and_a_pass_add_up():
    layer = feedforward.experts(DEEPSEEK, 64.0, FP8, 32.0, 0.3)
    flop = sum(float(getattr(layer, part).flop) for part in ("router", "routed", "shared", "dispatch", "combine"))
    assert float(feedforward.total(layer).flop) == pytest.approx(flop)
    both = attention.decode(DEEPSEEK, 4.0, 1e3, FP8)
    assert float(attention.total(both).read) == pytest.approx(float(both.projections.read + both.core.read))
    step = layout.decode_pass(DEEPSEEK, layout.Layout(tp=2.0, dp=2.0, ep=4.0, pp=2.0), 8.0, 1e3, FP8)
    for part in leaf_units(ops.Op):
        each = [float(getattr(op, part)) for op in (step.attention, step.dense, step.experts, step.head, step.reduce, step.pipeline)]
        assert float(getattr(layout.pass_total(step), part)) == pytest.approx(sum(each))


@pytest.mark.parametrize("a", [DEEPSEEK, LLAMA])
def test_cutting_a_model_conserves_its_arithmetic(a):
    # the down-projections of latent attention are repeated on every tensor rank; routers and shared experts split the tokens instead
    sparse = bool(a.routed_experts)
    cut = layout.Layout(tp=4.0, pp=2.0, dp=2.0, cp=2.0, ep=16.0 if sparse else 1.0)
    one, many = layout.Layout(), layout.gpus(cut)
    whole = layout.pass_total(layout.prefill_pass(a, one, 2.0, 4096.0, FP8)).flop
    each = layout.pass_total(layout.prefill_pass(a, cut, 1.0, 4096.0, FP8)).flop
    repeated = a.layers * 2.0 * a.hidden * (a.q_lora_rank + a.kv_lora_rank + a.qk_rope_head_dim) * 2 * 4096.0 * (4 - 1) if sparse else 0.0
    head = 2.0 * a.vocab * a.hidden * 2.0 * (2 - 1)  # both context ranks compute the last token's logits
    assert float(each * many) == pytest.approx(float(whole + repeated + head), rel=1e-9)


def test_attention_of_a_batch_is_that_of_its_requests():
    for a in (DEEPSEEK, LLAMA):
        one, many = (attention.decode(a, batch, 1e4, FP8).core for batch in (1.0, 8.0))
        assert leaves(many) == pytest.approx(leaves(8.0 * one))


def test_context_ranks_share_cache_and_routed_tokens():
    whole, half = (layout.decode_pass(DEEPSEEK, layout.Layout(cp=cp, ep=cp), 64.0, 1e6, FP8) for cp in (1.0, 2.0))
    assert float(half.attention.read / whole.attention.read) == pytest.approx(0.5, rel=0.02)  # the cache dwarfs the weights
    assert float(half.experts.flop / whole.experts.flop) == pytest.approx(0.5)


def test_tensor_ranks_sum_after_attention_and_after_dense_blocks():
    for a, sums in ((LLAMA, 160.0), (DEEPSEEK, 64.0)):  # two per dense layer, one per layer with experts
        step = layout.decode_pass(a, layout.Layout(tp=4.0, ep=4.0 if a.routed_experts else 1.0), 8.0, 1e3, FP8)
        assert float(step.reduce.sent) == pytest.approx(sums * 2 * 3 / 4 * 8 * a.hidden * FP8.activation)
        assert float(step.reduce.messages) == sums * 6


def test_stages_pass_the_residual_on():
    step = layout.decode_pass(LLAMA, layout.Layout(pp=4.0), 8.0, 1e3, FP8)
    assert float(step.pipeline.sent) == pytest.approx(3 / 4 * 8 * LLAMA.hidden * FP8.activation)


def test_one_gpu_sends_nothing():
    assert float(layout.pass_total(layout.decode_pass(DEEPSEEK, layout.Layout(), 8.0, 1e3, FP8)).sent) == 0.0
    assert float(layout.pass_total(layout.decode_pass(DEEPSEEK, layout.Layout(), 8.0, 1e3, FP8)).messages) == 0.0
    assert ops.all_reduce(10.0, 1.0).sent == 0.0 and ops.all_reduce(10.0, 4.0).sent == 15.0


def test_imbalance_loads_the_busiest_gpu_only_among_many():
    even, uneven, alone = (
        feedforward.experts(DEEPSEEK, 64.0, FP8, ep, imbalance) for ep, imbalance in ((32.0, 0.0), (32.0, 0.4), (1.0, 0.4))
    )
    assert float(uneven.routed.flop / even.routed.flop) == pytest.approx(1 + 0.4 * 31 / 32)
    assert float(alone.routed.flop) == pytest.approx(float(even.routed.flop))
    assert float(uneven.shared.flop) == float(even.shared.flop)


def test_touched_experts_limits():
    assert float(feedforward.touched_experts(DEEPSEEK, 1.0)) == pytest.approx(8.0)
    assert float(feedforward.touched_experts(DEEPSEEK, 0.0)) == 0.0
    assert float(feedforward.touched_experts(LLAMA, 5.0)) == 0.0
    assert float(feedforward.touched_experts(replace_path(MIXTRAL, {"top_k": 8.0}), 1.0)) == 8.0


@jax.jit
@jax.value_and_grad
def everything(x):
    shape, cut, f, load = x
    step = layout.pass_total(layout.decode_pass(shape, cut, load[0], load[1], f, load[2]))
    return step.flop + step.read + step.written + step.sent + step.messages


@pytest.mark.parametrize("a", [DEEPSEEK, LLAMA, replace_path(MIXTRAL, {"top_k": 8.0})])
@pytest.mark.parametrize("batch", [0.0, 64.0])
@pytest.mark.parametrize("ep", [1.0, 8.0])
def test_values_and_slopes_are_numbers_at_the_edges(a, batch, ep):
    cut = layout.Layout(dp=ep, ep=ep)
    point = jax.tree_util.tree_map(lambda v: jnp.asarray(v, dtype=jnp.float64), (a, cut, FP8, (batch, 0.0, 0.0)))
    value, slopes = everything(point)
    assert np.isfinite([float(value), *map(float, jax.tree_util.tree_leaves(slopes))]).all()
