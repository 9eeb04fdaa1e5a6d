"""One call at the top of every notebook: stable numbers, our charts, one device.

What is stored in a notebook must come out the same on another machine, so numbers are 64-bit on the CPU and shown to six digits.
"""

import os


def setup() -> None:
    """Prepare a notebook: CPU, 64-bit, six digits, the chart theme and renderer."""
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax
    import numpy as np
    import pandas as pd
    import xarray as xr

    from nvlinklab.plotting import theme

    jax.config.update("jax_platforms", "cpu")
    np.set_printoptions(precision=6)
    pd.set_option("display.precision", 6)
    pd.set_option("display.max_rows", None)
    pd.set_option("display.max_colwidth", None)
    pd.set_option("display.width", 200)
    xr.set_options(display_style="text")
    theme.enable()


def claims_table(*claims: str):
    """Return the stated and computed numbers of some claims as a table, the verdict beside them.

    Args:
        claims: ids, or one chapter prefix such as `ch05`
    """
    import pandas as pd

    from nvlinklab import units
    from nvlinklab.claims.evaluate import evaluate
    from nvlinklab.claims.ledger import ledger

    ids = ledger().chapter(claims[0]).claims if len(claims) == 1 and claims[0] not in ledger().claims else claims
    rows = []
    for result in map(evaluate, ids):
        for test in result["tests"] or [{"name": "", "stated": "", "computed": float("nan"), "unit": "1", "ratio": None, "outcome": ""}]:
            shown = test.get("evidence") or units.with_unit(test["computed"] / units.factor(test["unit"]), test["unit"])
            ratio = units.number_text(test["ratio"]) if test.get("ratio") else ""
            rows.append((result["id"], test["name"], test["stated"], shown, ratio, result["verdict"]))
    return pd.DataFrame(rows, columns=["claim", "number", "stated", "computed", "ratio", "verdict"]).set_index("claim")


def elasticity_table(claim: str, output: str | None = None):
    """Return the elasticities of one claim, the strongest first, without inputs that do not matter: which number matters?"""
    import pandas as pd

    from nvlinklab.claims.evaluate import evaluate

    found = evaluate(claim)["elasticities"]
    chosen = {output: found[output]} if output else found
    rows = [(name, path, value) for name, by_path in chosen.items() for path, value in by_path.items() if abs(value) > 1e-9]
    rows.sort(key=lambda r: (r[0], -round(abs(r[2]), 9)))  # equal ones keep their order, whatever the last bit
    return pd.DataFrame(rows, columns=["number", "input", "elasticity"]).set_index("number")


def break_even_table(*claims: str):
    """Return, for each stated number and each input that moves it, the value that would make the claim true, or why none does."""
    import pandas as pd

    from nvlinklab import units
    from nvlinklab.claims.evaluate import evaluate

    rows = []
    for result in map(evaluate, claims):
        for number, by_input in result["break_even"].items():
            for path, answer in by_input.items():
                if answer["reason"].endswith("does not move the result"):
                    continue
                unit = result["inputs"][path]["unit"]
                now = units.with_unit(result["inputs"][path]["value"] / units.factor(unit), unit)
                then = answer["reason"] if answer["value"] is None else units.with_unit(answer["value"] / units.factor(unit), unit)
                rows.append((result["id"], number, path, now, then))
    return pd.DataFrame(rows, columns=["claim", "number", "input", "now", "makes it true"]).set_index("claim")


def verdict_box(*claims: str):
    """Return the verdicts of some claims (ids, or one chapter prefix) as a short table with the reason."""
    import pandas as pd

    from nvlinklab.claims.evaluate import evaluate
    from nvlinklab.claims.ledger import ledger

    ids = ledger().chapter(claims[0]).claims if len(claims) == 1 and claims[0] not in ledger().claims else claims
    rows = [(r["id"], r["verdict"], r["why"]) for r in map(evaluate, ids)]
    return pd.DataFrame(rows, columns=["claim", "verdict", "why"]).set_index("claim")


def conditions_table(*claims: str):
    """Return the claims that hold under a condition (of some ids, or one chapter prefix): on what each hangs, and where it holds."""
    import pandas as pd

    from nvlinklab import units
    from nvlinklab.claims.evaluate import evaluate
    from nvlinklab.claims.ledger import ledger

    def span(low: float, high: float, unit: str) -> str:
        return " to ".join(units.with_unit(v / units.factor(unit), unit, 3) for v in (low, high))

    ids = ledger().chapter(claims[0]).claims if len(claims) == 1 and claims[0] not in ledger().claims else claims
    rows = []
    for result in map(evaluate, ids):
        if result["verdict"] == "holds-if":
            c = result["condition"]
            taken = units.with_unit(result["inputs"][c["input"]]["value"] / units.factor(c["unit"]), c["unit"], 3)
            holds = "; ".join(span(low, high, c["unit"]) for low, high in c["met"])
            rows.append((result["id"], c["phrase"], span(c["low"], c["high"], c["unit"]), taken, holds))
    return pd.DataFrame(rows, columns=["claim", "hangs on", "possible", "taken here", "holds for"]).set_index("claim")


def readings_table(*claims: str):
    """Return the alternative readings of some claims: what the stated number would be if it counted differently."""
    import pandas as pd

    from nvlinklab import units
    from nvlinklab.claims.evaluate import evaluate

    rows = []
    for result in map(evaluate, claims):
        for a in result["readings"]:
            shown = units.with_unit(a["value"] / units.factor(a["unit"]), a["unit"])
            rows.append((result["id"], a["label"], a["name"], result["stated"][a["name"]], shown, "yes" if a["outcome"] == "hit" else "no"))
    return pd.DataFrame(rows, columns=["claim", "read as", "number", "stated", "gives", "closes"]).set_index("claim")
