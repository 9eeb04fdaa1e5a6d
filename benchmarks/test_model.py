"""Points per second of the DeepSeek-R1 decode estimate, as `nvlinklab bench` measures it, with the statistics of pytest-benchmark."""

import jax
import pytest

from nvlinklab.bench import model, native


@pytest.mark.parametrize("which", model.WHICH)
@pytest.mark.parametrize("name", model.CASES)
def test_points(benchmark, name, which):
    if name.endswith("those six") and which != model.WHICH[1]:
        pytest.skip("all vary")
    program, varied, seconds = model.case(name, which)
    jax.block_until_ready(program(varied))
    benchmark(lambda: jax.block_until_ready(program(varied)))
    count = len(next(iter(varied.values())))
    benchmark.extra_info.update(compile_s=seconds, points_per_call=count)
    if benchmark.stats:
        benchmark.extra_info["points_per_s"] = count / benchmark.stats["min"]


@pytest.mark.parametrize(("name", "fn"), [("decode step", model.step), ("one number", model.cost)])
def test_native_loop(benchmark, name, fn):
    pytest.importorskip("numba")
    import numpy as np

    s, paths = model.base(), tuple(sorted(model.SIX))
    loop, results = native.loop(fn, s, paths)
    varied = model.points(s, paths, model.MANY)
    inputs, outputs = np.stack([np.asarray(varied[path]) for path in paths]), np.empty((results, model.MANY))
    loop(inputs, outputs)
    benchmark(loop, inputs, outputs)
    benchmark.extra_info["points_per_call"] = model.MANY
    assert np.isfinite(outputs).all(), name
