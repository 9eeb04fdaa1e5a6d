"""Effects with shrinkage: known ones come back, unseen levels add nothing, steps stay level where nothing was seen."""

import numpy as np
import pandas as pd
import pytest

from nvlinklab.calibration.effects import Term, apply_effects, fit_effects


def rows(seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"op": rng.choice(list("abcdef"), 600), "x": rng.uniform(0.0, 4.0, 600)})
    level = frame["op"].map(dict(zip("abcdef", [0.3, -0.2, 0.1, 0.0, -0.4, 0.2], strict=True)))
    return frame, np.array(level + 0.5 * np.minimum(frame["x"], 2.0) + 0.01 * rng.normal(size=600))


TERMS = (Term("base", ("op",), 1.0), Term("shape", (), 1.0, along="x", walk=True))


def test_known_effects_come_back_and_the_noise_is_found():
    frame, y = rows()
    found = fit_effects(frame, y, TERMS)
    assert found.noise == pytest.approx(0.01, rel=0.15)
    assert apply_effects(frame, found.table, TERMS) == pytest.approx(y, abs=0.06)
    steps = {r["at"]: r["value"] for r in found.table if r["term"] == "shape"}
    assert [steps[k] for k in (1, 2, 3, 4)] == pytest.approx([0.5, 0.5, 0.0, 0.0], abs=0.02)
    assert found.effective == pytest.approx(len(found.table), abs=1.5)


def test_an_outlier_in_ten_does_not_move_them():
    frame, y = rows()
    clean = fit_effects(frame, y, TERMS)
    y[::10] += 3.0
    dirty = fit_effects(frame, y, TERMS)
    assert [r["value"] for r in dirty.table] == pytest.approx([r["value"] for r in clean.table], abs=0.02)


def test_an_unseen_level_adds_nothing():
    frame, y = rows()
    found = fit_effects(frame, y, TERMS)
    new = apply_effects(pd.DataFrame({"op": ["z"], "x": [0.0]}), found.table, TERMS)
    assert new == pytest.approx([0.0])


def test_hats_interpolate_between_knots():
    frame = pd.DataFrame({"x": np.repeat([0.0, 1.0, 2.0], 20)})
    terms = (Term("shape", (), 1.0, along="x"),)
    found = fit_effects(frame, np.repeat([1.0, 3.0, -1.0], 20), terms, noise=0.01)
    at = apply_effects(pd.DataFrame({"x": [0.5, 1.75]}), found.table, terms)
    assert at == pytest.approx([2.0, 0.0], abs=0.01)


def test_noise_alone_is_shrunk_away():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"op": np.repeat(np.arange(40), 5).astype(str)})
    found = fit_effects(frame, rng.normal(scale=0.1, size=200), (Term("base", ("op",), 0.1),), noise=0.1)
    assert found.effective < 20.0
    assert np.std([r["value"] for r in found.table]) < 0.03
