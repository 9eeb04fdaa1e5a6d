"""A user's own model, read from a YAML file."""

from pathlib import Path

from nvlinklab.io.overrides import apply, read_user_file
from nvlinklab.workload.architecture import Architecture, model, models

EXAMPLE = """\
# A model for nvlinklab: a base from the catalog (nvlinklab models) and what differs from it. All are plain counts.
kind: model
base: deepseek-v3
set:
  layers: 61
  routed_experts: 384
  top_k: 8
"""


def read_model(path: Path) -> Architecture:
    """Return an architecture from a file; raises `DataError` that starts with file:line."""
    document = read_user_file(path, "model", models())
    return apply(document, model(document.data["base"]).spec, {})
