"""Trees of shrunk fits: recovery, shrinkage, fallbacks, and the round trip through a record."""

import numpy as np
import pandas as pd
import pytest

from nvlinklab.calibration import hierarchy, kernels, store
from nvlinklab.calibration.fitting import Parameter, constrain
from nvlinklab.errors import DataError

PARAMETERS = (
    Parameter("alpha", "s", 0.0, 1e-3, 1e-5, 1.0),
    Parameter("memory", "1", 0.0, 1.0, 0.7, 1.0),
)


def form(v, x):
    return v["alpha"] + x["bytes"] / (v["memory"] * x["mem_bw"])


OPERATOR = kernels.Operator(
    "toy", form, PARAMETERS, frozenset({"memory"}), lambda r: r["kind"],
    lambda r: {"bytes": r["bytes"].to_numpy(float), "mem_bw": kernels.numbers(r, "mem_bw")}, ("bytes",), {},
)  # fmt: skip


def made(systems: dict[str, float], alpha: float = 2e-5, count: int = 60) -> pd.DataFrame:
    """Return noisy rows whose systems reach these shares of their memory bandwidth."""
    draw = np.random.default_rng(1)
    parts = [
        pd.DataFrame(
            {
                "system": s,
                "engine": "e",
                "engine_version": "1",
                "kernel_source": "k",
                "kind": "a",
                "bytes": draw.uniform(6, 10, count),
                "share": m,
            }
        )
        for s, m in systems.items()
    ]
    rows = pd.concat(parts, ignore_index=True).assign(bytes=lambda r: 10 ** r["bytes"])
    time = form({"alpha": alpha, "memory": rows["share"]}, OPERATOR.columns(rows)) * np.exp(0.01 * draw.normal(size=len(rows)))
    return rows.assign(time=time)


@pytest.fixture(scope="module")
def fitted():
    return store.tidy(kernels.fit_rows(OPERATOR, made({"b200_sxm": 0.8, "gb200": 0.7, "h200_sxm": 0.9}), ("kind",)))


def test_known_numbers_come_back(fitted):
    tree = hierarchy.tree_of(fitted, PARAMETERS)
    leaf = tree["a/blackwell", "e", "k", "blackwell", "gb200/1"]
    assert constrain(PARAMETERS[0], leaf.z[0]) == pytest.approx(2e-5, rel=0.05)
    assert constrain(PARAMETERS[1], leaf.z[1]) == pytest.approx(0.7, abs=0.02)


def test_a_parameter_that_is_not_free_is_the_kernels(fitted):
    tree = hierarchy.tree_of(fitted, PARAMETERS)
    kernel = tree["a/blackwell", "e", "k"]
    assert all(abs(n.z[0] - kernel.z[0]) < 1e-3 for p, n in tree.items() if p[:3] == ("a/blackwell", "e", "k"))


def test_another_board_does_what_it_does_to_the_sister_chip():
    fitted = store.tidy(kernels.fit_rows(OPERATOR, made({"b200_sxm": 0.8, "gb200": 0.72, "b300_sxm": 0.85}), ("kind",)))
    rows = made({"gb300": 0.5}, count=10)
    found = kernels.predict_rows(OPERATOR, rows, fitted)
    assert set(found["novelty"]) == {"system"}
    large = rows["bytes"] > 1e9
    share = (rows["bytes"] / (found["seconds"] - 2e-5) / 8e12)[large]
    odds = 0.85 / 0.15 * (0.72 / 0.28) / (0.8 / 0.2)
    assert share.median() == pytest.approx(odds / (1.0 + odds), abs=0.03)


def test_a_sister_system_is_drawn_to_the_middle(fitted):
    rows = made({"gb300": 0.75, "b200_sxm": 0.8, "gb200": 0.7})
    rows["kernel_source"] = "k"
    found = kernels.predict_rows(OPERATOR, rows, fitted)
    assert set(found.loc[rows["system"] == "gb300", "novelty"]) == {"chip"} and set(found.loc[rows["system"] == "gb200", "novelty"]) == {
        "none"
    }
    assert np.abs(np.log(found["seconds"] / rows["time"])).max() < 0.1


@pytest.mark.parametrize(
    ("column", "value", "novelty"),
    [("engine", "f", "engine"), ("kernel_source", "z", "kernel"), ("engine_version", "2", "version"), ("system", "vr-nvl72", "generation")],
)
def test_what_is_new_is_named(fitted, column, value, novelty):
    rows = made({"gb200": 0.7}, count=5).assign(**{column: value})
    found = kernels.predict_rows(OPERATOR, rows, fitted)
    assert set(found["novelty"]) == {novelty} and set(found["status"]) == {"extrapolated"} and (found["seconds"] > 0).all()


def test_a_new_kind_is_refused_with_a_reason(fitted):
    found = kernels.predict_rows(OPERATOR, made({"gb200": 0.7}, count=3).assign(kind="b"), fitted)
    assert found["seconds"].isna().all() and found["reason"].str.contains("number format").all()


def test_a_record_of_other_parameters_is_refused(fitted):
    with pytest.raises(DataError, match="run `nvlinklab calibrate`"):
        hierarchy.tree_of({**fitted, "order": ["alpha"]}, PARAMETERS)


def test_no_usable_row_is_an_error():
    with pytest.raises(DataError, match="systems with a data sheet"):
        kernels.fit_rows(OPERATOR, made({"b200_sxm": 0.8}).assign(system="abacus"), ("kind",))


def test_thinning_twice_is_thinning_once():
    rows = made({"gb200": 0.7, "h200_sxm": 0.9}, count=50)
    once = kernels.thinned(rows, ("kind",), most=20)
    assert len(once) == 40 and kernels.thinned(once, ("kind",), most=20).equals(once)
