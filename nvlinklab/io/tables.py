"""The long tables of `data/`: one row per value, with unit, reading, kind and source, checked as they are read."""

import csv
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from nvlinklab import units
from nvlinklab.errors import DataError, UnitError, did_you_mean
from nvlinklab.io import provenance
from nvlinklab.io.paths import data_dir, shown
from nvlinklab.io.yaml import read_yaml

COLUMNS = ("id", "quantity", "value", "low", "high", "unit", "reading", "kind", "source", "locator", "note")
KINDS = ("datasheet", "measured", "derived", "estimate", "assumption")
READINGS = (
    "one-way", "both-ways", "dense", "sparse", "headline", "peak", "achieved", "usable", "marketed", "planned", "raw", "effective",
    "per=gpu", "per=die", "per=link", "per=lane", "per=chip", "per=tray", "per=node", "per=rack", "per=port", "per=slot", "per=user",
    "per=superchip", "per=domain", "per=pair", "per=system", "per=expert", "per=request", "per=token", "world", "per=hour", "bits",
)  # fmt: skip
FOLDERS = ("hardware", "networks", "models", "prices", "measurements/values")


class Row(NamedTuple):
    """One value of a data table, already in SI.

    Attributes:
        id: what it belongs to (`h100`, `nvlink5`, `gb200-nvl72`)
        quantity: which number it is (`mem_bw`)
        value, low, high: the number and its range [SI]; the range equals the value where none is known
        unit: the unit it was entered in
        reading: how it counts (`one-way`, `dense`, `per=gpu`)
        kind: datasheet, measured, derived, estimate or assumption
        source: keys of `data/sources.yml`
        locator: where in the source
        note: what else to know
        where: `file:line`
        correction: why the entered value was changed, or an empty string
    """

    id: str
    quantity: str
    value: float
    low: float
    high: float
    unit: str
    reading: frozenset[str]
    kind: str
    source: tuple[str, ...]
    locator: str
    note: str
    where: str
    correction: str = ""

    @property
    def path(self) -> str:
        """The name of this value everywhere: `id.quantity`."""
        return f"{self.id}.{self.quantity}"

    @property
    def one_way(self) -> "Row":
        """The same bandwidth in one direction."""
        if "both-ways" not in self.reading:
            return self
        half = {name: getattr(self, name) / 2 for name in ("value", "low", "high")}
        return self._replace(reading=(self.reading - {"both-ways"}) | {"one-way"}, **half)


def read_table(path: Path) -> list[Row]:
    """Read one long table.

    Raises:
        DataError: a wrong header, a unit, kind, reading or source that is not known, a number that is none, a value outside
            its range, or a duplicate id and quantity; the message starts with file:line.
    """
    rows = list(_rows(path))
    seen: dict[tuple[str, str], str] = {}
    for row in rows:
        first = seen.setdefault((row.id, row.quantity), row.where)
        if first != row.where:
            raise DataError(f"{row.where}: duplicate id {row.id!r} with quantity {row.quantity!r}; first given in {first}")
    return rows


def _rows(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise DataError(f"{shown(path)}:1: the header is {','.join(reader.fieldnames or ())}; expected {','.join(COLUMNS)}")
        for raw in reader:
            yield _row(raw, f"{shown(path)}:{reader.line_num}")


def _row(raw: dict[str, str], where: str) -> Row:
    if None in raw or None in raw.values():
        raise DataError(f"{where}: {sum(v is not None for v in raw.values())} fields, expected {len(COLUMNS)}; quote text that has a comma")
    for name in ("id", "quantity", "value", "kind", "source"):
        if not raw[name].strip():
            raise DataError(f"{where}: {name} is empty; expected {_EXPECTED[name]}")
    try:
        unit = units.check_vocabulary(raw["unit"])
    except UnitError as exc:
        raise DataError(f"{where}: {exc}") from None
    if raw["kind"] not in KINDS:
        raise DataError(f"{where}: kind {raw['kind']!r} is not one of {', '.join(KINDS)}{did_you_mean(raw['kind'], KINDS)}")
    reading = frozenset(t for t in raw["reading"].split(";") if t)
    for tag in reading - set(READINGS):
        raise DataError(f"{where}: reading {tag!r} is not known{did_you_mean(tag, READINGS)}")
    source = tuple(raw["source"].split(";"))
    provenance.require(source, where)
    value = _number(raw["value"], "value", where)
    low, high = (_number(raw[name] or raw["value"], name, where) for name in ("low", "high"))
    if not low <= value <= high:
        raise DataError(f"{where}: value {value:g} is outside its range {low:g} to {high:g}")
    si = units.factor(unit)
    return Row(
        id=raw["id"], quantity=raw["quantity"], value=value * si, low=low * si, high=high * si, unit=unit, reading=reading,
        kind=raw["kind"], source=source, locator=raw["locator"], note=raw["note"], where=where,
    )  # fmt: skip


_EXPECTED = {
    "id": "the name of the chip, link, rack or model",
    "quantity": "the name of the number",
    "value": "a number",
    "kind": ", ".join(KINDS),
    "source": "a key of data/sources.yml",
}


def _number(text: str, name: str, where: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise DataError(f"{where}: {name} {text!r} is not a number; write for example 8.0e12 or 22") from None


@cache
def all_rows() -> dict[str, Row]:
    """Return every value of `data/` by its path `id.quantity`, corrections applied.

    Raises:
        DataError: as `read_table`, and when two tables give the same path.
    """
    rows: dict[str, Row] = {}
    for folder in FOLDERS:
        for path in sorted((data_dir() / folder).glob("*.csv")):
            for row in read_table(path):
                if row.path in rows:
                    raise DataError(f"{row.where}: {row.path} is already given in {rows[row.path].where}")
                rows[row.path] = row
    return _corrected(rows, data_dir() / "corrections.yml")


def _corrected(rows: dict[str, Row], path: Path) -> dict[str, Row]:
    """Apply `data/corrections.yml`; an entry whose expected value is gone raises, so that it is removed once upstream is fixed."""
    document = read_yaml(path, "corrections")
    for index, entry in enumerate(document.data or []):
        where = document.where(index)
        if entry["path"] not in rows:
            raise DataError(f"{where}: no value is called {entry['path']!r}{did_you_mean(entry['path'], rows)}")
        row = rows[entry["path"]]
        entered = row.value / units.factor(row.unit)
        if abs(entered - entry["expect"]) > 1e-9 * abs(entry["expect"]):
            raise DataError(
                f"{where}: expects {row.path} = {entry['expect']:g} {row.unit}, found {entered:g}; the correction is out of date"
            )
        factor = entry["set"] / entered
        rows[row.path] = row._replace(value=row.value * factor, low=row.low * factor, high=row.high * factor, correction=entry["reason"])
    return rows


def value_row(path: str) -> Row:
    """Return the row of one value by its path.

    Raises:
        DataError: no such value, with the nearest names.

    >>> value_row("h100.mem_bw").value
    3350000000000.0
    """
    rows = all_rows()
    if path not in rows:
        raise DataError(f"data/ has no value {path!r}{did_you_mean(path, rows)}")
    return rows[path]
