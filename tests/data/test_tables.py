"""The tables of `data/` read, refuse what is malformed with a message that helps, and agree with themselves."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest import approx

from nvlinklab import units
from nvlinklab.errors import DataError
from nvlinklab.io.held_back import is_examination
from nvlinklab.io.measurements import index, measurements
from nvlinklab.io.paths import data_dir
from nvlinklab.io.provenance import all_sources
from nvlinklab.io.tables import COLUMNS, FOLDERS, Row, _corrected, all_rows, read_table, value_row

TABLES = sorted(p for folder in FOLDERS for p in (data_dir() / folder).glob("*.csv"))
GOOD = "gpu-a,mem_bw,8.0e12,,,B/s,peak;per=gpu,datasheet,stas,p. 3,"
EXACT = 1e-12  # the same numbers multiplied in another order
ROUNDED = 0.006  # derived rows are entered with three digits, slides with two or three
REPORTED = 0.05  # rack figures of a slide against packages x rate: 1.2 for 1.26 EFLOP/s


def one_of(name: str) -> float:
    return value_row(name).value


def reader(name: str) -> Callable[[str], float]:
    """The values of one id, by quantity."""
    return lambda quantity: one_of(f"{name}.{quantity}")


def write(tmp_path: Path, *lines: str, header: str = ",".join(COLUMNS)) -> Path:
    path = tmp_path / "gpus.csv"
    path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    return path


# every table reads


@pytest.mark.parametrize("path", TABLES, ids=lambda p: p.stem)
def test_table_reads(path):
    rows = read_table(path)
    assert rows
    for row in rows:
        assert row.id == row.id.lower() and row.quantity == row.quantity.lower(), row.where
        assert "." not in row.id and "." not in row.quantity, row.where
        assert not {"one-way", "both-ways"} <= row.reading, row.where


def test_paths_are_unique_over_all_tables():
    assert len(all_rows()) == sum(len(read_table(p)) for p in TABLES)


@pytest.mark.parametrize("name", sorted(index()))
def test_measurement_table_reads(name):
    frame = measurements(name)
    assert len(frame) and list(frame.columns) == list(index()[name]["columns"])
    assert (frame.select_dtypes("number").min() > 0).all()  # a count, a time or a bandwidth: never zero


def test_every_measurement_file_is_described():
    assert {p.stem for p in (data_dir() / "measurements").glob("*.csv")} == set(index())


def test_recalled_values_are_assumptions():
    for row in all_rows().values():
        if "recalled" in {all_sources()[s]["kind"] for s in row.source}:
            assert row.kind == "assumption", row.where


def test_units_survive_reading():
    assert one_of("h100.mem_bw") == approx(3.35e12, rel=EXACT)
    assert one_of("nvlink5.lane_rate") == approx(25e9, rel=EXACT)  # 200 Gb/s
    assert one_of("a100.l2_capacity") == 40 * 2**20


def test_one_way_halves_value_and_range():
    row = value_row("gb200-nvl72.nvlink_total_both").one_way
    assert (row.value, row.high) == (64.8e12, 65e12)
    assert "one-way" in row.reading and "both-ways" not in row.reading
    assert row.one_way is row


# malformed tables


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (GOOD.replace("B/s", "GBps"), "unit 'GBps' is not in the vocabulary"),
        (GOOD.replace("B/s", "TFLOPS"), "or 'TFLOP/s'?"),
        (GOOD.replace("stas", "no-such-source"), "source 'no-such-source' is not in data/sources.yml"),
        (GOOD.replace("stas", ""), "source is empty; expected a key of data/sources.yml"),
        (GOOD.replace("8.0e12", "fast"), "value 'fast' is not a number; write for example 8.0e12"),
        (GOOD.replace("8.0e12", ""), "value is empty; expected a number"),
        (GOOD.replace("8.0e12,,", "8.0e12,9.0e12,1.0e13"), "value 8e+12 is outside its range 9e+12 to 1e+13"),
        (GOOD.replace("8.0e12,,", "8.0e12,,lots"), "high 'lots' is not a number"),
        (GOOD.replace("peak;", "one way;"), "reading 'one way' is not known; did you mean 'one-way'"),
        (GOOD.replace("datasheet", "data-sheet"), "kind 'data-sheet' is not one of datasheet"),
        (GOOD.replace("p. 3", "p. 3, footnote"), "quote text that has a comma"),
        (GOOD.replace("gpu-a", ""), "id is empty; expected the name of the chip"),
    ],
)
def test_malformed_row(tmp_path, line, expected):
    with pytest.raises(DataError) as caught:
        read_table(write(tmp_path, GOOD.replace("gpu-a", "gpu-b"), line))
    message = str(caught.value)
    assert "gpus.csv:3: " in message and expected in message


def test_duplicate_row_names_both_lines(tmp_path):
    with pytest.raises(DataError, match=r"gpus\.csv:3: duplicate id 'gpu-a' with quantity 'mem_bw'; first given in .*gpus\.csv:2"):
        read_table(write(tmp_path, GOOD, GOOD.replace("8.0e12", "9.0e12")))


def test_wrong_header(tmp_path):
    with pytest.raises(DataError, match=r"gpus\.csv:1: the header is id,value; expected id,quantity,value"):
        read_table(write(tmp_path, header="id,value"))


def test_good_row_reads(tmp_path):
    (row,) = read_table(write(tmp_path, GOOD))
    assert (row.path, row.value, row.low, row.high) == ("gpu-a.mem_bw", 8e12, 8e12, 8e12)
    assert row.reading == {"peak", "per=gpu"} and row.source == ("stas",)


def test_unknown_path_suggests():
    with pytest.raises(DataError, match=r"no value 'h100\.mem_bandwith'; did you mean"):
        value_row("h100.mem_bandwith")


# corrections


def corrected(tmp_path: Path, text: str) -> dict[str, Row]:
    path = tmp_path / "corrections.yml"
    path.write_text(text, encoding="utf-8")
    (row,) = read_table(write(tmp_path, GOOD.replace("8.0e12,,,B/s", "8,7,9,TB/s")))
    return _corrected({row.path: row}, path)


ENTRY = "- {{path: {path}, expect: {expect}, set: 4, reason: the sheet adds both directions, date: '2026-11-21'}}\n"


def test_correction_applies_in_the_unit_of_the_row(tmp_path):
    row = corrected(tmp_path, ENTRY.format(path="gpu-a.mem_bw", expect=8))["gpu-a.mem_bw"]
    assert (row.low, row.value, row.high) == approx((3.5e12, 4e12, 4.5e12), rel=EXACT)
    assert row.correction == "the sheet adds both directions"


def test_correction_out_of_date(tmp_path):
    with pytest.raises(DataError, match=r"corrections\.yml:1: expects gpu-a\.mem_bw = 10 TB/s, found 8; the correction is out of date"):
        corrected(tmp_path, ENTRY.format(path="gpu-a.mem_bw", expect=10))


def test_correction_of_nothing(tmp_path):
    with pytest.raises(DataError, match=r"corrections\.yml:1: no value is called 'gpu-a\.mem_bv'; did you mean 'gpu-a\.mem_bw'"):
        corrected(tmp_path, ENTRY.format(path="gpu-a.mem_bv", expect=8))


def test_no_corrections(tmp_path):
    assert corrected(tmp_path, "[]\n")["gpu-a.mem_bw"].correction == ""


def test_shipped_correction_of_pcie4():
    row = value_row("pcie4-x16.bw_effective")
    assert row.correction
    for generation, bw in ((3, 15.75e9), (4, 31.5e9), (5, 63e9)):
        assert one_of(f"pcie{generation}-x16.bw_effective") == bw == approx(one_of(f"pcie{generation}-x16.bw") * 128 / 130, rel=5e-4)


# links and switches


@pytest.mark.parametrize("generation", range(1, 7))
def test_nvlink_is_links_times_lanes_times_rate(generation):
    get = reader(f"nvlink{generation}")
    assert get("link_bw") == approx(get("lanes") * get("lane_rate"), rel=EXACT)
    assert get("gpu_bw") == approx(get("links") * get("link_bw"), rel=EXACT)
    for name in ("link_bw", "gpu_bw"):
        assert get(f"{name}_both") == approx(2 * get(name), rel=EXACT)
        assert "one-way" in value_row(f"nvlink{generation}.{name}").reading


@pytest.mark.parametrize("generation", (4, 5))
def test_nvlink_encoding(generation):
    assert one_of(f"nvlink{generation}.encoding") == approx(
        one_of(f"nvlink{generation}.link_bw") / one_of(f"nvlink{generation}.link_bw_raw"), rel=1e-4
    )


@pytest.mark.parametrize("path", sorted(p for p in all_rows() if p.endswith("_both") and p.removesuffix("_both") in all_rows()))
def test_both_directions_are_twice_one(path):
    both, one = value_row(path), value_row(path.removesuffix("_both"))
    assert "both-ways" in both.reading and "one-way" in one.reading
    assert both.value == approx(2 * one.value, rel=EXACT)


@pytest.mark.parametrize("name", ["pcie3-x16", "pcie4-x16", "pcie5-x16", "pcie6-x16", "pcie7-x16", "cxl2-x16", "cxl3-x16", "cxl4-x16"])
def test_sixteen_lanes(name):
    assert one_of(f"{name}.bw") == approx(16 * one_of(f"{name}.lane_rate"), rel=EXACT)


@pytest.mark.parametrize("name", ["infiniband-hdr", "infiniband-ndr", "infiniband-xdr", "infiniband-gdr", "ualink-200g"])
def test_port_is_lanes_times_rate(name):
    assert one_of(f"{name}.port_bw") == approx(one_of(f"{name}.lanes") * one_of(f"{name}.lane_rate"), rel=EXACT)


@pytest.mark.parametrize(
    ("name", "total"), [("xgmi-mi300x", "gpu"), ("xgmi-mi325x", "gpu"), ("xgmi-mi355x", "gpu"), ("tpu-ici-v5p", "chip")]
)
def test_other_links_add_up(name, total):
    assert one_of(f"{name}.{total}_bw") == approx(one_of(f"{name}.links") * one_of(f"{name}.link_bw"), rel=EXACT)


@pytest.mark.parametrize(("switch", "link"), [("nvswitch1", 2), ("nvswitch2", 3), ("nvswitch3", 4), ("nvswitch4", 5)])
def test_switch_chip_is_ports_times_link(switch, link):
    assert one_of(f"{switch}.chip_bw_both") == approx(one_of(f"{switch}.ports") * one_of(f"nvlink{link}.link_bw_both"), rel=EXACT)


@pytest.mark.parametrize("switch", ["nvswitch4", "nvswitch5"])
def test_switch_tray(switch):
    assert one_of(f"{switch}.tray_bw_both") == approx(one_of(f"{switch}.chips_per_tray") * one_of(f"{switch}.chip_bw_both"), rel=EXACT)


# racks


RACKS = {  # rack: (accelerator, NVLink generation, switch)
    "dgx-h100": ("h100", 4, "nvswitch3"),
    "hgx-b200": ("b200", 5, None),
    "gb200-nvl36": ("gb200", 5, None),
    "gb200-nvl72": ("gb200", 5, "nvswitch4"),
    "gb300-nvl72": ("gb300", 5, "nvswitch4"),
    "vr-nvl72": ("rubin", 6, "nvswitch5"),
}


@pytest.mark.parametrize("rack", RACKS)
def test_rack_nvlink_total(rack):
    _, generation, switch = RACKS[rack]
    total = one_of(f"{rack}.nvlink_total")
    assert total == approx(one_of(f"{rack}.gpus") * one_of(f"nvlink{generation}.gpu_bw"), rel=EXACT)
    if switch and rack != "dgx-h100":  # DGX H100 leaves switch ports unused
        assert total == approx(one_of(f"{rack}.switch_chips") * one_of(f"{switch}.chip_bw"), rel=EXACT)
        assert one_of(f"{rack}.switch_chips") == one_of(f"{rack}.switch_trays") * one_of(f"{switch}.chips_per_tray")


@pytest.mark.parametrize("rack", RACKS)
def test_rack_totals_are_packages_times_package(rack):
    gpu = RACKS[rack][0]
    quantities = ("dies", "mem_capacity", "mem_bw", "flops_fp4", "flops_fp4_sparse", "flops_fp4_headline", "flops_fp8", "flops_bf16")
    for name in quantities:
        if f"{rack}.{name}" in all_rows():
            assert one_of(f"{rack}.{name}") == approx(one_of(f"{rack}.gpus") * one_of(f"{gpu}.{name}"), rel=REPORTED), name
    if f"{rack}.compute_trays" in all_rows():
        assert one_of(f"{rack}.gpus") == one_of(f"{rack}.compute_trays") * one_of(f"{rack}.gpus_per_tray")


def test_rubin_ultra_rack():
    get = reader("rubin-ultra-nvl576")
    assert get("dies") == get("gpus") * one_of("rubin-ultra.dies")
    for total, each in (
        ("nvlink_total_both", get("gpu_bw_both")),
        ("mem_bw", one_of("rubin-ultra.mem_bw")),
        ("flops_fp8", one_of("rubin-ultra.flops_fp8")),
    ):
        assert get(total) == approx(get("gpus") * each, rel=ROUNDED), total
    assert get("flops_fp4_headline") == approx(get("gpus") * one_of("rubin-ultra.flops_fp4_headline"), rel=REPORTED)
    assert get("nvlink_total_both") == approx(get("dies") * get("die_bw_both"), rel=ROUNDED)


def test_lpx_rack():
    get = reader("groq3-lpx")
    assert get("lpus") == get("trays") * get("lpus_per_tray")
    assert get("sram_capacity") == approx(get("lpus") * one_of("lpu-3.sram_capacity"), rel=EXACT)
    assert get("scale_up_bw_both") == approx(get("lpus") * one_of("lpu-3.chip_bw_both"), rel=EXACT)
    assert value_row("groq3-lpx.sram_bw").low == approx(get("lpus") * one_of("lpu-3.sram_bw"), rel=EXACT)
    assert get("flops_fp8") == approx(get("lpus") * one_of("lpu-3.flops_fp8"), rel=ROUNDED)


def test_nvl72_cables_power_and_cut():
    get = reader("gb200-nvl72")
    assert get("pairs") == get("gpus") * one_of("nvlink5.links") * one_of("nvlink5.lanes") * 2
    assert get("power_max") == get("power_liquid") + get("power_air")
    assert get("bisection") == approx(get("gpus") / 2 * one_of("nvlink5.gpu_bw"), rel=EXACT)
    assert get("domain_ratio") == approx(one_of("nvlink5.gpu_bw") / get("scale_out_bw"), rel=EXACT)
    assert get("optics_energy") == approx(get("optics_power_avoided") / value_row("gb200-nvl72.nvlink_total_both").high, rel=ROUNDED)
    assert one_of("gb300-nvl72.gpu_power_total") == approx(72 * one_of("gb300.power"), rel=EXACT)


def test_optics_energy_is_port_power_over_rate():
    slow, fast = units.to_si(800, "Gb/s"), units.to_si(1.6, "Tb/s")
    for name in ("pluggable-optics", "co-packaged-optics"):
        row = value_row(f"{name}.energy")
        power = one_of(f"{name}.port_power")
        assert (row.low, row.high) == approx((power / fast, power / slow), rel=EXACT)
    assert one_of("tomahawk6-davisson.energy") == approx(one_of("tomahawk6-davisson.port_power") / slow, rel=ROUNDED)


def test_sparse_rate_is_never_in_the_dense_row():
    for row in all_rows().values():
        if row.quantity.startswith("flops_") and row.quantity.endswith("_sparse"):
            dense = value_row(row.path.removesuffix("_sparse"))
            assert "sparse" in row.reading and "dense" in dense.reading and dense.value < row.value, row.where


@pytest.mark.parametrize("path", sorted(p for p in all_rows() if p.endswith("_achieved") and ".flops_" in p))
def test_achieved_rate_is_below_peak(path):
    peak = path.removesuffix("_achieved")
    if peak in all_rows():
        assert 0.5 < one_of(path) / one_of(peak) < 1


# models


def field(model: str, name: str) -> float:
    """A config field; one that a model does not have counts zero."""
    row = all_rows().get(f"{model}.{name}")
    return row.value if row else 0.0


def expert(model: str) -> float:
    """Gate, up and down matrix of one expert, with their biases where the model has them."""
    hidden, inner = field(model, "hidden"), field(model, "moe_intermediate")
    return 3 * hidden * inner + field(model, "expert_bias") * (2 * inner + hidden)


def attention(model: str) -> float:
    """Attention weights and norms of one layer: latent (MLA) where there is a latent rank, otherwise grouped queries."""
    h, heads = field(model, "hidden"), field(model, "heads")
    q_rank, kv_rank, rope = field(model, "q_lora_rank"), field(model, "kv_lora_rank"), field(model, "qk_rope_head_dim")
    if kv_rank:
        nope, v = field(model, "qk_nope_head_dim"), field(model, "v_head_dim")
        query = h * q_rank + q_rank * heads * (nope + rope)
        key_value = h * (kv_rank + rope) + kv_rank * heads * (nope + v)
        return query + key_value + heads * v * h + q_rank + kv_rank
    dim, kv = field(model, "head_dim"), field(model, "kv_heads")
    biases = field(model, "attention_bias") * (heads * dim + 2 * kv * dim + h) + field(model, "attention_sinks") * heads
    return 2 * h * dim * (heads + kv) + biases + field(model, "qk_norm") * 2 * dim


def parameters(model: str, experts_used: float) -> float:
    """Parameters with `experts_used` routed experts per layer, both embeddings included."""
    h, layers, dense = field(model, "hidden"), field(model, "layers"), field(model, "dense_layers")
    router = field(model, "routed_experts") * (h + field(model, "router_bias"))
    moe_layer = router + (experts_used + field(model, "shared_experts")) * expert(model)
    return (
        layers * (attention(model) + 2 * h)
        + dense * 3 * h * field(model, "dense_intermediate")
        + (layers - dense) * moe_layer
        + h
        + 2 * h * field(model, "vocab")
    )


COUNTED = sorted({r.id for r in all_rows().values() if r.quantity == "params_counted"} - {"gpt-moe-1-8t"})


@pytest.mark.parametrize("model", COUNTED)
def test_parameter_counts(model):
    assert parameters(model, field(model, "routed_experts")) == one_of(f"{model}.params_counted")
    assert one_of(f"{model}.params_counted") == approx(one_of(f"{model}.params_published"), rel=0.03)  # published totals are rounded
    if f"{model}.params_active_counted" in all_rows():
        active = parameters(model, field(model, "top_k"))
        assert active == one_of(f"{model}.params_active_counted")
        assert active - field(model, "hidden") * field(model, "vocab") == one_of(f"{model}.params_active_no_input_embedding")
        assert expert(model) == one_of(f"{model}.params_per_expert")


def test_parameter_count_of_the_marketing_model():
    """Two-matrix experts, full multi-head attention, no router and no embedding, as its row says."""
    get = reader("gpt-moe-1-8t")
    one = get("expert_matrices") * get("hidden") * get("moe_intermediate")
    assert one == get("params_per_expert")
    attn = 4 * get("hidden") ** 2
    assert get("layers") * (get("routed_experts") * one + attn) == get("params_counted")
    assert get("layers") * (get("top_k") * one + attn) == get("params_active_counted")


def test_prediction_block_of_deepseek():
    """One more MoE layer, a projection of two hidden states to one and three norms; without the router bias, as counted."""
    model, h = "deepseek-v3", one_of("deepseek-v3.hidden")
    experts = one_of(f"{model}.routed_experts")
    layer = attention(model) + 2 * h + experts * (h + 1) + (experts + 1) * expert(model)
    assert layer + 2 * h * h + 3 * h == approx(one_of(f"{model}.params_mtp_counted"), abs=experts)
    assert one_of(f"{model}.params_mtp_counted") == approx(one_of(f"{model}.params_mtp_published"), rel=0.02)  # published with three digits


@pytest.mark.parametrize("model", COUNTED)
def test_cache_bytes_per_token(model):
    if field(model, "kv_lora_rank"):
        elements = field(model, "kv_lora_rank") + field(model, "qk_rope_head_dim")
    else:
        elements = 2 * field(model, "kv_heads") * field(model, "head_dim")
    elements *= field(model, "layers")
    assert one_of(f"{model}.kv_bytes_per_token_bf16") == 2 * elements
    assert one_of(f"{model}.kv_bytes_per_token_fp8") == elements
    published = all_rows().get(f"{model}.kv_bytes_per_token_bf16_published")
    assert published is None or published.value == 2 * elements


# published measurements and closed forms


def test_deepseek_closed_forms_use_7000():
    get = reader("deepseek_isca")
    both_ways = 32 * 9 * get("hidden") * 3  # tokens x copies x hidden x (1 byte out + 2 bytes back)
    assert get("comm_ib") == approx(both_ways / 50e9, rel=EXACT)
    assert get("comm_nvl72") == approx(both_ways / 900e9, rel=EXACT)
    assert get("comm_ib_7168") == approx(get("comm_ib") * 7168 / 7000, rel=EXACT)
    assert get("layer_ib") == approx(2 * get("comm_ib"), rel=EXACT)
    assert get("tpot_ib") == approx(61 * get("layer_ib"), rel=1e-3)
    assert get("tpot_nvl72") == approx(61 * 2 * get("comm_nvl72"), rel=1e-3)


def test_ratios_follow_from_their_rates():
    get = reader("inferencex")
    assert get("gb200_b200_gain_125") == approx(get("gb200_rate_125") / get("b200_rate_125"), rel=2e-3)
    assert get("gb200_b200_gain_peak") == approx(get("gb200_rate_peak") / get("b200_rate_peak"), rel=2e-3)
    assert get("gb300_gb200_gain_v4") == approx(get("gb300_rate_v4") / get("gb200_rate_v4"), rel=3e-3)  # 2.824, published 2.83
    assert one_of("sglang_gb300_long.gain") == approx(
        one_of("sglang_gb300_long.gb300_rate") / one_of("sglang_gb300_long.gb200_rate"), rel=2e-3
    )


def test_deepseek_daily_cost():
    price = units.from_si(one_of("h800.rent"), "USD/h")
    cost = units.from_si(one_of("deepseek_online.cost"), "USD/d")
    assert cost == approx(one_of("deepseek_online.nodes") * 8 * 24 * price, rel=EXACT)


def test_busbw_of_nccl_follows_from_time():
    frame = measurements("aic_nccl")
    factor = frame["op"].map({"all_reduce": 2.0}).fillna(1.0) * (frame["gpus"] - 1) / frame["gpus"]
    assert (factor * 512 * 2**20 / frame["time_512MiB"]).to_numpy() == approx(frame["busbw_512MiB"].to_numpy(), rel=1e-3)


def test_mlperf_per_gpu():
    frame = measurements("mlperf_v51")
    assert (frame["rate"] / frame["gpus"]).to_numpy() == approx(frame["rate_per_gpu"].to_numpy(), rel=2e-3)  # printed with one decimal
    reported = measurements("mlperf_v60")
    assert (reported["v60_per_gpu"] / reported["v51_per_gpu"]).to_numpy() == approx(reported["ratio"].to_numpy(), rel=5e-3)


def test_in_switch_gain():
    frame = measurements("nvls_ramp")
    assert (frame["busbw"] / frame["busbw_nvls_off"]).to_numpy() == approx(frame["gain"].to_numpy(), abs=6e-3)


def test_measurement_shape_and_attributes():
    frame = measurements("coreweave_gb200")
    assert frame.shape == (9, 4)
    assert frame["busbw"].iloc[0] == approx(586.06e9) and frame.attrs["source"] == ["coreweave"]


def test_unknown_measurement_suggests():
    with pytest.raises(DataError, match="no table 'coreweave_gb20'; did you mean 'coreweave_gb200'"):
        measurements("coreweave_gb20")


def test_reading_does_not_depend_on_the_folder(tmp_path):
    """A table reads the same from any place, so messages and results do not hang on the checkout."""
    source = data_dir() / "networks" / "links.csv"
    copy = Path(shutil.copy(source, tmp_path / "links.csv"))
    assert [r._replace(where="") for r in read_table(copy)] == [r._replace(where="") for r in read_table(source)]


def test_published_excerpts_hold_no_row_that_is_kept_back():
    """The same curves lie in the wheel, where `nvlinklab.io.held_back` keeps them from every fit."""
    nccl = measurements("aic_nccl").rename(columns={"op": "op_name", "gpus": "num_gpus"})
    assert not is_examination("nccl", nccl).any()
    exchange = measurements("aic_gb200_alltoall")
    assert "ep32" not in exchange
    assert exchange.loc[exchange["dtype"] == "nvfp4", "ep64"].isna().all()
