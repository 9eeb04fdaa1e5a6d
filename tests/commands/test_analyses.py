"""The commands that analyse the model, as a user meets them, wrong input included."""

import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from nvlinklab.cli import main
from nvlinklab.errors import SpecError


@pytest.fixture
def run():
    def call(*args):
        return CliRunner().invoke(main, list(args), catch_exceptions=False)

    return call


def test_sensitivity_lists_what_matters_and_where_it_hands_over(run, tmp_path):
    chart = tmp_path / "hand.svg"
    args = ["sensitivity", "--batch", "64", "--along", "scale_up.link_bw=0.001..2 TB/s:30"]
    report = json.loads(run(*args, "--json", "--chart", str(chart)).stdout)
    assert report["metric"] == "tpot"
    sizes = [abs(row["elasticity"]) for row in report["elasticities"]]
    assert sizes == sorted(sizes, reverse=True)
    assert report["handovers"][0]["before"] in ("scale_up.link_bw", "link_efficiency")
    assert chart.read_text(encoding="utf-8").startswith("<svg")
    text = run(*args).stdout
    assert "hands over from" in text
    assert "% per 1 %" in text


def test_solve_meets_its_targets_and_names_prices(run):
    args = ["solve", "--free", "scale_up.link_bw=0.02..10 TB/s", "--free", "batch=1..4000", "--minimize", "scale_up.link_bw"]
    targets = ["--at-least", "interactivity=40", "--at-least", "throughput=800"]
    report = json.loads(run(*args, *targets, "--json").stdout)
    assert report["feasible"]
    assert report["outputs"]["interactivity"] >= 40 * (1 - 1e-6)
    assert report["outputs"]["throughput"] >= 800 * (1 - 1e-6)
    assert set(report["binding"]) & {"interactivity >= 40 tok/s", "throughput >= 800 tok/s"}
    assert "% of scale_up.link_bw per 1 % tighter" in run(*args, *targets).stdout


def test_solve_says_why_not_and_ends_with_3(run):
    result = run("solve", "--free", "batch=1..4000", "--at-least", "interactivity=1000")
    assert result.exit_code == 3
    assert "infeasible" in result.stdout
    assert "interactivity >= 1,000 tok/s" in result.stdout
    assert "batch >= 1" in result.stdout


def test_solve_tries_every_choice(run):
    report = json.loads(
        run("solve", "--free", "batch=1..2000", "--at-least", "interactivity=40", "--choice", "domain=8,72", "--json").stdout
    )
    assert [a["inputs"]["domain"] for a in report["alternatives"]] == [8.0, 72.0]
    assert report["inputs"]["domain"] == 72.0


def test_sweep_over_numbers_and_layouts(run, tmp_path):
    csv, chart = tmp_path / "points.csv", tmp_path / "sweep.html"
    args = ["sweep", "--axis", "batch=1,64,100000", "--layout", "ep=64", "--layout", "tp=2,ep=64", "--metric", "tpot"]
    report = json.loads(run(*args, "--json", "--out", str(csv), "--chart", str(chart)).stdout)
    assert report["axes"] == {"batch": 3, "layout": 2}
    assert report["size"] == len(report["points"]) == 6
    assert report["feasible"] == 4
    impossible = [p for p in report["points"] if not p["feasible"]]
    assert all(p["batch"] == 100000 and p["tpot"] is None for p in impossible)
    feasible = [p for p in report["points"] if p["feasible"]]
    assert report["best"]["tpot"] == min(p["tpot"] for p in feasible)
    assert len(csv.read_text().splitlines()) == 7
    assert "<html" in chart.read_text(encoding="utf-8")
    one = json.loads(run("estimate", "--batch", "64", "--tp", "2", "--ep", "64", "--json").stdout)
    assert next(p for p in feasible if p["batch"] == 64 and p["layout"] == "tp=2 ep=64")["tpot"] == pytest.approx(one["tpot_s"], rel=1e-11)


def test_sweep_to_a_store_is_the_same_and_is_continued(run, tmp_path):
    store = tmp_path / "sweep.zarr"
    args = ["sweep", "--axis", "scale_up.link_bw=0.1..10 TB/s:7", "--axis", "batch=1..100:5", "--json"]
    first = json.loads(run(*args, "--out", str(store), "--workers", "0").stdout)
    again = json.loads(run(*args, "--out", str(store), "--workers", "0").stdout)
    inside = json.loads(run(*args).stdout)
    assert first == again
    assert first["best"] == pytest.approx(inside["best"], rel=1e-12)
    assert np.allclose([p["tpot"] for p in first["points"]], [p["tpot"] for p in inside["points"]], rtol=1e-12)


def test_uncertainty_ranks_what_to_measure(run, tmp_path):
    report = json.loads(run("uncertainty", "--batch", "64", "--points", "1024", "--json").stdout)
    assert report["low"] < report["median"] < report["high"]
    removed = [row["removed"] for row in report["inputs"]]
    assert removed == sorted(removed, reverse=True)
    assert sum(row["first"] for row in report["inputs"]) == pytest.approx(1.0, abs=0.1)
    file = tmp_path / "fit.json"
    covariance = [[0.01, 0.008], [0.008, 0.01]]
    file.write_text(
        json.dumps({"paths": ["mem_efficiency", "layer_time"], "mean_log": list(np.log([0.7, 6e-5])), "covariance_log": covariance})
    )
    fitted = json.loads(run("uncertainty", "--only", "--posterior", str(file), "--points", "1024", "--json").stdout)
    assert fitted["correlated"]
    assert {row["path"] for row in fitted["inputs"]} == {"mem_efficiency", "layer_time"}
    assert "What to measure next" in run("uncertainty", "--points", "256").stdout


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["sensitivity", "--metric", "speed"], "no metric is called 'speed'"),
        (["sensitivity", "--along", "scale_up.link_bw=1..2 TB/s"], "how many points"),
        (["sensitivity", "--chart", "x.pdf"], "charts are written as"),
        (["sensitivity", "--chart", "nowhere/x.svg"], "there is no folder nowhere"),
        (["solve"], "Missing option '--free'"),
        (["solve", "--free", "batch"], "is not NAME=..."),
        (["solve", "--free", "batch=1-100"], "has no range"),
        (["solve", "--free", "scale_up.link_bw=1..2 GB"], "not a kind of B/s"),
        (["solve", "--free", "batch=1..100", "--at-least", "speed=3"], "no metric is called 'speed'"),
        (["sweep"], "nothing varies"),
        (["sweep", "--axis", "bandwidth=1,2"], "no parameter is called 'bandwidth'"),
        (["sweep", "--axis", "batch=9..1:3"], "upside down"),
        (["sweep", "--axis", "batch=1..9:9", "--out", "points.txt"], ".zarr folder or a .csv file"),
        (["sweep", "--axis", "batch=1..9:4000", "--axis", "isl=1..9:4000"], "too many for memory"),
        (["sweep", "--layout", "xp=8"], "is no degree"),
        (["sweep", "--layout", "ep=512"], "exceeds the 256 routed experts"),
        (["uncertainty", "--only"], "nothing is uncertain"),
        (["uncertainty", "--points", "1000"], "power of two"),
        (["uncertainty", "--posterior", "nowhere.json"], "no such file"),
    ],
)
def test_wrong_questions_are_answered(run, args, message):
    result = run(*args)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_importing_the_commands_loads_nothing_heavy():
    heavy = ("jax", "numpy", "pandas", "xarray", "dask", "zarr", "scipy")
    code = f"import sys, nvlinklab.commands; print(*(m for m in {heavy} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_a_single_estimate_is_the_one_that_sweeps_use():
    """One is compiled quickly, the other well."""
    from nvlinklab import scenario as sc
    from nvlinklab._struct import leaves
    from nvlinklab.analysis import elasticities

    s = sc.build("deepseek-r1", "gb200-nvl72", 64.0).scenario
    once, often = leaves(sc.evaluate_once(s)), leaves(sc.evaluate(s))
    assert {p: float(v) for p, v in once.items()} == pytest.approx({p: float(v) for p, v in often.items()}, rel=1e-12, nan_ok=True)
    slow = {sc.short(path): e for path, e in elasticities(lambda x: sc.metric(x, "tpot"), s).items()}
    quick = sc.metric_elasticities(s, "tpot")
    assert len(quick) > 20
    assert quick == pytest.approx({name: slow[name] for name in quick}, rel=1e-12, abs=1e-12)


def test_the_native_loop_is_the_same_formula():
    pytest.importorskip("numba")
    import jax

    from nvlinklab.bench import model, native

    s = model.base()
    for fn in (model.step, jax.value_and_grad(model.step)):
        rate, off = native.rate(fn, s, model.SIX, model.points(s, model.SIX, 64), threads=1, repeat=1)
        assert rate > 0.0
        assert off < 1e-9


def test_the_native_loop_names_what_it_does_not_know():
    from nvlinklab.bench import native

    pytest.importorskip("numba")
    import jax.numpy as jnp

    with pytest.raises(SpecError, match="does not know the operation 'sin'"):
        native.loop(lambda p: jnp.sin(p["x"]), {"x": 1.0}, ("x",))


def test_the_bench_report_says_which_promises_are_met():
    from nvlinklab.bench import report

    cases = (
        "whole estimate", "whole estimate through at_many", "one number", "one number and gradient", "one number and gradient by those six",
    )  # fmt: skip
    speed = {"points_per_s": 2e6, "cpu_ns_per_point": 1e3, "compile_s": 1.0, "points_per_call": 8}
    row = {
        "points": 10**7, "workers": 0, "points_per_s": 1e7, "cpu_ns_per_point": 40.0, "seconds": 1.0, "peak_memory": 1e9, "stored": 1e6,
    }  # fmt: skip
    found = {
        "mode": "full", "machine": {"processor": "x", "cores": 2, "memory_gb": 1, "system": "s", "python": "3", "jax": "0", "load": 0},
        "model": {f"{c}, {w}": speed for c in cases for w in ("every input varies", "six inputs vary")},
        "growth": [row, row | {"points": 10**9, "points_per_s": 7e6}],
        "workers": [row | {"workers": 1}, row | {"workers": 2, "points_per_s": 1.8e7}],
        "second_core": {"smallest": 1.9, "median": 2.0, "largest": 2.1},
        "resume": {"identical": True, "chunks_before_the_kill": 1, "chunks": 2}, "start": {"import": {"seconds": 0.1, "ratio": 2.0}},
    }  # fmt: skip
    found["promises"] = report.promises(found)
    unmet = [p["promise"] for p in found["promises"] if not p["met"]]
    assert unmet == ["points/s at 1e+09 over those at 1e+07"]
    assert "| **no** |" in report.table(found)
    strict = [p for p in found["promises"] if p["reading"].startswith("stricter")]
    assert len(strict) == 3, "a promise and the stricter readings of it are told apart"
    stolen = found | {
        "second_core": found["second_core"] | {"median": 1.8},
        "workers": [found["workers"][0], row | {"workers": 2, "points_per_s": 1.6e7}],
    }
    clock = {p["reading"]: p["met"] for p in report.promises(stolen) if p["promise"].startswith(("2 Dask", "the same over"))}
    assert clock == {"as promised": False, "where cores are not free": True, "if no worker ever waits": True}
    slow = found | {"model": found["model"] | {"one number and gradient, every input varies": speed | {"points_per_s": 3.9e5}}}
    assert [p["measured"] for p in report.promises(slow) if not p["met"]] == [5.128, 5.128, 5.128, 0.7]
