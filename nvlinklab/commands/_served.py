"""What an engine would serve under load, beside the bare estimate: the fitted serving model, with its interval."""

from typing import Any

from nvlinklab.errors import DataError

ENGINES = ("trtllm", "sglang", "vllm")
FORMATS = {"nvfp4": "fp4", "mxfp4": "fp4", "fp8": "fp8", "bf16": "bf16", "fp16": "bf16"}
NAMES = ("ttft_s", "tpot_s", "tput")


def served(named: Any, weights: str, engine: str) -> dict[str, Any]:
    """Return what a scenario would serve on an engine whose GPUs share prefill and decode, or why nobody can say.

    Returns:
        `ttft_s, tpot_s, throughput_per_gpu`, each with `_q05` and `_q95`; `status`, `reason`, `engine`, `neighbours` (the nearest measured
        deployments); or only `status` (`unknown`) and `reason`.
    """
    import pandas as pd

    from nvlinklab.calibration.serving import predict as serving
    from nvlinklab.calibration.serving.shapes import FAMILIES
    from nvlinklab.calibration.systems import CATALOG, KNOWN
    from nvlinklab.io.silicon import MEAN_LENGTH
    from nvlinklab.scenario import ALIASES
    from nvlinklab.serving import decode

    shape = str(ALIASES.get(named.model, named.model)).replace(".", "-")
    family = {model: name for name, model in FAMILIES.items()}.get(shape)
    system = CATALOG.get(named.system, named.system)
    if family is None:
        return {"status": "unknown", "reason": f"no engine was measured on {named.model}; measured are {', '.join(FAMILIES.values())}"}
    if system not in KNOWN:
        return {"status": "unknown", "reason": f"{named.system} is no measured system and has no data sheet in the calibration"}
    d = named.scenario.deployment
    gpus, sharded = float(decode.gpus(d)), float(d.tp)
    row = {
        "family": family, "system": system, "backend": engine, "precision": FORMATS[weights], "mode": "agg",
        "isl": float(named.scenario.isl) / MEAN_LENGTH, "osl": float(named.scenario.osl) / MEAN_LENGTH,
        "concurrency": float(named.scenario.batch) * gpus,
        "gpus": gpus, "tp": gpus, "ep": float(d.ep), "dp_attention": sharded < gpus,
    }  # fmt: skip
    table = pd.DataFrame([row])
    try:
        found = serving.predict(table).iloc[0]
    except DataError as error:
        return {"status": "unknown", "reason": str(error)}
    out = {f"{name}{q}".replace("tput", "throughput_per_gpu"): float(found[f"{name}{q}"]) for name in NAMES for q in ("", "_q05", "_q95")}
    reason = str(found["reason"])
    if float(d.pp) > 1.0 or float(d.cp) > 1.0:
        reason = "; ".join(
            filter(None, [reason, "pipeline and context parallelism are not in the fit: one worker over all GPUs stands in"])
        )
    kept = ("family", "system", "backend", "precision", "mode", "layout", "gpus", "rows", "distance")
    near = [{k: n[k] for k in kept} for n in serving.neighbours(table)[0]]
    return {"engine": engine, "status": str(found["status"]), "reason": reason, **out, "neighbours": near}
