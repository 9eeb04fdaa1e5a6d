"""Chapter 11: who earned the speedup."""

import jax.numpy as jnp

from nvlinklab.claims.registry import assume, check, given, reading, spec, stated


def log_share(factor, total):
    """Return the share of a factor in the logarithm of a total: shares of factors that multiply to the total add to one."""
    return jnp.log(factor) / jnp.log(total)


@check("bench-3x-factor-list", context={"left_for_the_rest": "x"}, fp4=stated("fp4"), fmha=stated("fmha"), total=stated("total"))
def factor_list(fp4, fmha, total):
    return {"total": fp4 * fmha, "left_for_the_rest": total / (fp4 * fmha)}


@reading(
    "bench-3x-factor-list",
    "with the factor it gives elsewhere for splitting prefill and decode",
    dynamo=stated("dynamo", "decomp-100x-factors"),
)
def factor_list_with_dynamo(fp4, fmha, dynamo):
    return {"total": fp4 * fmha * dynamo}


@reading(
    "bench-3x-factor-list",
    "like for like: both racks with NVFP4, the same software",
    gb300=spec("sglang_gb300_long.gb300_rate"),
    gb200=spec("sglang_gb300_long.gb200_rate"),
)
def factor_list_measured(gb300, gb200):
    return {"total": gb300 / gb200}


@check("decomp-3x-mostly-software", total=stated("ratio", "bench-3x-gb200-to-gb300"), fp4=stated("fp4", "bench-3x-factor-list"))
def software_of_3x(total, fp4):
    # FP4 is the article's hardware increment; everything else, the memory included, is left to software
    return {"software": 1.0 - log_share(fp4, total)}


@reading(
    "decomp-3x-mostly-software",
    "the attention kernel counted as hardware too: it is faster because of twice the exponential units",
    fmha=stated("fmha", "bench-3x-factor-list"),
)
def software_of_3x_strict(total, fp4, fmha):
    return {"software": 1.0 - log_share(fp4 * fmha, total)}


@reading(
    "decomp-3x-mostly-software",
    "FP4 counted as software, as its own table of software capabilities does",
    fmha=stated("fmha", "bench-3x-factor-list"),
)
def software_of_3x_wide(total, fp4, fmha):
    return {"software": log_share(fp4 * fmha, total)}


P100, B200_SPARSE = spec("p100.flops_fp16"), spec("gb200.flops_fp4_sparse")


@check(
    "decomp-8-year-1000x",
    context={"per_year": "x", "formats": "x", "architecture_and_process": "x"},
    start=P100, end=B200_SPARSE, years=stated("years"), year=given(1, "yr", "one year"), halvings=given(2, "doubling", "16 to 8 to 4 bits"),
    sparsity=given(2, "x", "two of four weights are zero"), dies=spec("gb200.dies"),
)  # fmt: skip
def eight_years(start, end, years, year, halvings, sparsity, dies):
    ratio, formats = end / start, jnp.power(2.0, halvings)
    return {
        "ratio": ratio,
        "per_year": jnp.power(ratio, year / years),
        "formats": formats,
        "architecture_and_process": ratio / (formats * sparsity * dies),
    }


@reading(
    "decomp-8-year-1000x",
    "19 TFLOP/s for the P100, as on the slide",
    slide=assume(19, "TFLOP/s", "FP16 of the Pascal generation on the slide of March 2024, recalled"),
)
def eight_years_slide(slide, end):
    return {"ratio": end / slide}


@reading("decomp-8-year-1000x", "dense rates on both sides", dense=spec("gb200.flops_fp4"))
def eight_years_dense(start, dense):
    return {"ratio": dense / start}


@check(
    "decomp-precision-doublings",
    context={"each_step": "x"},
    fp4=spec("gb200.flops_fp4"),
    bf16=spec("gb200.flops_bf16"),
    steps=stated("steps"),
)
def precision(fp4, bf16, steps):
    return {"factor": fp4 / bf16, "each_step": jnp.power(fp4 / bf16, 1.0 / steps)}


@reading(
    "decomp-precision-doublings",
    "GB300, whose FP4 is three times its FP8",
    ultra_fp4=spec("gb300.flops_fp4"),
    ultra_bf16=spec("gb300.flops_bf16"),
)
def precision_ultra(ultra_fp4, ultra_bf16):
    return {"factor": ultra_fp4 / ultra_bf16}


@reading("decomp-precision-doublings", "Rubin, dense NVFP4", rubin_fp4=spec("rubin.flops_fp4"), rubin_bf16=spec("rubin.flops_bf16"))
def precision_rubin(rubin_fp4, rubin_bf16):
    return {"factor": rubin_fp4 / rubin_bf16}


@check(
    "decomp-multi-die-doubling",
    hopper=spec("h100.dies"),
    blackwell=spec("gb200.dies"),
    rubin=spec("rubin.dies"),
    ultra=spec("rubin-ultra.dies"),
)
def die_doubling(hopper, blackwell, rubin, ultra):
    return {"blackwell": blackwell / hopper, "rubin_ultra": ultra / rubin}


@reading(
    "decomp-multi-die-doubling",
    "FP4 headline rates of the packages",
    rubin_fp4=spec("rubin.flops_fp4_headline"),
    ultra_fp4=spec("rubin-ultra.flops_fp4_headline"),
)
def die_doubling_rates(rubin_fp4, ultra_fp4):
    return {"rubin_ultra": ultra_fp4 / rubin_fp4}


@reading(
    "decomp-multi-die-doubling",
    "the article's own row of packages",
    rubin_row=stated("rubin", "gen-package-fp4-row"),
    ultra_row=stated("rubin_ultra", "gen-package-fp4-row"),
)
def die_doubling_article(rubin_row, ultra_row):
    return {"rubin_ultra": ultra_row / rubin_row}


def per_die(new, new_dies, old, old_dies):
    """Return the growth of a rate per die."""
    return (new / new_dies) / (old / old_dies)


@check(
    "decomp-hopper-blackwell-1p5-2x",
    h100=spec("h100.flops_fp8"), h100_dies=spec("h100.dies"), gb200=spec("gb200.flops_fp8"), gb200_dies=spec("gb200.dies"),
)  # fmt: skip
def hopper_to_blackwell(h100, h100_dies, gb200, gb200_dies):
    return {"ratio": per_die(gb200, gb200_dies, h100, h100_dies)}


@reading("decomp-hopper-blackwell-1p5-2x", "the air-cooled B200", b200=spec("b200.flops_fp8"), b200_dies=spec("b200.dies"))
def hopper_to_b200(b200, b200_dies, h100, h100_dies):
    return {"ratio": per_die(b200, b200_dies, h100, h100_dies)}


@reading(
    "decomp-hopper-blackwell-1p5-2x",
    "achieved matrix products instead of peaks",
    h100_achieved=spec("h100.flops_fp8_achieved"),
    gb200_achieved=spec("gb200.flops_fp8_achieved"),
)
def hopper_to_blackwell_achieved(gb200_achieved, gb200_dies, h100_achieved, h100_dies):
    return {"ratio": per_die(gb200_achieved, gb200_dies, h100_achieved, h100_dies)}


@check(
    "decomp-blackwell-rubin-3-3p5x",
    gb200=spec("gb200.flops_fp8"), gb200_dies=spec("gb200.dies"), rubin=spec("rubin.flops_fp8"), rubin_dies=spec("rubin.dies"),
)  # fmt: skip
def blackwell_to_rubin(gb200, gb200_dies, rubin, rubin_dies):
    return {"ratio": per_die(rubin, rubin_dies, gb200, gb200_dies)}


@reading(
    "decomp-blackwell-rubin-3-3p5x",
    "the article's FP8 rows of the racks",
    rubin_rack=stated("fp8", "gen-fp8-rubin-2p5ef"),
    gb200_rack=stated("fp8", "gen-fp8-gb200-360"),
)
def blackwell_to_rubin_article(rubin_rack, gb200_rack):
    return {"ratio": rubin_rack / gb200_rack}


@check(
    "decomp-per-die-2-3x",
    context={"hopper_to_blackwell": "x", "blackwell_to_rubin": "x"},
    h100=spec("h100.flops_fp8"), h100_dies=spec("h100.dies"), gb200=spec("gb200.flops_fp8"), gb200_dies=spec("gb200.dies"),
    rubin=spec("rubin.flops_fp8"), rubin_dies=spec("rubin.dies"), generations=given(2, "generation", "Hopper to Blackwell to Rubin"),
)  # fmt: skip
def per_generation(h100, h100_dies, gb200, gb200_dies, rubin, rubin_dies, generations):
    return {
        "ratio": jnp.power(per_die(rubin, rubin_dies, h100, h100_dies), 1.0 / generations),
        "hopper_to_blackwell": per_die(gb200, gb200_dies, h100, h100_dies),
        "blackwell_to_rubin": per_die(rubin, rubin_dies, gb200, gb200_dies),
    }


@reading(
    "decomp-per-die-2-3x", "the middle of the article's own two steps",
    first=stated("ratio", "decomp-hopper-blackwell-1p5-2x"), second=stated("ratio", "decomp-blackwell-rubin-3-3p5x"),
)  # fmt: skip
def per_generation_article(first, second):
    return {"ratio": jnp.sqrt(first * second)}


FACTORS = {name: stated(name, "decomp-100x-factors") for name in ("fp4", "nvlink", "dynamo", "hbm")}


@check(
    "decomp-100x-factors",
    context={"left_over": "x"},
    fp4=stated("fp4"),
    nvlink=stated("nvlink"),
    dynamo=stated("dynamo"),
    hbm=stated("hbm"),
    total=stated("total"),
)
def factors_of_100x(fp4, nvlink, dynamo, hbm, total):
    product = fp4 * nvlink * dynamo * hbm
    return {"total": product, "left_over": total / product}


@reading(
    "decomp-100x-factors", "measured FP4 and domain effects, the ratio of HBM bandwidths, and no Dynamo, which the baseline has",
    fp4_gain=spec("inferencex.gb300_h100_gain_fp4"), fp8_gain=spec("inferencex.gb300_h100_gain_fp8"),
    domain=spec("inferencex.gb200_b200_gain_125"), hbm3e=spec("gb300.mem_bw"), hbm3=spec("h100.mem_bw"),
)  # fmt: skip
def factors_measured(fp4_gain, fp8_gain, domain, hbm3e, hbm3):
    return {"total": fp4_gain / fp8_gain * domain * hbm3e / hbm3}


@check("decomp-hw-sw-half-half", context={"needed": "x"}, **FACTORS)
def software_share(fp4, nvlink, dynamo, hbm):
    product = fp4 * nvlink * dynamo * hbm
    return {"software": log_share(dynamo, product), "needed": jnp.sqrt(product)}


@reading("decomp-hw-sw-half-half", "FP4 counted as software")
def software_share_with_fp4(fp4, nvlink, dynamo, hbm):
    return {"software": log_share(dynamo * fp4, fp4 * nvlink * dynamo * hbm)}


@reading("decomp-hw-sw-half-half", "half of the NVLink factor counted as wide expert parallelism, which is software")
def software_share_with_ep(fp4, nvlink, dynamo, hbm):
    return {"software": log_share(dynamo * jnp.sqrt(nvlink), fp4 * nvlink * dynamo * hbm)}


@reading("decomp-hw-sw-half-half", "both")
def software_share_with_both(fp4, nvlink, dynamo, hbm):
    return {"software": log_share(dynamo * fp4 * jnp.sqrt(nvlink), fp4 * nvlink * dynamo * hbm)}


@reading("decomp-hw-sw-half-half", "the whole NVLink factor and Dynamo, FP4 as hardware")
def software_share_with_nvlink(fp4, nvlink, dynamo, hbm):
    return {"software": log_share(dynamo * nvlink, fp4 * nvlink * dynamo * hbm)}


@reading("decomp-hw-sw-half-half", "Dynamo and HBM against FP4 and NVLink, the one pairing of the four that is even")
def software_share_with_hbm(fp4, nvlink, dynamo, hbm):
    return {"software": log_share(dynamo * hbm, fp4 * nvlink * dynamo * hbm)}
