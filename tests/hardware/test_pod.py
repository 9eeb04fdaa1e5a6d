import pytest

from nvlinklab.hardware.pod import Pod, pod_total, racks_implied


def test_a_pod_is_the_sum_of_its_racks():
    pod = Pod(gpu_racks=16.0, lpu_racks=10.0, cpu_racks=2.0)
    assert pod_total(pod, 36.0, 0.0, 256.0) == 16 * 36 + 2 * 256
    assert pod_total(pod, 3.6, 0.315) == pytest.approx(60.75)
    assert pod_total(Pod(gpu_racks=16.0), 72.0, 1e9, 1e9) == 1152


def test_the_racks_implied_give_the_total_back():
    lpu = racks_implied(10.0, 16.0, 0.26, 0.64)
    assert pod_total(Pod(gpu_racks=16.0, lpu_racks=lpu), 0.26, 0.64) == pytest.approx(10.0)
