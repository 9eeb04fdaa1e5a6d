"""Named hardware: `load("gb200-nvl72")` gives the numbers; names, sources and spread stay beside them."""

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from nvlinklab._struct import leaf_units
from nvlinklab.errors import SpecError, did_you_mean
from nvlinklab.hardware.accelerator import Accelerator
from nvlinklab.hardware.system import System
from nvlinklab.io.paths import data_dir
from nvlinklab.io.tables import Row, all_rows, value_row
from nvlinklab.io.yaml import read_yaml
from nvlinklab.network.alphabeta import Link


class Record(NamedTuple):
    """A spec with what the pytree must not carry.

    Attributes:
        id: the name it is loaded by
        spec: an `Accelerator` or a `System`, floats in SI
        rows: the data row behind each leaf path
        missing: leaves nobody publishes (NaN in the spec)
    """

    id: str
    spec: Any
    rows: Mapping[str, Row]
    missing: tuple[str, ...]


def value(path: str) -> float:
    """Return one number of the data tables [SI] by its path, for example `h100.mem_bw`.

    >>> value("nvlink5.gpu_bw")
    900000000000.0
    """
    return value_row(path).value


def accelerators() -> tuple[str, ...]:
    """Return the ids of all accelerators, oldest first."""
    rows = all_rows()
    ids = {r.id for r in rows.values() if r.quantity == "mem_bw" and f"{r.id}.mem_capacity" in rows and f"{r.id}.gpus" not in rows}
    return tuple(sorted(ids, key=lambda i: (rows[f"{i}.year"].value if f"{i}.year" in rows else 9999.0, i)))


def systems() -> tuple[str, ...]:
    """Return the ids of all systems that can be loaded."""
    return tuple(_systems().data)


def gpu_of(system: str) -> str:
    """Return the id of the accelerator of a system of the catalog."""
    return _systems().data[system]["gpu"]


def load(name: str) -> Record:
    """Return an accelerator or a system by id.

    Raises:
        SpecError: no such hardware, with the nearest names.

    >>> load("gb200-nvl72").spec.domain
    72.0
    """
    if name in _systems().data:
        return _load_system(name)
    if name in accelerators():
        return _load_accelerator(name)
    known = (*systems(), *accelerators())
    raise SpecError(f"no hardware is called {name!r}{did_you_mean(name, known)} There are: {', '.join(known)}")


def describe(name: str) -> str:
    """Return the leaves of a spec with value, range, kind and source, one a line."""
    from nvlinklab import units

    record = load(name)
    lines = [name]
    for path, row in record.rows.items():
        span = f" ({units.pretty(row.low, _si(row))} to {units.pretty(row.high, _si(row))})" if row.low < row.high else ""
        lines.append(f"  {path:24} {units.pretty(row.value, _si(row))}{span}  {row.kind}, {', '.join(row.source)}  [{row.where}]")
    lines += [f"  {path:24} not published" for path in record.missing]
    return "\n".join(lines)


def _si(row: Row) -> str:
    from nvlinklab import units

    exponents = units.exponents(row.unit)
    for unit in ("B/s", "FLOP/s", "W", "s", "B", "FLOP/B", "USD", "kg", "m"):
        if units.exponents(unit) == exponents:
            return unit
    return row.unit


def _load_accelerator(name: str) -> Record:
    rows = all_rows()
    leaves = leaf_units(Accelerator)
    found = {leaf: rows[f"{name}.{leaf}"] for leaf in leaves if f"{name}.{leaf}" in rows}
    return Record(name, Accelerator(**{leaf: r.value for leaf, r in found.items()}), found, tuple(p for p in leaves if p not in found))


@cache
def _systems() -> Any:
    return read_yaml(data_dir() / "hardware" / "systems.yml", "systems")


def _load_system(name: str) -> Record:
    entry = _systems().data[name]
    gpu = _load_accelerator(entry["gpu"])
    rows = {f"gpu.{leaf}": row for leaf, row in gpu.rows.items()}
    fabrics = {}
    for part in ("scale_up", "scale_out"):
        found = {leaf: value_row(entry[part][leaf]).one_way for leaf in ("alpha", "bw")}
        rows |= {f"{part}.{leaf}": row for leaf, row in found.items()}
        fabrics[part] = Link(**{leaf: row.value for leaf, row in found.items()})
    rows["domain"] = value_row(entry["domain"])
    spec = System(gpu=gpu.spec, domain=rows["domain"].value, **fabrics)
    return Record(name, spec, rows, tuple(f"gpu.{leaf}" for leaf in gpu.missing))
