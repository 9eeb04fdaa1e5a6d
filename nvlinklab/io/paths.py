"""Where `data/` lies: where `NVLINKLAB_DATA` says, else beside the package in a checkout, else inside it in an installed wheel."""

import os
from functools import cache
from pathlib import Path

from nvlinklab.errors import DataError

_PACKAGE = Path(__file__).resolve().parent.parent


@cache
def data_dir() -> Path:
    """Return the folder of the data tables.

    Raises:
        DataError: `NVLINKLAB_DATA` names a folder without tables, or neither the checkout's `data/` nor the wheel's copy exists.
    """
    chosen = os.environ.get("NVLINKLAB_DATA")
    if chosen:
        if not (Path(chosen) / "sources.yml").is_file():
            raise DataError(f"NVLINKLAB_DATA={chosen} has no sources.yml; point it at a copy of the project's data folder, or unset it")
        return Path(chosen).resolve()
    for folder in (_PACKAGE.parent / "data", _PACKAGE / "_data"):
        if (folder / "sources.yml").is_file():
            return folder
    raise DataError(f"no data folder: looked for {_PACKAGE.parent / 'data'} and {_PACKAGE / '_data'}; reinstall nvlinklab")


def project_dir() -> Path:
    """Return the root of the checkout (notebooks, book), for the commands that build or run them.

    Raises:
        DataError: the package is installed from a wheel, without a checkout around it.
    """
    root = _PACKAGE.parent
    if not (root / "_config.yml").is_file():
        raise DataError(f"this command works on a checkout of the project, and {root} is none; clone the repository and run it there")
    return root


def shown(path: Path) -> str:
    """Return a path for messages: relative to the data folder's parent where possible."""
    try:
        return str(path.resolve().relative_to(data_dir().parent))
    except (ValueError, DataError):
        return str(path)
