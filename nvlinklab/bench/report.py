"""One run of everything, the promises it is held against, and the table that is committed."""

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nvlinklab.bench import machine as here
from nvlinklab.bench import model, native, start, sweeps

GROWTH = {"quick": (10**5, 10**6, 10**7), "full": (10**5, 10**6, 10**7, 10**8, 10**9)}

ROUNDS = {"quick": 1, "full": 5}
"""How often one worker and two sweep in turn: a shared machine gives its second core now more, now less."""


def run(full: bool, folder: Path | None = None, book: bool = False, say: Callable[[str], object] = str) -> dict[str, Any]:
    """Return every measurement of one run.

    Args:
        full: up to 10^9 points, 2 workers against 1 on 10^9 five times in turn, more repetitions
        folder: where sweeps are stored meanwhile; by default a temporary folder
        book: also build the book
        say: told what is measured next
    """
    mode, repeat = ("full", 15) if full else ("quick", 5)
    found: dict[str, Any] = {"mode": mode, "machine": here.machine()}
    say("configurations per second")
    found["model"] = {name: {k: round(v, 3) for k, v in row.items()} for name, row in model.measure(repeat).items()}
    say("the same where XLA fuses loops with several results")
    found["fused"] = {name: {k: round(v, 3) for k, v in row.items()} for name, row in model.measure_fused(repeat).items()}
    if native.available():
        say("the same step as a native loop")
        found["native"] = _native(found["machine"]["cores"], repeat)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        store = Path(name)
        found["growth"] = []
        for points in GROWTH[mode]:
            say(f"a sweep of {points:,} points to Zarr")
            found["growth"].append(sweeps.median_run(store / "sweep", points, 0, 3 if full and points <= 10**8 else 1))
        found["workers"] = []
        for round_ in range(ROUNDS[mode]):
            for workers in (1, 2):
                say(f"a sweep with {workers} Dask worker{'s' if workers > 1 else ''}, {round_ + 1} of {ROUNDS[mode]}")
                found["workers"].append(sweeps.run(store / "sweep", 10**9 if full else 10**8, workers))
        say("two busy loops against one")
        found["second_core"] = here.two_over_one(ROUNDS[mode])
        say("kill -9 in the middle, then resume")
        found["resume"] = sweeps.killed_and_resumed(store, 10**8 if full else 2 * 10**7)
    say("import and start")
    found["start"] = start.measure(repeat=5 if full else 2, ledger=full, book=book)
    found["promises"] = promises(found)
    return found


def _native(threads: int, repeat: int) -> dict[str, Any]:
    import jax

    s, count = model.base(), 65536
    varied = model.points(s, model.SIX, count)
    found = {}
    for name, fn in (("decode step", model.step), ("one number", model.cost)):
        program, _ = model.compiled(fn, s, varied)
        jax.block_until_ready(program(varied))
        rate, off = native.rate(fn, s, model.SIX, varied, threads, repeat)
        seconds = here.best_of(lambda program=program, varied=varied: jax.block_until_ready(program(varied)), repeat)
        found[name] = {
            "native_points_per_s": round(rate), "jax_points_per_s": round(count / seconds),
            "jax_over_native": round(count / seconds / rate, 3),
            "largest_difference": off, "threads": threads,
        }  # fmt: skip
    return found


def promises(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what is promised beside what was measured: `{promise, reading, limit, measured, met}`.

    `reading` says whether a line is the promise as it was made or another reading of it that is watched beside it.
    """
    speed = {name: row["points_per_s"] for name, row in found["model"].items()}
    rows: list[tuple[str, str, str, float, bool]] = []

    def add(promise: str, limit: str, value: float, met: bool, reading: str = "as promised") -> None:
        rows.append((promise, reading, limit, float(f"{value:.4g}"), bool(met)))

    def cost(slopes: str, value: str, which: str, reading: str) -> None:
        slow = speed[f"{value}, {which}"] / speed[f"{slopes}, {which}"]
        by = "those six" if slopes.endswith("those six") else "all inputs"
        add(f"cost of a value and its gradient by {by} over that of the {value}, {which}", "<= 5", slow, slow <= 5.0, reading)

    every, six = model.WHICH
    for which in model.WHICH:
        value = speed[f"whole estimate, {which}"]
        add(f"whole estimate, {which} (configurations/s)", ">= 1e6", value, value >= 1e6)
    cost("one number and gradient", "whole estimate", every, "as promised")
    cost("one number and gradient", "whole estimate", six, "as promised, though 62 of 68 are constants")
    cost("one number and gradient by those six", "whole estimate", six, "by what varies")
    cost("one number and gradient", "whole estimate through at_many", every, "stricter: beside a value compiled like the gradient")
    cost("one number and gradient", "one number", every, "stricter: beside one number alone")
    cost("one number and gradient by those six", "one number", six, "stricter: beside one number alone")
    for name, row in found.get("native", {}).items():
        add(f"{name}: JAX over the native loop", ">= 0.5", row["jax_over_native"], row["jax_over_native"] >= 0.5)
    by_size = {row["points"]: row for row in found["growth"]}
    largest = max(by_size)
    peak = by_size[largest]["peak_memory"] / 1e9
    add(f"peak memory of a sweep of {largest:.0e} points (GB)", "< 4", peak, peak < 4.0)
    if largest > 10**7:
        kept = by_size[largest]["points_per_s"] / by_size[10**7]["points_per_s"]
        add(f"points/s at {largest:.0e} over those at 1e+07", ">= 0.8", kept, kept >= 0.8)
    one, two = (statistics.median(row["points_per_s"] for row in found["workers"] if row["workers"] == count) for count in (1, 2))
    add("2 Dask workers over 1, by the clock", ">= 1.7", two / one, two / one >= 1.7)
    second = found["second_core"]["median"]
    add(
        "the same over what two busy loops do over one",
        ">= 0.85",
        two / one / second,
        two / one / second >= 0.85,
        "where cores are not free",
    )
    used = [[row["cpu_ns_per_point"] for row in found["workers"] if row["workers"] == count] for count in (1, 2)]
    if all(used[0]) and all(used[1]):
        both = 2.0 * statistics.median(used[0]) / statistics.median(used[1])
        add("2 Dask workers over 1, by processor time", ">= 1.7", both, both >= 1.7, "if no worker ever waits")
    add("store identical after kill -9 and resume", "= 1", float(found["resume"]["identical"]), found["resume"]["identical"])
    return [dict(zip(("promise", "reading", "limit", "measured", "met"), row, strict=True)) for row in rows]


def _model_rows(rows: dict[str, dict[str, float]]) -> list[str]:
    head = ["points/s", "processor ns per point", "compile, s", "points per call"]
    lines = [f"| DeepSeek-R1 decode estimate | {' | '.join(head)} |", "|---|---|---|---|---|"]
    for name, r in rows.items():
        shown = f"{r['points_per_s']:,.0f} | {r['cpu_ns_per_point']:,.0f} | {r['compile_s']:.2f} | {r['points_per_call']:,.0f}"
        lines.append(f"| {name} | {shown} |")
    return [*lines, ""]


def table(found: dict[str, Any]) -> str:
    """Return the measurements as Markdown."""
    m = found["machine"]
    lines = [
        f"{m['processor']}, {m['cores']} cores, {m['memory_gb']} GB, {m['system']}, Python {m['python']}, JAX {m['jax']}; "
        f"load {m['load']} before the start; {found['mode']} run.", "",
        "| promise | reading | limit | measured | met |", "|---|---|---|---|---|",
        *(
            f"| {p['promise']} | {p['reading']} | {p['limit']} | {p['measured']:,} | {'yes' if p['met'] else '**no**'} |"
            for p in found["promises"]
        ), "",
        *_model_rows(found["model"]),
    ]  # fmt: skip
    if "fused" in found:
        lines += [f"With `XLA_FLAGS={model.FUSED}`, which is off by default:", "", *_model_rows(found["fused"])]
    if "native" in found:
        lines += ["| the same formula as a native loop | native points/s | JAX points/s | JAX / native |", "|---|---|---|---|"]
        for name, r in found["native"].items():
            lines.append(f"| {name}, six inputs vary | {r['native_points_per_s']:,} | {r['jax_points_per_s']:,} | {r['jax_over_native']} |")
        lines.append("")
    lines += [
        "| sweep to Zarr | workers | points/s | processor ns per point | whole run, s | peak memory, GB | stored, MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in [*found["growth"], *found["workers"]]:
        used = "" if r["cpu_ns_per_point"] is None else f"{r['cpu_ns_per_point']:.1f}"
        shown = f"{r['points_per_s']:,} | {used} | {r['seconds']:.1f} | {r['peak_memory'] / 1e9:.2f} | {r['stored'] / 1e6:,.1f}"
        lines.append(f"| {r['points']:.0e} points | {r['workers'] or 'none'} | {shown} |")
    r, second = found["resume"], found["second_core"]
    lines += [
        "",
        f"Medians of the runs with one worker and with two are compared. Two busy loops that share nothing did "
        f"{second['median']} times the work of one ({second['smallest']} to {second['largest']}) on these cores.", "",
        f"Killed after {r['chunks_before_the_kill']} of {r['chunks']} chunks and resumed: "
        f"{'identical' if r['identical'] else 'DIFFERENT'}.",
    ]  # fmt: skip
    lines += ["", "| a person waits for | s | ratio to starting Python |", "|---|---|---|"]
    lines += [f"| {name} | {r['seconds']:.3f} | {r['ratio']} |" for name, r in found["start"].items()]
    return "\n".join(lines) + "\n"
