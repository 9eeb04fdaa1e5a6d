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
