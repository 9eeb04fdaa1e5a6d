"""Measured silicon: the operator and serving measurements of the `aiconfigurator-core` wheel (extra `silicon`), in SI.

The wheel carries them as data files (Apache-2.0); nothing of it is imported or vendored. Serving rows are repaired by our own labels in
`data/measurements/silicon/deployments.csv`, and rows kept back for examination never leave this module (`nvlinklab.io.held_back`). Most
serving rows come from InferenceX; results derived from them are unofficial and must be marked so.
"""

import importlib.util
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nvlinklab.errors import DataError, did_you_mean
from nvlinklab.io.held_back import MODELS, SYSTEMS, drop_examination
from nvlinklab.io.paths import data_dir, shown

if TYPE_CHECKING:
    import pandas as pd

VERSION = "0.12.0"
PACKAGE = "aiconfigurator_core"
SOURCE = "aic-data"
MEAN_LENGTH = 0.9
"""Mean length over the nominal one: requests are drawn uniformly between 0.8 and 1.0 of it."""


class Table(NamedTuple):
    """Where the rows of an operator lie.

    Attributes:
        file: name of the files, one per system, framework and version
        times: columns that add up to the time of a row
        unit: of these columns [s]
    """

    file: str
    times: tuple[str, ...] = ("latency",)
    unit: float = 1e-3


OPERATORS = {
    "nccl": Table("nccl_perf"),
    "custom_allreduce": Table("custom_allreduce_perf"),
    "nvlink_alltoall": Table("trtllm_alltoall_perf"),
    "deepep_ll": Table("wideep_deepep_ll_perf", ("dispatch_avg_t_us", "combine_avg_t_us"), 1e-6),
    "deepep_normal": Table(
        "wideep_deepep_normal_perf", ("dispatch_transmit_us", "dispatch_notify_us", "combine_transmit_us", "combine_notify_us"), 1e-6
    ),
    "gemm": Table("gemm_perf"),
    "moe": Table("moe_perf"),
    "context_mla": Table("context_mla_perf"),
    "generation_mla": Table("generation_mla_perf"),
    "context_attention": Table("context_attention_perf"),
    "generation_attention": Table("generation_attention_perf"),
}
"""The operators with measured rows, by the name the package uses."""


def folder() -> Path:
    """Return the folder of the installed wheel with the measurements.

    Raises:
        DataError: it is not installed, or is not the version the readers were written for; says what to install.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise DataError("the measured silicon is not installed; it comes with: pip install 'nvlinklab[silicon]' (Linux, x86-64)")
    from importlib.metadata import version

    have = version("aiconfigurator-core")
    if have != VERSION:
        raise DataError(
            f"aiconfigurator-core {have} is installed; the readers expect {VERSION}: pip install aiconfigurator-core=={VERSION}"
        )
    return Path(next(iter(found.submodule_search_locations))) / "systems"


def available() -> bool:
    """Return whether the measurements are installed."""
    return importlib.util.find_spec(PACKAGE) is not None


@cache
def _operators(op: str) -> "pd.DataFrame":
    import pandas as pd

    table = OPERATORS[op]
    parts = []
    for path in sorted((folder() / "data").rglob(f"{table.file}.parquet")):
        system, _, engine, version, _ = path.relative_to(folder() / "data").parts
        if system not in SYSTEMS:
            part = pd.read_parquet(path)
            parts.append(part.assign(system=system, engine=engine, engine_version=version))
    rows = drop_examination(op, pd.concat(parts, ignore_index=True))
    rows["time"] = table.unit * sum(rows[column] for column in table.times)
    rows.attrs = {"source": SOURCE, "operator": op, "package": f"aiconfigurator-core {VERSION}", "licence": "Apache-2.0"}
    return rows


def operators(op: str) -> "pd.DataFrame":
    """Return the measured rows of one operator that may be used.

    Args:
        op: one of `OPERATORS`

    Returns:
        one row per measurement: the measuring party's columns as they are (NCCL's `message_size` is in elements), and `system`, `engine`
        (framework), `engine_version` and `time` [s]. `attrs` name source and licence.

    Raises:
        DataError: no such operator, or the measurements are not installed.
    """
    if op not in OPERATORS:
        raise DataError(f"no operator is called {op!r}{did_you_mean(op, OPERATORS)}; there are {', '.join(OPERATORS)}")
    return _operators(op).copy()


@cache
def _deployments() -> "pd.DataFrame":
    import pandas as pd

    path = data_dir() / "measurements" / "silicon" / "deployments.csv"
    labels = pd.read_csv(path, dtype={"image": "string", "measured": "string"})
    for column in [c for c in labels if c == "duplicate" or c.endswith("dp_attention")]:
        labels[column] = labels[column].map({"yes": True, "no": False})
    if labels["id"].duplicated().any():
        raise DataError(f"{shown(path)}: id {labels['id'][labels['id'].duplicated()].iloc[0]!r} is given twice")
    held = set(labels["family"]) & set(MODELS)
    if held:
        raise DataError(f"{shown(path)}: the family {min(held)!r} is kept back for examination; its rows may not be listed")
    return labels


def deployments() -> "pd.DataFrame":
    """Return what the serving rows ran on and under which load, without what was measured; the wheel is not needed.

    Returns:
        the columns of `end_to_end` but `ttft`, `tpot` and `throughput`, and `duplicate`: whether a row repeats another.

    Raises:
        DataError: the labels contradict themselves, or list a row that is kept back.
    """
    labels = _deployments().copy()
    named = labels["id"].str.extract(r"_(agg|disagg)_([0-9]+)x([0-9]+)_c")
    grouped = labels["group"].str.split("|", expand=True)
    if named.isna().any(axis=None):
        raise DataError(f"id {labels['id'][named.isna().any(axis=1)].iloc[0]!r} does not name mode and lengths")
    labels["mode"], labels["isl"], labels["osl"] = named[0], named[1].astype(int), named[2].astype(int)
    labels["system"], labels["backend"] = grouped[1], grouped[2]
    if held := set(labels["system"]) & set(SYSTEMS):
        raise DataError(f"a labelled deployment is of {min(held)!r}, a system that is kept back for examination")
    return labels


@cache
def _end_to_end() -> "pd.DataFrame":
    import pandas as pd

    labels = _deployments()
    measured = pd.read_csv(
        folder() / "silicon_sample.csv", usecols=["id", "system", "backend", "mode", "isl", "osl", "silicon_ttft_ms", "silicon_tpot_ms"]
    )
    missing = set(labels["id"]) - set(measured["id"])
    if missing:
        raise DataError(f"{len(missing)} labelled deployments are not in the wheel, for example {min(missing)!r}")
    rows = labels.merge(measured, on="id", how="left", validate="one_to_one")
    if held := set(rows["system"]) & set(SYSTEMS):
        raise DataError(f"a labelled deployment is of {min(held)!r}, a system that is kept back for examination")
    rows["ttft"], rows["tpot"] = 1e-3 * rows.pop("silicon_ttft_ms"), 1e-3 * rows.pop("silicon_tpot_ms")
    tokens = MEAN_LENGTH * rows["osl"]
    rows["throughput"] = rows["concurrency"] * tokens / (rows["ttft"] + (tokens - 1) * rows["tpot"]) / rows["gpus"]
    rows.attrs = {
        "source": SOURCE, "package": f"aiconfigurator-core {VERSION}", "licence": "Apache-2.0",
        "note": "serving rows, most of them measured by InferenceX; derived results are unofficial",
    }  # fmt: skip
    return rows


def end_to_end(duplicates: bool = False) -> "pd.DataFrame":
    """Return the measured serving rows that may be used, with the deployment each really ran on.

    Args:
        duplicates: keep rows that repeat a measurement under another id

    Returns:
        one row per measurement: `id, family, system, backend, precision, mode` (agg or disagg), `isl, osl` (nominal tokens), `concurrency`
        (requests in flight, all GPUs), the deployment (`gpus, tp, ep, dp_attention`, and for disaggregated rows `prefill_*` and
        `decode_*`), `image, measured, group` (rows of one group are neighbours: keep them together in cross-validation), and the means
        over requests `ttft` [s], `tpot` [s] and `throughput` [output tok/s per GPU]. Missing entries are unknown.

    Raises:
        DataError: the measurements are not installed, or the labels do not fit them.
    """
    rows = _end_to_end()
    return rows.copy() if duplicates else rows[~rows["duplicate"]].reset_index(drop=True)
