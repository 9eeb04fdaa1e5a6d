import re

import numpy as np
import pytest

from nvlinklab._struct import leaves
from nvlinklab.errors import InfeasibleError, SpecError
from nvlinklab.workload import architecture as arch
from nvlinklab.workload import layout
from nvlinklab.workload.layout import Layout

DEEPSEEK, KIMI, LLAMA = (arch.model(name).spec for name in ("deepseek-v3", "kimi-k2", "llama-3-1-70b"))


@pytest.mark.parametrize(
    "a, cut, message",
    [
        (KIMI, Layout(tp=6.0), "tp=6 does not divide 64 heads; nearest: 4 or 8"),
        (LLAMA, Layout(tp=100.0), "tp=100 does not divide 64 heads; nearest: 64"),
        (LLAMA, Layout(pp=81.0), "pp=81 exceeds the 80 layers; use pp<=80"),
        (LLAMA, Layout(ep=8.0, dp=8.0), "no routed experts; use ep=1"),
        (DEEPSEEK, Layout(ep=96.0, dp=96.0), "ep=96 exceeds the scale-up domain of 72 GPUs; use ep<=72, or spill=\"scale_out\""),
        (DEEPSEEK, Layout(ep=72.0, dp=72.0), "ep=72 does not divide 256 experts; nearest: 64 or 128; or redundant=32 for 288 slots"),
        (DEEPSEEK, Layout(ep=72.0, dp=72.0, redundant=30.0), "286 expert slots (256 and 30 redundant)"),
        (DEEPSEEK, Layout(ep=32.0, dp=8.0), "ep=32 does not divide 8 GPUs of a stage (tp*cp*dp); nearest: 8"),
        (DEEPSEEK, Layout(tp=64.0, cp=2.0), "tp*cp=128 exceeds the scale-up domain"),
    ],
)  # fmt: skip
def test_a_cut_that_cannot_be_says_why_and_what_can(a, cut, message):
    with pytest.raises(InfeasibleError, match=re.escape(message)):
        layout.check(a, cut, domain=None if cut.tp == 100.0 else 72.0)


def test_kv_heads_are_kept_whole():
    from nvlinklab._struct import replace_path

    with pytest.raises(InfeasibleError, match="neither divides 6 key-value heads nor is a multiple of them; nearest: 3 or 6"):
        layout.check(replace_path(LLAMA, {"heads": 24.0, "kv_heads": 6.0}), Layout(tp=4.0))
    assert float(layout.kv_elements_per_gpu(LLAMA, Layout(tp=8.0))) == arch.kv_elements_per_token(LLAMA) / 8
    assert float(layout.kv_elements_per_gpu(LLAMA, Layout(tp=64.0))) == arch.kv_elements_per_token(LLAMA) / 8
    assert float(layout.kv_elements_per_gpu(DEEPSEEK, Layout(tp=8.0, cp=2.0))) == arch.kv_elements_per_token(DEEPSEEK) / 2


def test_cuts_that_exist_pass():
    layout.check(DEEPSEEK, Layout(dp=64.0, ep=64.0), domain=72.0)
    layout.check(DEEPSEEK, Layout(dp=72.0, ep=72.0, redundant=32.0), domain=72.0)
    layout.check(DEEPSEEK, Layout(dp=144.0, ep=144.0, redundant=32.0), domain=72.0, spill="scale_out")
    layout.check(LLAMA, Layout(tp=8.0, pp=2.0))


def test_nonsense_degrees_are_refused():
    for cut in (Layout(tp=0.0), Layout(pp=1.5), Layout(redundant=-1.0)):
        with pytest.raises(SpecError, match="whole number"):
            layout.check(DEEPSEEK, cut)
    with pytest.raises(SpecError, match="scale_out"):
        layout.check(DEEPSEEK, Layout(), spill="yes")


@pytest.mark.parametrize("name", arch.models())
def test_one_gpu_holds_everything(name):
    a = arch.model(name).spec
    assert float(layout.total(layout.shard(a, Layout()))) == pytest.approx(float(arch.matrix_params(a)))


def test_shards_of_a_dense_model_add_up_to_it():
    cut = Layout(tp=8.0, pp=4.0)
    assert layout.gpus(cut) == 32.0
    assert 32 * float(layout.total(layout.shard(LLAMA, cut))) == pytest.approx(float(arch.matrix_params(LLAMA)))


def test_shards_of_experts_add_up_and_redundancy_costs_memory():
    found = layout.shard(DEEPSEEK, Layout(dp=64.0, ep=64.0))
    assert 64 * float(found.routed) == pytest.approx(float(arch.routed_params(DEEPSEEK)))
    assert float(layout.total(found)) == pytest.approx(sum(map(float, leaves(found).values())))
    more = layout.shard(DEEPSEEK, Layout(dp=72.0, ep=72.0, redundant=32.0))
    assert float(more.routed / found.routed) == pytest.approx(1.0)  # 288 / 72 = 256 / 64


def test_more_ranks_never_hold_more():
    for path, values in {"tp": (1, 2, 8, 64), "pp": (1, 2, 8), "ep": (1, 8, 64)}.items():
        held = [float(layout.total(layout.shard(DEEPSEEK, Layout(**{path: float(v)})))) for v in values]
        assert (np.diff(held) < 0).all()
