"""Sweeps end to end to Zarr, each in a fresh process, as `nvlinklab bench` measures them."""

import pytest

from nvlinklab.bench import sweeps


@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.parametrize("points", [10**7])
def test_sweep(benchmark, tmp_path, points, workers):
    found = benchmark.pedantic(sweeps.run, args=(tmp_path / "sweep", points, workers), rounds=1, iterations=1)
    benchmark.extra_info.update(found)
    assert found["peak_memory"] < 4e9


def test_a_killed_sweep_resumes_to_the_same_bytes(benchmark, tmp_path):
    found = benchmark.pedantic(sweeps.killed_and_resumed, args=(tmp_path, 2 * 10**7), rounds=1, iterations=1)
    benchmark.extra_info.update(found)
    assert found["identical"]
