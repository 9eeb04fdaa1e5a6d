"""What an engine would serve under load, beside the bare estimate: the fitted serving model, with its interval."""

from typing import Any

from nvlinklab.errors import DataError

ENGINES = ("trtllm", "sglang", "vllm")
NAMES = ("ttft_s", "tpot_s", "tput")


def served(named: Any, weights: str, engine: str) -> dict[str, Any]:
    """Return what a scenario would serve on an engine whose GPUs share prefill and decode, or why nobody can say.

    Returns:
        `ttft_s, tpot_s, throughput_per_gpu`, each with `_q05` and `_q95`; `status`, `reason`, `engine`, `neighbours` (the nearest measured
        deployments); or only `status` (`unknown`) and `reason`.
    """
    import pandas as pd

    from nvlinklab.calibration.serving.deployments import Pool
    from nvlinklab.scenario import ALIASES
    from nvlinklab.serving import decode
    from nvlinklab.validation import served as fitted

    d = named.scenario.deployment
    gpus = float(decode.gpus(d))
    load = {"isl": float(named.scenario.isl), "osl": float(named.scenario.osl), "concurrency": float(named.scenario.batch) * gpus}
    pool = Pool(workers=1.0, gpus=gpus, ep=float(d.ep), dp_attention=float(float(d.tp) < gpus))
    shape = str(ALIASES.get(named.model, named.model)).replace(".", "-")
    try:
        table = pd.DataFrame([fitted.row(shape, named.system, weights, engine, decode=pool, **load)])
        found = fitted.tell(table).iloc[0]
    except DataError as error:
        return {"status": "unknown", "reason": str(error)}
    out = {f"{name}{q}".replace("tput", "throughput_per_gpu"): float(found[f"{name}{q}"]) for name in NAMES for q in ("", "_q05", "_q95")}
    reason = str(found["reason"])
    if float(d.pp) > 1.0 or float(d.cp) > 1.0:
        reason = "; ".join(
            filter(None, [reason, "pipeline and context parallelism are not in the fit: one worker over all GPUs stands in"])
        )
    return {"engine": engine, "status": str(found["status"]), "reason": reason, **out, "neighbours": fitted.neighbours(table)[0]}
