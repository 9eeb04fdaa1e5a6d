"""The mixed model against the textbook: dense algebra, left-out deployments refitted one by one."""

import numpy as np
import pandas as pd
import pytest

from nvlinklab.calibration.serving import similarity
from nvlinklab.calibration.serving.similarity import Spread

KINDS = dict.fromkeys((*similarity.KINDS, *similarity.TRENDS), 0.1)
SPREAD = Spread({**KINDS, "engine": 0.2, "engine_family_batch": 0.05}, 0.08, 0.06, 0.07, 2.5)


@pytest.fixture
def world():
    rng = np.random.default_rng(1)
    n = 40
    columns = {"family": "abc", "system": "xy", "backend": "st", "generation": "h", "precision": "48", "mode": "a"}
    columns |= {"image": "ijk", "measured": "12"}
    labels = pd.DataFrame({k: rng.choice(list(v), n) for k, v in columns.items()})
    labels["group"] = labels[["family", "system", "backend", "precision"]].agg("".join, axis=1)
    load = similarity.loads(rng.uniform(1, 50, n), rng.uniform(500, 8000, n), rng.uniform(500, 8000, n))
    return labels, load, rng.normal(0.0, 0.15, n)


def dense(labels, load):
    z = similarity.design(labels, load, similarity.all_levels(SPREAD, labels))
    d = similarity.prior_sd(SPREAD, similarity.all_levels(SPREAD, labels)) ** 2
    groups = labels["group"].tolist()
    return z, d, similarity.own(SPREAD, groups, load, groups, load) + SPREAD.noise**2 * np.eye(len(labels))


def test_effects_are_the_dense_posterior(world):
    labels, load, r = world
    found = similarity.effects(SPREAD, labels, load, r)
    z, d, own = dense(labels, load)
    gain = (z * d).T @ np.linalg.inv(z * d @ z.T + own)
    assert found.mean == pytest.approx(gain @ r, abs=1e-12)
    assert found.covariance == pytest.approx(np.diag(d) - gain @ (z * d), abs=1e-12)
    assert 0.0 < found.parameters < len(found.levels)


def test_leaving_out_at_once_is_leaving_out_one_by_one(world):
    labels, load, r = world
    mean, sd = similarity.leave_groups_out(SPREAD, similarity.table(SPREAD, labels, load), r)
    z, d, own = dense(labels, load)
    k = z * d @ z.T + own
    for group in labels["group"].unique():
        held = (labels["group"] == group).to_numpy()
        gain = k[np.ix_(held, ~held)] @ np.linalg.inv(k[np.ix_(~held, ~held)])
        assert mean[held] == pytest.approx(gain @ r[~held], abs=1e-10)
        assert sd[held] ** 2 == pytest.approx(np.diag(k[np.ix_(held, held)] - gain @ k[np.ix_(~held, held)]), abs=1e-10)


def test_nothing_measured_leaves_the_prior(world):
    labels, load, _ = world
    levels = similarity.all_levels(SPREAD, labels)
    assert similarity.unseen_variance(SPREAD, labels, load, levels) == pytest.approx(0.0)
    unseen = similarity.unseen_variance(SPREAD, labels, load, ())
    trends = sum((SPREAD.kinds[k] * similarity.strength(load, k)) ** 2 for k in similarity.TRENDS)
    assert unseen == pytest.approx(sum(SPREAD.kinds[k] ** 2 for k in similarity.KINDS) + trends)


def test_an_outlier_moves_the_effects_less_the_farther_out_it_is(world):
    labels, load, r = world

    def mean(by):
        far = r.copy()
        far[0] += by
        return similarity.effects(SPREAD, labels, load, far).mean

    without = mean(1e6)
    moved = [np.abs(mean(by) - without).max() for by in (1.0, 4.0, 16.0)]
    assert moved[2] < moved[1] < moved[0]


def test_tuning_does_not_make_the_score_worse(world):
    labels, load, r = world
    t = similarity.table(SPREAD, labels, load)
    found = similarity.tune(SPREAD, labels, load, r, steps=(0.7,))
    assert similarity.score(found, t, r) <= similarity.score(SPREAD, t, r)
    assert similarity.from_mapping(similarity.as_mapping(found)) == found
