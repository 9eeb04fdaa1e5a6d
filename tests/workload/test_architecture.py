import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from nvlinklab.errors import SpecError
from nvlinklab.io.tables import value_row
from nvlinklab.workload import architecture as arch
from nvlinklab.workload import moe
from nvlinklab.workload.precision import bytes_per_element


@pytest.mark.parametrize("name", [m for m in arch.models() if m != "gpt-moe-1-8t"])
def test_parameters_match_the_counted_total_to_the_digit(name):
    assert float(arch.total_params(arch.model(name).spec)) == value_row(f"{name}.params_counted").value


@pytest.mark.parametrize(
    ("name", "billions"), [("deepseek-v3", 671.03), ("llama-3-1-405b", 405.85), ("qwen3-235b-a22b", 235.09), ("gpt-oss-120b", 116.83)]
)
def test_published_totals(name, billions):
    assert round(float(arch.total_params(arch.model(name).spec)) / 1e9, 2) == billions


def test_the_marketing_model_comes_to_its_name():
    # counted without router, norms and embeddings, whose size is assumed: together 0.1 %
    counted = value_row("gpt-moe-1-8t.params_counted").value
    assert float(arch.total_params(arch.model("gpt-moe-1-8t").spec)) == pytest.approx(counted, rel=2e-3)


def test_multi_token_prediction_is_counted():
    counted = value_row("deepseek-v3.params_mtp_counted").value
    assert float(arch.mtp_params(arch.model("deepseek-v3").spec)) == pytest.approx(counted, rel=1e-6)


@pytest.mark.parametrize("name", arch.models())
def test_cache_matches_the_published_bytes_per_token(name):
    row = value_row(f"{name}.kv_bytes_per_token_bf16")
    assert float(arch.kv_elements_per_token(arch.model(name).spec)) * bytes_per_element("bf16") == row.value


def test_an_expert_has_its_published_size():
    assert arch.expert_params(arch.model("deepseek-v3").spec) == 44_040_192


def test_absorbed_latent_attention_does_hundreds_of_operations_per_byte():
    spec = arch.model("deepseek-v3").spec
    per_token = spec.layers * arch.attention_flop_per_token(spec, 1.0)
    assert per_token / arch.kv_elements_per_token(spec) == pytest.approx(2 * 128 * (512 + 576) / 576)


def test_unknown_model_and_format_suggest():
    with pytest.raises(SpecError, match="deepseek-v3"):
        arch.model("deepseek-v4")
    with pytest.raises(SpecError, match="nvfp4"):
        bytes_per_element("fp4nv")


def test_block_scales_are_counted():
    assert bytes_per_element("nvfp4") == 0.5 + 1 / 16
    assert bytes_per_element("mxfp4") == 0.5 + 1 / 32


def test_distinct_experts_against_enumeration():
    # 4 experts, top-2, two tokens: all 36 pairs of choices are equally likely
    choices = list(itertools.combinations(range(4), 2))
    mean = np.mean([len(set(a) | set(b)) for a in choices for b in choices])
    assert float(moe.distinct_experts(2.0, 4.0, 2.0)) == pytest.approx(mean)


def test_distinct_experts_limits():
    assert float(moe.distinct_experts(1.0, 256.0, 8.0)) == pytest.approx(8.0)
    assert float(moe.distinct_experts(1e6, 256.0, 8.0)) == pytest.approx(256.0)
    assert np.all(np.diff(moe.distinct_experts(jnp.arange(1.0, 200.0), 256.0, 8.0)) > 0)


def test_remote_copies_limits():
    assert float(moe.remote_copies(8.0, 1.0)) == 0.0
    assert float(moe.remote_copies(1.0, 64.0)) == pytest.approx(63 / 64)
    assert float(moe.remote_copies(8.0, 1e9)) == pytest.approx(8.0, rel=1e-6)
