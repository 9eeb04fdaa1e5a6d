"""The calculator page against the commands it shows: same numbers, same refusals, and a link that brings it all back."""

import json
import math
import random
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from click.testing import CliRunner

from nvlinklab.bookext import catalogue
from nvlinklab.cli import main
from tests.book.conftest import Site
from tests.book.opened import opened

FEASIBLE, INFEASIBLE = 20, 5
"""How many random configurations of each kind are compared at least."""
READ = """
side => {
  const section = document.querySelector(`.nvl-calc [data-results="${side}"]`);
  const data = [...section.querySelectorAll("data")];
  return {
    says: section.querySelector("[data-says]").textContent,
    values: Object.fromEntries(data.map((d) => [d.dataset.key, Number(d.value)])),
    texts: data.map((d) => [d.dataset.key, Number(d.value), d.textContent]),
    command: section.querySelector("[data-command] code").textContent,
  };
}
"""
SET = """
query => {
  history.replaceState(null, "", `?${query}`);
  dispatchEvent(new PopStateEvent("popstate"));
}
"""
SCALES = {"TB": 1e12, "GB": 1e9, "MB": 1e6, "kB": 1e3, "MW": 1e6, "kW": 1e3, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9, "mJ": 1e-3}
LAYOUTS = (
    *({},) * 6, {"ep": 8}, {"ep": 64}, {"tp": 8}, {"tp": 4, "ep": 16}, {"tp": 2, "pp": 2}, {"tp": 3}, {"ep": 3}, {"ep": 72},
    {"ep": 12, "tp": 8}, {"cp": 2, "tp": 4}, {"dp": 4, "ep": 2}, {"pp": 200}, {"pp": 4, "ep": 8}, {"ep": 2.5}, {"tp": 16, "ep": 512},
    {"ep": 6, "tp": 4},
)  # fmt: skip


@contextmanager
def calculator(browser: Any, site: str, query: str = "", **options: Any) -> Iterator[Any]:
    """The calculator at an address; it complains of nothing."""
    with opened(browser, f"{site}book/calculator.html{query}", **options) as (page, trouble):
        page.wait_for_selector(".nvl-calc[data-shown]")
        yield page
        assert trouble == []


def command(line: str) -> tuple[dict[str, Any], str]:
    """Run a command that the page shows, in this process; return its JSON or why it refuses."""
    ran = CliRunner().invoke(main, [*shlex.split(line)[1:], "--json"])
    if ran.exit_code == 0:
        return json.loads(ran.stdout), ""
    assert ran.exception is not None
    return {}, ran.stderr if isinstance(ran.exception, SystemExit) else str(ran.exception)


def flat(report: dict[str, Any], prefix: str = "") -> dict[str, float]:
    """Return the numbers of a report by dotted name."""
    found: dict[str, float] = {}
    for key, value in report.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{key}.")
        elif value is None or isinstance(value, int | float):
            found[f"{prefix}{key}"] = math.nan if value is None else float(value)
    return found


def drawn(rng: random.Random) -> dict[str, Any]:
    """A random configuration as the address says it, possible or not."""
    models, systems = catalogue.names()
    chosen: dict[str, Any] = {
        "system": rng.choice(systems), "model": rng.choice(models), "weights": rng.choice(catalogue.FORMATS),
        "kv": rng.choice(catalogue.FORMATS), "isl": rng.choice((128, 1024, 8192, 32768, 131072)), "osl": rng.choice((1, 128, 1024, 4096)),
    }  # fmt: skip
    if rng.random() < 0.5:
        chosen["batch"] = rng.choice((0.5, 1, 8, 64, 256, 3000))
    if rng.random() < 0.3:
        chosen |= {"price": rng.choice((2, 3.5)), "pue": 1.1, "hit_rate": rng.choice((0, 0.4))}
    return chosen | rng.choice(LAYOUTS)


def test_answers_are_those_of_the_command_for_random_configurations(browser: Any, site: str) -> None:
    rng, possible, refused = random.Random(7), 0, set()
    with calculator(browser, site) as page:
        while possible < FEASIBLE or len(refused) < INFEASIBLE:
            page.evaluate(SET, urlencode(drawn(rng)))
            shown = page.evaluate(READ, "a")
            report, why = command(shown["command"])
            if not report or report["tpot_s"] is None:
                assert shown["says"].startswith("Infeasible: "), shown["command"]
                words = re.sub(r"\s+", " ", why).strip().removeprefix("nvlinklab: ").rstrip(".")
                assert not words or words in shown["says"], shown["command"]
                refused.add(re.sub(r"[\d.,]+", "", words)[:40])
                continue
            assert shown["says"].startswith("Feasible: "), shown["command"]
            possible += 1
            wanted = flat({k: v for k, v in report.items() if k != "scenario"})
            for key, value in shown["values"].items():
                assert value == pytest.approx(wanted[key], rel=1e-9, nan_ok=True), (shown["command"], key)
            names = [key for key in shown["values"] if key.startswith("elasticities.")]
            assert [name.removeprefix("elasticities.") for name in names] == list(report["elasticities"])
            left = {k for k, v in wanted.items() if v != 0.0 and k.split(".")[0] in ("breakdown", "prefill", "memory")} - {*shown["values"]}
            assert left == set(), shown["command"]


def test_what_is_read_is_the_value(browser: Any, site: str) -> None:
    with calculator(browser, site, "?system=dgx-h200&batch=7") as page:
        texts = page.evaluate(READ, "a")["texts"]
        assert len(texts) > 40
        for key, value, text in texts:
            number, _, unit = text.replace(",", "").replace("−", "-").partition(" ")
            assert float(number) * SCALES.get(unit, 1.0) == pytest.approx(value, rel=6e-3), key


def test_defaults_are_there_before_any_input(browser: Any, site: str) -> None:
    with calculator(browser, site) as page:
        assert "?" not in page.url
        report, _ = command("nvlinklab estimate")
        shown = page.evaluate(READ, "a")["values"]
        assert shown["tpot_s"] == pytest.approx(report["tpot_s"], rel=1e-9)
        assert page.get_by_label("Requests per GPU").first.get_attribute("placeholder") == f"{report['scenario']['batch']:g}"
        assert page.get_by_label("Expert parallel, EP").first.get_attribute("placeholder") == f"{report['scenario']['ep']:g}"
        assert page.locator('[data-results="b"]').is_hidden()


def test_the_catalogue_puts_every_scenario_together_as_the_package_builds_it() -> None:
    from nvlinklab import scenario as sc
    from nvlinklab._struct import leaves

    listed, rng = catalogue.catalogue(), random.Random(3)
    for _ in range(12):
        model, system = rng.choice(list(listed["models"])), rng.choice(list(listed["systems"]))
        weights, kv = rng.choice(catalogue.FORMATS), rng.choice(catalogue.FORMATS)
        cut = listed["layouts"][model][system][weights]
        if isinstance(cut, str):
            with pytest.raises(sc.InfeasibleError, match=re.escape(cut)):
                sc.build(model, system, weights=weights, kv=kv)
            continue
        named = sc.build(model, system, weights=weights, kv=kv, batch=1.0)
        made = listed["models"][model]["x"] | listed["systems"][system][weights]["x"] | {"deployment.kv_bytes": listed["kv"][kv]}
        made |= {f"deployment.{degree}": cut.get(degree, 1.0) for degree in listed["degrees"]}
        assert {k: made[k] for k in leaves(named.scenario)} == pytest.approx(leaves(named.scenario), rel=0.0, abs=0.0, nan_ok=True)
        assert listed["systems"][system][weights]["notes"] == list(named.notes)


def test_the_address_restores_everything(browser: Any, site: str) -> None:
    with calculator(browser, site) as page:
        first = page.locator('[data-side="a"]')
        first.get_by_label("System", exact=True).select_option("dgx-h200")
        first.get_by_label("KV cache").select_option("bf16")
        first.get_by_label("Input tokens, ISL").fill("4000")
        first.get_by_label("Expert parallel, EP").fill("16")
        first.get_by_label("USD per GPU hour").fill("2.5")
        page.get_by_label("Compare with a second configuration").check()
        second = page.locator('[data-side="b"]')
        assert second.get_by_label("Input tokens, ISL").input_value() == "4000"
        second.get_by_label("System", exact=True).select_option("gb200-nvl72")
        second.get_by_label("Requests per GPU").fill("64")
        page.get_by_label("Compare by").select_option("tpot")
        address, state = page.url, page.locator(".nvl-calc").inner_text()
        assert parse_qs(urlsplit(address).query)["b.batch"] == ["64"]
    with calculator(browser, site, f"?{urlsplit(address).query}") as page:
        assert page.locator(".nvl-calc").inner_text() == state
        assert page.locator('[data-side="a"]').get_by_label("KV cache").input_value() == "bf16"
        assert page.locator('[data-side="b"]').get_by_label("Requests per GPU").input_value() == "64"
        page.get_by_role("button", name="Reset").click()
        assert "?" not in page.url
        assert page.locator('[data-side="a"]').get_by_label("KV cache").input_value() == "fp8"
    with calculator(browser, site, "?system=nonsense&isl=x&compare=1") as page:
        assert page.locator('[data-side="a"]').get_by_label("System", exact=True).input_value() == "gb200-nvl72"


COMPARISONS = (
    ("throughput", {"system": "dgx-h200"}, {"system": "gb200-nvl72"}),
    ("usd_per_token", {"system": "hgx-b200", "batch": 8, "ep": 32}, {"system": "gb200-nvl72", "batch": 128, "ep": 32}),
)


def test_a_comparison_is_that_of_the_command_and_adds_up(browser: Any, site: str) -> None:
    with calculator(browser, site) as page:
        for metric, one, two in COMPARISONS:
            base = {"model": "deepseek-r1", "weights": "fp8", "kv": "fp8"}
            query = {**base, **one, **{f"b.{k}": v for k, v in {**base, **two}.items()}, "metric": metric}
            page.evaluate(SET, urlencode(query))
            both = page.locator("[data-compare]")
            values = both.locator("data").evaluate_all("all => all.map(d => [d.dataset.key, Number(d.value)])")
            shares = {key.removeprefix("log_shares."): value for key, value in values if key.startswith("log_shares.")}
            whole = dict(values)["log_ratio"]
            assert len(shares) > 2, metric
            assert math.fsum(shares.values()) == pytest.approx(whole, abs=1e-9)
            report, why = command(both.locator("[data-command] code").inner_text())
            assert why == ""
            assert whole == pytest.approx(report["log_ratio"], rel=1e-9)
            told = {name: share for name, share in report["log_shares"].items() if abs(share) >= 1e-9}
            assert shares == pytest.approx(told, rel=1e-6, abs=1e-9)


def test_what_cannot_be_compared_says_why(browser: Any, site: str) -> None:
    def says(**query: Any) -> str:
        page.evaluate(SET, urlencode({k.replace("b_", "b."): v for k, v in query.items()}))
        return page.locator("[data-compare] [data-says]").inner_text()

    with calculator(browser, site) as page:
        assert "mla and gqa attention cannot be compared" in says(model="deepseek-r1", b_model="llama-3-1-70b").lower()
        assert "first configuration is infeasible" in says(tp=3, b_model="deepseek-r1")
        assert "price is not" in says(system="vr-nvl72", b_system="vr-nvl72", metric="usd_per_token")
        assert "the two are the same" in says(system="dgx-h200", b_system="dgx-h200").lower()


def test_everything_is_done_by_keyboard(browser: Any, site: str) -> None:
    with calculator(browser, site, viewport={"width": 1280, "height": 900}) as page:
        page.get_by_label("System", exact=True).first.focus()
        page.keyboard.type("dgx-h2")
        names = []
        for _ in range(15):
            names.append(page.evaluate("document.activeElement.name"))
            page.keyboard.press("Tab")
        assert names == [
            "system", "model", "weights", "kv", "isl", "osl", "batch", "ep", "tp", "pp", "cp", "dp", "price", "pue", "hit_rate",
        ]  # fmt: skip
        assert page.evaluate("document.activeElement.name") == "compare"
        assert "dgx-h200" in page.evaluate(READ, "a")["says"]
        page.keyboard.press("Space")
        assert page.locator('[data-results="b"]').is_visible()
        page.get_by_label("Requests per GPU").last.focus()
        page.keyboard.type("0.25")
        assert "0.25 requests per GPU" in page.evaluate(READ, "b")["says"]
        for _ in range(20):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.name") == "reset":
                break
        page.keyboard.press("Enter")
        assert page.locator('[data-results="b"]').is_hidden()
        assert "gb200-nvl72" in page.evaluate(READ, "a")["says"]


def test_results_can_be_taken_away(browser: Any, site: str) -> None:
    with calculator(browser, site, "?model=mixtral-8x22b&system=hgx-b200") as page:
        with page.expect_download() as download:
            page.get_by_role("button", name="Save the results (JSON)").click()
        saved = json.loads(download.value.path().read_text(encoding="utf-8"))
        report, _ = command(page.evaluate(READ, "a")["command"])
        assert flat(saved) == pytest.approx({k: v for k, v in flat(report).items() if k in flat(saved)}, rel=1e-9, nan_ok=True)
        assert set(saved) <= set(report)
        assert saved["notes"] == report["notes"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_two_configurations_fit_a_phone(browser: Any, site: str, scheme: str) -> None:
    from tests.book import axe

    query = "?system=dgx-h200&b.system=vr-nvl72&b.weights=nvfp4&ep=3"
    with calculator(browser, site, query, viewport={"width": 390, "height": 844}, color_scheme=scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        clipped = """all => all.filter((e) => e.getBoundingClientRect().right > 390.5).map((e) => e.outerHTML.slice(0, 80))"""
        assert page.locator(".nvl-calc :is(table, button, select, input, code)").evaluate_all(clipped) == []
        axe.prepare(page)
        assert axe.violations(page, whole=False) == []


def test_without_javascript_there_are_examples(browser: Any, site: str, published: Site) -> None:
    with opened(browser, f"{site}book/calculator.html", java_script_enabled=False) as (page, trouble):
        assert not page.locator(".nvl-calc form").is_visible()
        rows = page.locator("table.nvl-calc-examples tbody tr")
        assert rows.count() > 4
        assert trouble == []
    with opened(browser, (published.folder / "book" / "calculator.html").as_uri()) as (page, trouble):
        page.wait_for_selector(".nvl-calc[data-shown]")  # from a disk too
        page.get_by_label("Requests per GPU").first.fill("12")
        assert "12 requests per GPU" in page.evaluate(READ, "a")["says"]
        assert trouble == []


def test_an_example_sets_the_calculator_and_states_its_answer(browser: Any, site: str) -> None:
    with calculator(browser, site) as page:
        row = page.locator("table.nvl-calc-examples tbody tr").nth(3)
        stated = row.locator("td").all_text_contents()
        row.locator("a").click()
        page.wait_for_url("**/calculator.html?model=*")
        page.wait_for_selector(".nvl-calc[data-shown]")
        value = page.evaluate(READ, "a")["values"]["tpot_s"]
        number, unit = stated[2].split()
        assert float(number) * SCALES[unit] == pytest.approx(value, rel=6e-3)
