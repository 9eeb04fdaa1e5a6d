"""The command line as a user meets it, wrong input included."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from nvlinklab.cli import main


@pytest.fixture
def run():
    def call(*args):
        return CliRunner().invoke(main, list(args), catch_exceptions=False)

    return call


def test_json_lists_every_claim(run):
    results = json.loads(run("claims", "--json").stdout)
    assert len(results) == 309
    assert {"id", "verdict", "tests", "elasticities", "break_even", "sum_rule", "readings", "inputs"} <= set(results[0])


def test_the_count_of_pending_claims_is_always_printed(run):
    for args in (["claims"], ["claims", "--summary"], ["claims", "--chapter", "ch05"], ["claims", "--verdict", "pending"]):
        assert "pending (no function yet" in " ".join(run(*args).stdout.split())


@pytest.mark.parametrize("args", [["--chapter", "ch05"], ["--source", "003", "--chapter", "ch05"], ["--chapter", "ch05-roofline-hbm"]])
def test_filters(run, args):
    assert len(json.loads(run("claims", "--json", *args).stdout)) == 11


def test_filters_combine(run):
    chosen = json.loads(run("claims", "--json", "--chapter", "ch05", "--verdict", "contradicted").stdout)
    assert [c["id"] for c in chosen] == ["moe-gap-amplified-256x"]


def test_one_claim_is_opened_up(run):
    text = run("claims", "moe-gap-amplified-256x").stdout
    for part in ("contradicted", "Stated against computed", "Read another way", "elasticity", "deepseek-v3.routed_experts"):
        assert part in text


def test_check_agrees_with_the_committed_results(run):
    result = run("claims", "--check")
    assert result.exit_code == 0
    assert "309 claims agree" in result.stderr


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["claims", "no-such-claim"], "no claim is called 'no-such-claim'"),
        (["claims", "--chapter", "ch77"], "no chapter is called 'ch77'"),
        (["claims", "--source", "999"], "is no article"),
        (["claims", "--verdict", "true"], "is not one of"),
        (["notebooks", "run", "nothing-here"], "no notebook is called"),
        (["claim"], "No such command"),
    ],
)
def test_wrong_input_is_answered(run, args, message):
    result = run(*args)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_help_names_every_command(run):
    text = run("--help").stdout
    assert all(name in text for name in ("claims", "notebooks", "book"))


def test_a_pipe_gets_plain_text():
    done = subprocess.run([sys.executable, "-m", "nvlinklab.cli", "claims", "--summary"], capture_output=True, text=True, check=True)
    assert "\x1b[" not in done.stdout
    assert done.stderr == ""


ESTIMATE_KEYS = {
    "ttft_s", "tpot_s", "throughput_per_gpu", "breakdown", "memory", "power_w", "usd_per_mtok", "elasticities", "interactivity", "notes",
}  # fmt: skip


def test_estimate_prints_and_scripts(run):
    args = [
        "estimate",
        "--model",
        "deepseek-r1",
        "--system",
        "gb200-nvl72",
        "--isl",
        "8192",
        "--osl",
        "1024",
        "--batch",
        "64",
        "--ep",
        "64",
    ]
    text = run(*args).stdout
    assert all(part in text for part in ("TTFT", "TPOT", "tok/s/user", "USD/Mtok", "Decode step", "Memory of one GPU", "hangs most on"))
    report = json.loads(run(*args, "--json").stdout)
    assert set(report) >= ESTIMATE_KEYS
    assert sum(report["breakdown"].values()) == pytest.approx(report["tpot_s"], rel=1e-9)
    faster = json.loads(run(*args, "--json", "--set", "scale_up.link_bw=1.8 TB/s", "--set", "gpu.mem_bw='16 TB/s'").stdout)
    assert faster["tpot_s"] < report["tpot_s"]
    assert faster["scenario"]["gpu.mem_bw"] == 16e12


def test_compare_adds_up(run):
    report = json.loads(run("compare", "dgx-h100", "gb200-nvl72", "--ep", "64", "--batch", "16", "--json").stdout)
    assert sum(report["log_shares"].values()) == pytest.approx(report["log_ratio"], abs=1e-9)


def test_frontier_lists_points_and_draws(run, tmp_path):
    chart = tmp_path / "frontier.svg"
    args = ["frontier", "-m", "llama-3.1-70b", "-s", "hgx-b200", "--gpus", "8", "--tpot", "30 ms"]
    points = json.loads(run(*args, "--json", "--chart", str(chart)).stdout)["points"]
    assert all(p["tpot_s"] <= 0.03 for p in points)
    fastest_first = [p["interactivity"] for p in points]
    assert fastest_first == sorted(fastest_first, reverse=True)
    assert [p["throughput_per_gpu"] for p in points] == sorted(p["throughput_per_gpu"] for p in points)
    assert chart.read_text(encoding="utf-8").startswith("<svg")
    assert "nothing beats" in run(*args).stdout


def test_catalogues_list_what_exists(run):
    assert "gb200-nvl72" in run("systems").stdout
    assert "aic-sys" in run("systems", "gb200-nvl72").stdout
    assert set(json.loads(run("models", "--json").stdout)) >= {"deepseek-v3", "kimi-k2", "llama-3-1-405b", "gpt-moe-1-8t"}
    assert "top_k" in run("models", "deepseek-v3").stdout


def test_init_writes_once(run, tmp_path):
    path = tmp_path / "mine.yml"
    assert run("init", "system", str(path)).exit_code == 0
    again = run("init", "system", str(path))
    assert again.exit_code == 2
    assert "exists" in again.output
    assert run("estimate", "--system", str(path), "--json").exit_code == 0


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["estimate", "--system", "gb20"], "did you mean"),
        (["estimate", "--set", "scale_up.bandwidth=1"], "scale_up.link_bw"),
        (["estimate", "--ep", "512"], "exceeds the 256 routed experts"),
        (["estimate", "--system", "nowhere.yml"], "no such file"),
        (["frontier", "--tpot", "1 us", "--gpus", "8"], "relax them"),
        (["frontier", "--tpot", "20 GB", "--gpus", "8"], "not a kind of s"),
        (["frontier", "--gpus", "8", "--chart", "x.pdf"], "charts are written as"),
        (["compare", "dgx-h100", "gb200-nvl72", "--ep", "8", "--batch", "1"], "dgx-h100: the weights do not fit"),
        (["models", "gpt-5"], "no model is called"),
        (["init", "system", "here.txt"], "name it .yml"),
    ],
)
def test_wrong_input_to_the_model_is_answered(run, args, message):
    result = run(*args)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output
