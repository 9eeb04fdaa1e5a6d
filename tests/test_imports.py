"""Imports point one way, and importing the package loads nothing heavy."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import nvlinklab

ROOT = Path(nvlinklab.__file__).parent
BASE = {"_struct", "_math", "_lazy", "units", "quantities", "errors"}
LAYERS = {  # what each part may use besides itself
    "errors": set(),
    "units": {"errors"},
    "quantities": {"errors"},
    "_struct": {"errors", "network"},  # network only in its doctest examples
    "_math": {"_struct"},
    "_lazy": {"errors"},
    "io": BASE,
    "network": BASE | {"io"},
    "workload": BASE | {"io"},
    "kernel": BASE,
    "hardware": BASE | {"io", "network"},
    "serving": BASE | {"io", "hardware", "workload", "network", "kernel"},
    "economics": BASE | {"io", "hardware", "serving"},
    "analysis": BASE,
    "plotting": BASE,
    "live": BASE | {"plotting"},
    "calibration": BASE | {"io", "hardware", "workload", "network", "kernel", "serving"},
    "validation": BASE | {"io", "calibration"},
    "claims": BASE | {"io", "hardware", "workload", "network", "kernel", "serving", "economics", "analysis"},
    "scenario": BASE | {"io", "hardware", "workload", "network", "kernel", "serving", "economics"},
    "whatif": BASE | {"io", "hardware", "workload", "network", "kernel", "serving", "economics", "claims", "scenario", "live"},
    "notebook": BASE | {"claims", "plotting", "live"},
    "notebooks": BASE | {"io"},
    "book": BASE | {"io"},
    "bookext": BASE | {"io", "claims", "plotting", "live", "scenario"},
    "cli": BASE | {"io", "claims", "notebooks", "book", "commands"},
    "bench": BASE | {"io", "book", "serving", "workload", "scenario", "analysis"},
    "commands": BASE
    | {
        "io",
        "hardware",
        "workload",
        "serving",
        "analysis",
        "plotting",
        "scenario",
        "bench",
        "cli",
        "calibration",
        "validation",
        "live",
        "book",
    },
}


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] if node.module != "nvlinklab" else [f"nvlinklab.{a.name}" for a in node.names]
        elif isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        found |= {n.split(".")[1] for n in names if n.startswith("nvlinklab.")}
    return found


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_one_way(path):
    part = path.relative_to(ROOT).parts[0].removesuffix(".py")
    if part == "__init__":
        return
    assert part in LAYERS, f"{part} is a new part of the package: say in LAYERS what it may use"
    extra = _imports(path) - LAYERS[part] - {part} - {"__version__"}
    assert not extra, f"{path.relative_to(ROOT)} uses {', '.join(sorted(extra))}, which {part} must not know"


def test_layers_have_no_cycle():
    import graphlib

    allowed_back = {"_struct": {"network"}, "commands": {"cli"}}  # a doctest example; the console of the commands' parent
    graph = {part: uses - allowed_back.get(part, set()) for part, uses in LAYERS.items()}
    assert list(graphlib.TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("module", ["nvlinklab", "nvlinklab.cli", "nvlinklab.units"])
def test_importing_loads_nothing_heavy(module):
    code = f"import sys, {module}; print(*(m for m in ('jax', 'numpy', 'pandas', 'pint', 'xarray', 'altair', 'rich') if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_unknown_name_says_what_exists():
    with pytest.raises(AttributeError, match="elasticities"):
        nvlinklab.nonsense  # noqa: B018


def test_every_headline_name_resolves():
    for name in nvlinklab.__all__:
        assert getattr(nvlinklab, name) is not None
    assert set(nvlinklab.__all__) <= set(dir(nvlinklab))


def test_modules_load_by_name_and_unknown_ones_suggest():
    assert nvlinklab.network.collectives.__name__ == "nvlinklab.network.collectives"
    with pytest.raises(AttributeError, match="did you mean 'collectives'"):
        nvlinklab.network.collective  # noqa: B018
