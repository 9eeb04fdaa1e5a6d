"""Chapter 6: the bytes of a KV cache, the memory of a CPU, and how long a transfer takes."""

from nvlinklab.claims.registry import assume, check, given, reading, spec, stated
from nvlinklab.network.bandwidth import aggregate, both_ways
from nvlinklab.serving import kv_transfer, memory, request
from nvlinklab.workload.architecture import Architecture, kv_elements_per_token

LAYERS, LATENT, ROPE = spec("deepseek-v3.layers"), spec("deepseek-v3.kv_lora_rank"), spec("deepseek-v3.qk_rope_head_dim")
HEADS, HEAD_DIM = spec("deepseek-v3.heads"), spec("deepseek-v3.v_head_dim")
SHAPE = {"layers": LAYERS, "latent": LATENT, "rope": ROPE}
FP8, BF16 = given(1, "B", "bytes of an FP8 element"), given(2, "B", "bytes of a BF16 element")
CONTEXT = given(131072, "token", "128 x 1024 tokens, as long-context tests count")
CPUS, GPUS = spec("gb200-nvl72.cpus"), spec("gb200-nvl72.gpus")
OWN_CONTEXT = stated("context", "kv-288gb-128k-not-a-bottleneck")
OWN_KV = stated("kv", "kv-2mb-per-token")


def latent_cache(layers, latent, rope, element, tokens=1.0):
    """Cache of DeepSeek's latent attention [B]."""
    shape = Architecture(attention="mla", layers=layers, hidden=0.0, vocab=0.0, heads=0.0, kv_lora_rank=latent, qk_rope_head_dim=rope)
    return kv_transfer.kv_bytes(shape, tokens, element)


def full_cache(layers, heads, head_dim, element, tokens=1.0):
    """Cache of the same model if every head kept its own keys and values [B]."""
    shape = Architecture(attention="gqa", layers=layers, hidden=0.0, vocab=0.0, heads=heads, kv_heads=heads, head_dim=head_dim)
    return kv_elements_per_token(shape) * tokens * element


def carry(nbytes, *rates):
    """Time to stream bytes over stages that take no time when empty [s]: the narrowest one sets the pace."""
    path = tuple(kv_transfer.Stage(alpha=0.0, fetch_bw=rate, store_bw=rate) for rate in rates)
    return kv_transfer.move_time(path, nbytes).transfer


# The CPU


@check("cpu-core-row", context={"rack_grace": "core", "rack_vera": "core"}, grace=spec("grace.cores"), vera=spec("vera.cores"), cpus=CPUS)
def cores(grace, vera, cpus):
    return {"grace": grace, "vera": vera, "rack_grace": aggregate(cpus, grace), "rack_vera": aggregate(cpus, vera)}


@check("cpu-cores-72-to-88", grace=spec("grace.cores"), vera=spec("vera.cores"))
def core_growth(grace, vera):
    return {"grace": grace, "vera": vera, "gain": vera / grace - 1.0}


@check("cpu-threads-144-176", context={"growth": "x"}, grace=spec("grace.threads"), vera=spec("vera.threads"))
def threads(grace, vera):
    return {"grace": grace, "vera": vera, "growth": vera / grace}


@reading("cpu-threads-144-176", "the cores of the module of two Grace CPUs", superchip=spec("grace.superchip_cores"))
def threads_superchip(superchip):
    return {"grace": superchip}


@check("cpu-process-5nm-3nm", grace=spec("grace.process"), vera=spec("vera.process"))
def process(grace, vera):
    return {"grace": grace, "vera": vera}


@check(
    "cpu-memory-1tb-to-1p5tb",
    context={"rack_vera": "TB"},
    grace=spec("grace.mem_capacity_module"),
    vera=spec("vera.mem_capacity"),
    cpus=CPUS,
)
def cpu_memory(grace, vera, cpus):
    return {"grace": grace, "vera": vera, "rack_vera": aggregate(cpus, vera)}


@reading("cpu-memory-1tb-to-1p5tb", "the module of two Grace CPUs", cpus_of_module=given(2, "CPU", "two CPUs in a Grace superchip"))
def cpu_memory_module(grace, cpus_of_module):
    return {"grace": aggregate(cpus_of_module, grace)}


@reading(
    "cpu-memory-1tb-to-1p5tb", "what the article's own 30 TB of a rack leave for a CPU",
    shared=stated("gb200", "kv-30tb-40tb-shared-memory"), hbm=stated("gb200", "hbm-capacity-row"), gpus=GPUS,
)  # fmt: skip
def cpu_memory_left(shared, hbm, gpus, cpus):
    return {"grace": (shared - aggregate(gpus, hbm)) / cpus}


@check(
    "cpu-memory-bandwidth-500-to-1200",
    context={"growth": "x", "grace_core": "GB/s", "vera_core": "GB/s", "grace_gb300": "GB/s"},
    grace=spec("grace.mem_bw_gb200"), vera=spec("vera.mem_bw"), grace_cores=spec("grace.cores"), vera_cores=spec("vera.cores"),
    in_gb300=spec("grace.mem_bw"),
)  # fmt: skip
def cpu_memory_bandwidth(grace, vera, grace_cores, vera_cores, in_gb300):
    return {
        "grace": grace, "vera": vera, "growth": vera / grace, "grace_core": grace / grace_cores, "vera_core": vera / vera_cores,
        "grace_gb300": in_gb300,
    }  # fmt: skip


C2C = {"grace_c2c": spec("nvlink-c2c-grace.bw"), "vera_c2c": spec("nvlink-c2c-vera.bw")}


@check("cpu-c2c-900-to-1800", context={"grace_per_gpu": "GB/s"}, **C2C, gpus_per_cpu=given(2, "GPU", "a superchip has two GPUs"))
def c2c(grace_c2c, vera_c2c, gpus_per_cpu):
    return {"grace": both_ways(grace_c2c), "vera": both_ways(vera_c2c), "grace_per_gpu": grace_c2c / gpus_per_cpu}


@reading("cpu-c2c-900-to-1800", "one direction, which a transfer gets")
def c2c_one_way(grace_c2c, vera_c2c):
    return {"grace": grace_c2c, "vera": vera_c2c}


@check("cpu-vera-227b-transistors", context={"over_rubin": "x"}, vera=spec("vera.transistors"), rubin=spec("rubin.transistors"))
def transistors(vera, rubin):
    return {"transistors": vera, "over_rubin": vera / rubin}


@check(
    "cpu-40-90pct-of-agent-latency",
    context={"answer": "s", "gpu_speedup_limit": "x", "tools_40": "s", "tools_90": "s"},
    holds_if=("tool_time", "the CPU time of an agent's tools per turn"),
    tool_time=assume(30, "s", "nobody publishes it per turn: a cached look-up to a test suite", 0.1, 600),
    osl=stated("osl", "token-scenario-r1-128k"), per_user=spec("sglang_gb300_long.gb300_interactivity"),
    low=given(0.4, "1", "lower end of the stated share"), high=given(0.9, "1", "upper end of the stated share"),
)  # fmt: skip
def cpu_share(tool_time, osl, per_user, low, high):
    answer = request.answer_time(1.0 / per_user, osl)
    share = request.tool_share(tool_time, answer)
    return {
        "share": share, "answer": answer, "gpu_speedup_limit": 1.0 / share,
        "tools_40": answer * low / (1.0 - low), "tools_90": answer * high / (1.0 - high),
    }  # fmt: skip


@reading("cpu-40-90pct-of-agent-latency", "the largest share in the study it cites", measured=spec("agentic-cpu.share_max"))
def cpu_share_measured(measured):
    return {"share": measured}


@reading("cpu-40-90pct-of-agent-latency", "the same tools at 200 tokens per second and user", fast=given(200, "tok/s", "a fast deployment"))
def cpu_share_fast(tool_time, osl, fast):
    return {"share": request.tool_share(tool_time, request.answer_time(1.0 / fast, osl))}


@check(
    "cpu-gpu-ratio-trend",
    gpus_per_cpu=spec("head-node.gpus_per_cpu"), cpus=CPUS, gpus=GPUS,
)  # fmt: skip
def cpus_per_gpu(gpus_per_cpu, cpus, gpus):
    return {"hgx": 1.0 / gpus_per_cpu, "new": cpus / gpus}


@check(
    "cpu-vera-doubled-cores", context={"threads": "x"},
    grace=stated("grace", "cpu-cores-72-to-88"), vera=stated("vera", "cpu-cores-72-to-88"),
    grace_c2c=stated("grace", "cpu-c2c-900-to-1800"), vera_c2c=stated("vera", "cpu-c2c-900-to-1800"),
    grace_threads=stated("grace", "cpu-threads-144-176"), vera_threads=stated("vera", "cpu-threads-144-176"),
)  # fmt: skip
def doubled(grace, vera, grace_c2c, vera_c2c, grace_threads, vera_threads):
    return {"core_growth": vera / grace, "c2c_growth": vera_c2c / grace_c2c, "threads": vera_threads / grace_threads}


@reading(
    "cpu-vera-doubled-cores",
    "threads instead of cores, counted as they are",
    true_grace=spec("grace.threads"),
    true_vera=spec("vera.threads"),
)
def doubled_threads(true_grace, true_vera):
    return {"core_growth": true_vera / true_grace}


# How large a cache is


@check("kv-2mb-per-token", context={"overstated": "x"}, **SHAPE, element=FP8, own=stated("kv"))
def cache_of_a_token(layers, latent, rope, element, own):
    kv = latent_cache(layers, latent, rope, element)
    return {"kv": kv, "overstated": own / kv}


@reading("kv-2mb-per-token", "every one of 128 heads keeps its keys and values in FP8, no latent", heads=HEADS, head_dim=HEAD_DIM)
def cache_without_latent(layers, heads, head_dim, element):
    return {"kv": full_cache(layers, heads, head_dim, element)}


@reading("kv-2mb-per-token", "the latent in BF16", wide=BF16)
def cache_bf16(layers, latent, rope, wide):
    return {"kv": latent_cache(layers, latent, rope, wide)}


@check(
    "kv-100-requests-200gb", context={"per_token": "kB/token"}, requests=stated("requests"), context_tokens=OWN_CONTEXT, kv=OWN_KV,
    own=stated("total"),
)  # fmt: skip
def hundred_requests(requests, context_tokens, kv, own):
    return {"total": requests * context_tokens * kv, "per_token": own / (requests * context_tokens)}


@reading("kv-100-requests-200gb", "a context of a thousand tokens: the 128 was lost", short=given(1000, "token", "a thousand tokens"))
def hundred_short_requests(requests, short, kv):
    return {"total": requests * short * kv}


@reading("kv-100-requests-200gb", "what DeepSeek stores in FP8", **SHAPE, element=FP8, tokens=CONTEXT)
def hundred_requests_latent(requests, layers, latent, rope, element, tokens):
    return {"total": requests * latent_cache(layers, latent, rope, element, tokens)}


@check(
    "kv-288gb-128k-not-a-bottleneck",
    context={"requests_fit": "1", "read_time": "ms"},
    holds_if=("requests", "the number of such requests in flight per GPU"),
    requests=assume(40, "1", "the cap of the published test; an operator chooses it", 1, 200),
    capacity=spec("gb300.mem_capacity"), usable=assume(0.91, "1", "share of memory for weights and cache", 0.75, 0.95),
    held=spec("sglang_gb300_long.weights"), own=stated("context"), mem_bw=spec("gb300.mem_bw"), **SHAPE, element=FP8,
)  # fmt: skip
def longest_context(requests, capacity, usable, held, own, mem_bw, layers, latent, rope, element):
    token = latent_cache(layers, latent, rope, element)
    free = capacity * usable
    fit = memory.requests_that_fit(free, held, own, token)
    return {
        "hbm": capacity,
        "context": memory.context_that_fits(free, held, requests, token),
        "requests_fit": fit,
        "read_time": fit * own * token / mem_bw,
    }


@reading("kv-288gb-128k-not-a-bottleneck", "with the 2 MB per token stated elsewhere in the article", own_kv=OWN_KV)
def longest_context_2mb(requests, capacity, usable, held, own_kv):
    return {"context": memory.context_that_fits(capacity * usable, held, requests, own_kv)}


@reading("kv-288gb-128k-not-a-bottleneck", "GB200 with the same requests", smaller=spec("gb200.mem_capacity"))
def longest_context_gb200(requests, smaller, usable, held, layers, latent, rope, element):
    return {"context": memory.context_that_fits(smaller * usable, held, requests, latent_cache(layers, latent, rope, element))}


@check(
    "kv-30tb-40tb-shared-memory", context={"vera_rubin": "TB"},
    cpu=spec("grace.mem_capacity_module"), cpus=CPUS, gpus=GPUS, gb200_hbm=spec("gb200.mem_capacity"), gb300_hbm=spec("gb300.mem_capacity"),
    rubin_hbm=spec("rubin.mem_capacity"), vera=spec("vera.mem_capacity"),
)  # fmt: skip
def shared_memory(cpu, cpus, gpus, gb200_hbm, gb300_hbm, rubin_hbm, vera):
    lpddr = aggregate(cpus, cpu)
    return {
        "gb200": aggregate(gpus, gb200_hbm) + lpddr,
        "gb300": aggregate(gpus, gb300_hbm) + lpddr,
        "vera_rubin": aggregate(gpus, rubin_hbm) + aggregate(cpus, vera),
    }


@reading(
    "kv-30tb-40tb-shared-memory",
    "the totals the vendor prints",
    small=spec("gb200-nvl72.fast_memory"),
    large=spec("gb300-nvl72.fast_memory"),
)
def shared_memory_printed(small, large):
    return {"gb200": small, "gb300": large}


@check("kv-hundreds-mb-to-several-gb", **SHAPE, element=FP8, tokens=CONTEXT)
def one_request(layers, latent, rope, element, tokens):
    return {"kv": latent_cache(layers, latent, rope, element, tokens)}


@reading("kv-hundreds-mb-to-several-gb", "as SGLang states it, for 136K tokens", measured=spec("sglang_gb300_long.kv_request"))
def one_request_stated(measured):
    return {"kv": measured}


@reading("kv-hundreds-mb-to-several-gb", "2 MB per token", own_kv=OWN_KV)
def one_request_2mb(own_kv, tokens):
    return {"kv": own_kv * tokens}


@check(
    "kv-rack-tens-to-hundreds-gb",
    context={"requests_fit": "1"},
    holds_if=("requests", "the number of concurrent 128K requests in the rack"),
    requests=assume(300, "1", "'hundreds', as the article says", 100, 900), **SHAPE, element=FP8, tokens=CONTEXT,
    rack_hbm=spec("gb300-nvl72.mem_capacity"), held=spec("deepseek-v3.params_counted"),
    weight=given(0.5625, "B", "an NVFP4 weight and its scale"),
)  # fmt: skip
def rack_cache(requests, layers, latent, rope, element, tokens, rack_hbm, held, weight):
    token = latent_cache(layers, latent, rope, element)
    return {"total": requests * tokens * token, "requests_fit": memory.requests_that_fit(rack_hbm, held * weight, tokens, token)}


@check("kv-128k-is-256gb", **SHAPE, element=FP8, tokens=CONTEXT)
def cache_of_128k(layers, latent, rope, element, tokens):
    return {"kv": latent_cache(layers, latent, rope, element, tokens)}


@reading("kv-128k-is-256gb", "the article's 2 MB for each of 128,000 tokens", own_kv=OWN_KV, own_context=OWN_CONTEXT)
def cache_of_128k_own(own_kv, own_context):
    return {"kv": own_kv * own_context}


@check(
    "kv-only-hbm-288gb-fits",
    context={"requests": "1", "requests_latent": "1", "requests_lpx": "1", "requests_cpu": "1"},
    capacity=spec("rubin.mem_capacity"), own=stated("kv", "kv-128k-is-256gb"), **SHAPE, element=FP8, tokens=CONTEXT,
    lpx=spec("groq3-lpx.sram_capacity"), cpu=spec("vera.mem_capacity"),
)  # fmt: skip
def only_hbm(capacity, own, layers, latent, rope, element, tokens, lpx, cpu):
    true = latent_cache(layers, latent, rope, element, tokens)
    return {
        "hbm": capacity, "requests": capacity / own, "requests_latent": capacity / true, "requests_lpx": lpx / true,
        "requests_cpu": cpu / own,
    }  # fmt: skip


# How long it takes to move


@check(
    "kv-move-0p4s-grace-0p17s-vera",
    nbytes=stated("total", "kv-100-requests-200gb"),
    grace_bw=stated("grace", "cpu-memory-bandwidth-500-to-1200"), vera_bw=stated("vera", "cpu-memory-bandwidth-500-to-1200"),
)  # fmt: skip
def move_200gb(nbytes, grace_bw, vera_bw):
    return {"grace": nbytes / grace_bw, "vera": nbytes / vera_bw}


@reading("kv-move-0p4s-grace-0p17s-vera", "through C2C as well, one direction", **C2C)
def move_200gb_c2c(nbytes, grace_bw, vera_bw, grace_c2c, vera_c2c):
    return {"grace": carry(nbytes, grace_bw, grace_c2c), "vera": carry(nbytes, vera_bw, vera_c2c)}


@reading(
    "kv-move-0p4s-grace-0p17s-vera", "the true cache of 100 requests, over all CPUs of the rack",
    requests=stated("requests", "kv-100-requests-200gb"), cpus=CPUS, **SHAPE, element=FP8, tokens=CONTEXT, **C2C,
)  # fmt: skip
def move_true_cache(requests, cpus, layers, latent, rope, element, tokens, grace_bw, vera_bw, grace_c2c, vera_c2c):
    share = requests * latent_cache(layers, latent, rope, element, tokens) / cpus
    return {"grace": carry(share, grace_bw, grace_c2c), "vera": carry(share, vera_bw, vera_c2c)}


@check(
    "kv-c2c-1gb-in-1ms",
    context={"grace_measured": "ms"},
    nbytes=given(1, "GB", "the stated gigabyte"), **C2C, grace_lpddr=spec("grace.mem_bw_gb200"), vera_lpddr=spec("vera.mem_bw"),
    measured=spec("nvlink-c2c-grace.bw_h2d_achieved"),
)  # fmt: skip
def one_gigabyte(nbytes, grace_c2c, vera_c2c, grace_lpddr, vera_lpddr, measured):
    return {
        "grace": carry(nbytes, grace_lpddr, grace_c2c),
        "vera": carry(nbytes, vera_lpddr, vera_c2c),
        "grace_measured": nbytes / measured,
    }


@reading("kv-c2c-1gb-in-1ms", "both directions added, as the rate is printed")
def one_gigabyte_both(nbytes, grace_c2c, vera_c2c):
    return {"grace": nbytes / both_ways(grace_c2c), "vera": nbytes / both_ways(vera_c2c)}


@reading("kv-c2c-1gb-in-1ms", "the rate of the LPDDR, as in the article's other passage")
def one_gigabyte_lpddr(nbytes, grace_lpddr, vera_lpddr):
    return {"grace": nbytes / grace_lpddr, "vera": nbytes / vera_lpddr}


@check(
    "kv-nvlink-transfer-at-130tbs",
    context={"time": "ms", "time_at_130": "us"},
    gpu_bw=spec("nvlink5.gpu_bw"), own=stated("bandwidth"), **SHAPE, element=FP8, tokens=CONTEXT,
)  # fmt: skip
def one_transfer(gpu_bw, own, layers, latent, rope, element, tokens):
    cache = latent_cache(layers, latent, rope, element, tokens)
    return {"bandwidth": gpu_bw, "time": cache / gpu_bw, "time_at_130": cache / own}


@reading("kv-nvlink-transfer-at-130tbs", "all GPUs of the rack at once, both directions added", gpus=GPUS)
def all_transfers(gpu_bw, gpus):
    return {"bandwidth": both_ways(aggregate(gpus, gpu_bw))}


@check(
    "kv-nixl-ms-to-100us",
    context={"bytes_in_900us": "MB"},
    cache=stated("kv", "kv-hundreds-mb-to-several-gb"), nic=stated("nic"), cpu_link=stated("grace", "cpu-memory-bandwidth-500-to-1200"),
    limit=given(900, "us", "the upper end of hundreds of microseconds"),
)  # fmt: skip
def across_racks(cache, nic, cpu_link, limit):
    # without direct access the cache lands in the memory of both CPUs, each copy after the other
    return {"before": cache / cpu_link + cache / nic + cache / cpu_link, "after": cache / nic, "bytes_in_900us": nic * limit}


@reading("kv-nixl-ms-to-100us", "a prompt of a thousand tokens", **SHAPE, element=FP8, short=given(1000, "token", "a thousand tokens"))
def across_racks_short(layers, latent, rope, element, short, nic):
    return {"after": latent_cache(layers, latent, rope, element, short) / nic}


@reading(
    "kv-nixl-ms-to-100us", "what is left when layers leave as they are done: the last one of 128K", **SHAPE, element=FP8, tokens=CONTEXT
)
def across_racks_layerwise(layers, latent, rope, element, tokens, nic):
    return {"after": latent_cache(layers, latent, rope, element, tokens) / layers / nic}


@reading("kv-nixl-ms-to-100us", "128K whole, as DeepSeek stores it", **SHAPE, element=FP8, tokens=CONTEXT)
def across_racks_whole(layers, latent, rope, element, tokens, nic):
    return {"after": latent_cache(layers, latent, rope, element, tokens) / nic}
