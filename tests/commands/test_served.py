"""What an engine would serve, beside the bare estimate; and the commands of the calibration with wrong input."""

import json

from click.testing import CliRunner

from nvlinklab.cli import main


def run(*arguments):
    return CliRunner().invoke(main, list(arguments))


def test_estimate_gives_the_interval_and_the_neighbours():
    r = json.loads(run("estimate", "--ep", "32", "--batch", "16", "--json").output)["served"]
    for name in ("ttft_s", "tpot_s", "throughput_per_gpu"):
        assert 0.0 < r[f"{name}_q05"] < r[name] < r[f"{name}_q95"]
    assert r["status"] in ("calibrated", "interpolated", "extrapolated", "bound")
    assert r["engine"] == "trtllm"
    assert [n["family"] for n in r["neighbours"]] == ["dsr1"] * 3


def test_estimate_says_why_it_cannot():
    r = json.loads(run("estimate", "--model", "mixtral-8x7b", "--system", "dgx-h100", "--weights", "bf16", "--json").output)["served"]
    assert r["status"] == "unknown"
    assert "mixtral-8x7b" in r["reason"]
    assert "tpot_s" not in r


def test_estimate_prints_it():
    text = run("estimate", "--ep", "32", "--batch", "16", "--engine", "sglang").output
    assert "As sglang serves it" in text
    assert "nearest measured: dsr1" in text


def test_calibrate_names_what_there_is():
    result = run("calibrate", "--only", "gem")
    assert result.exit_code != 0
    assert "did you mean 'gemm'?" in result.output
    assert "serving" in result.output


def test_validate_needs_a_table(tmp_path):
    assert "does not exist" in run("validate", str(tmp_path / "none.csv")).output
    (tmp_path / "empty.csv").write_text("")
    result = run("validate", str(tmp_path / "empty.csv"))
    assert result.exit_code != 0
    assert "no table with commas" in result.output
