"""The statistics of the ledger on a few made-up results, the files to take away, and the colours of verdicts."""

import csv
import itertools
import math
import re
from pathlib import Path
from typing import Any

import pytest

from nvlinklab.claims import export, overview
from nvlinklab.claims.page import SIGNS, Results, load
from tests.book.test_roles import RESULTS, result

STYLES = Path(__file__).resolve().parents[2] / "book" / "_static" / "nvl.css"


def ranged(claim_id: str, ref: str, slope: float, low: float, high: float, **more: Any) -> dict[str, Any]:
    """A claim of one number that goes with one input to the power of `slope`."""
    interval = sorted((low**slope, high**slope))
    entry = {"value": low, "low": low, "high": high, "unit": "1", "origin": "public", "ref": ref, "premise": "", "source": []}
    return result(
        claim_id, more.pop("verdict", "reproduced"), inputs={"x": entry}, elasticities={"y": {"x": slope}},
        tests=[{"name": "y", "stated": "1", "unit": "1", "outcome": more.pop("outcome", "hit"), "role": "claim", "low": 1.0, "high": 1.0,
                "computed": low**slope, "interval": interval, "ratio": 1.0}],
        break_even={"y": {"x": {"value": more.pop("true_at", None), "factor": 1.0, "reason": ""}}}, **more,
    )  # fmt: skip


def test_weights_add_up_the_claims_that_share_a_number() -> None:
    found = overview.weights(
        [ranged("a", "gpu.bw", 1.0, 1.0, 2.0), ranged("b", "gpu.bw", -2.0, 1.0, 2.0), ranged("c", "other", 1.0, 1.0, 1.5)]
    )
    assert [w.name for w in found] == ["gpu.bw", "other"]
    assert found[0].moves == pytest.approx({"a": math.log(2), "b": 2 * math.log(2)})
    assert found[0].total == pytest.approx(3 * math.log(2))
    assert found[0].largest == pytest.approx(4.0)


def test_a_number_without_a_ratio_or_behind_a_condition_has_no_weight() -> None:
    condition = {"input": "x"}
    assert (
        overview.weights([ranged("a", "r", 1.0, 1.0, 1.0), ranged("b", "r", 1.0, 1.0, 2.0, verdict="holds-if", condition=condition)]) == []
    )


def test_a_weight_names_the_claims_it_could_make_true() -> None:
    found = overview.weights(
        [ranged("a", "r", 1.0, 1.0, 2.0, outcome="miss", true_at=1.5), ranged("b", "r", 1.0, 1.0, 2.0, outcome="miss", true_at=3.0)]
    )
    assert found[0].rescues == ("a",)


def test_conflicts_are_counted_once_and_tied_into_knots() -> None:
    claims = [result(i, "reproduced", conflicts=c) for i, c in (("a", ["b"]), ("b", ["a", "c"]), ("c", ["b"]), ("d", ["e"]), ("e", ["d"]))]
    pairs = overview.conflicts(claims)
    assert pairs == [("a", "b"), ("b", "c"), ("d", "e")]
    assert overview.knots(pairs) == [("b", "a", "c"), ("d", "e")]


def test_skill_is_high_for_a_telling_tag_and_not_for_an_idle_one() -> None:
    telling = [result(f"t{i}", v, tag=t) for i, (v, t) in enumerate([("reproduced", "Official"), ("contradicted", "none")] * 20)]
    idle = [
        result(f"i{i}", v, tag=t) for i, (v, t) in enumerate(itertools.product(("reproduced", "contradicted"), ("Official", "none")))
    ] * 10
    assert overview.skill(telling, "tag") == pytest.approx(1.0)
    assert overview.skill(idle, "tag") <= 0.0


def test_shares_leave_out_what_is_open() -> None:
    claims = [
        result(f"c{i}", v, tag="Official") for i, v in enumerate(("reproduced", "approximately", "holds-if", "contradicted", "pending"))
    ]
    (found,) = overview.held_by(claims, "tag", ["Official"])
    assert (found.hits, found.total) == (2, 3)
    assert found.low < 2 / 3 < found.high


def test_csv_is_in_the_units_of_the_article() -> None:
    rows = list(csv.DictReader(export.to_csv(Results(RESULTS), {"expert-load": ("row", "cell")}).splitlines()))
    assert [r["id"] for r in rows] == ["expert-load", "named", "waiting"]
    assert (rows[0]["computed"], rows[0]["unit"], rows[0]["link"], rows[0]["derivation"]) == ("5.505", "us", "row", "cell")
    assert (rows[1]["computed"], rows[1]["outcome"]) == ("compute", "miss")
    assert (rows[2]["stated"], rows[2]["computed"]) == ("2 us", "")


def test_files_are_the_same_every_time() -> None:
    assert export.to_json(load(), {}) == export.to_json(load(), {})
    assert export.to_csv(load(), {}) == export.to_csv(load(), {})


def _light(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(a: str, b: str) -> float:
    """Contrast of two colours (WCAG 2.2)."""
    high, low = sorted((_light(a), _light(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_verdicts_are_readable_on_their_tints(theme: str) -> None:
    block = re.search(rf'data-theme="{theme}"\] \{{(.*?)\}}', STYLES.read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    colours = dict(re.findall(r"--nvl-([\w-]+): (#\w{6})", block[1]))
    assert {
        v: round(contrast(colours[v], colours[f"{v}-tint"]), 1) for v in SIGNS if contrast(colours[v], colours[f"{v}-tint"]) < 4.5
    } == {}


def test_counts_are_readable_in_their_bars() -> None:
    from nvlinklab.bookext.overview import PAINT

    assert set(PAINT) == set(SIGNS)
    assert {v: pair for v, pair in PAINT.items() if contrast(*pair) < 4.5} == {}
