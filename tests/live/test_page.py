"""A live chart in a page, as a reader meets it: names and units of its controls, the keyboard, the words below, the button that undoes."""

import json
from pathlib import Path

import jax.numpy as jnp
import pandas as pd
import pytest

from nvlinklab import live
from nvlinklab.live import Slider
from nvlinklab.plotting import theme
from tests.live.parity import HOST

STATIC = Path(__file__).resolve().parents[2] / "book" / "_static"


def transfer(p):
    return {"all": p["alpha"] + p["size"] / p["bw"], "latency": p["alpha"] + 0.0 * jnp.sum(p["size"])}


POINT = {"alpha": 2e-6, "bw": 9e11, "size": 1e6}
UNITS = {"alpha": "s", "bw": "B/s", "size": "B"}


def made():
    latency = Slider("alpha", unit="us", choices=(1.0, 2.0, 5.0), label="Latency")
    return live.prepare(
        transfer,
        POINT,
        x=Slider("size", 1e-3, 1e3, "MB", "Message", log=True),
        sliders=[Slider("bw", 50.0, 1800.0, "GB/s", "Bandwidth"), latency],
        outputs={"all": "Whole time", "latency": "Latency alone"},
        title="Time of a message against its size",
        y_title="Time",
        unit="us",
        units=UNITS,
        log_y=True,
        elasticity="all",
    )


PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>live</title><link rel="stylesheet" href="nvl.css">
<script defer src="load.js"></script><script defer src="charts.js"></script><script defer src="live.js"></script></head><body>
<div class="nvl-chart" data-spec="one" data-moves="true"><div class="nvl-chart-view"></div></div></body></html>"""


@pytest.fixture(scope="module")
def page(runtime):
    theme.enable()
    spec = f"window.nvlSpecs = {{ one: {json.dumps(made().chart.to_dict())} }};"
    runtime.files |= {name: (STATIC / name).read_text() for name in ("load.js", "charts.js", "live.js", "nvl.css")}
    runtime.files |= {"vendor/vega-bundle.js": runtime.files["vega.js"], "page.html": PAGE, "charts/chart-one.js": spec}
    opened = runtime.context.new_page()
    messages = []
    opened.on("console", lambda message: messages.append(message.text))
    opened.on("pageerror", lambda error: messages.append(str(error)))
    opened.goto(f"{HOST}page.html")
    opened.wait_for_selector(".nvl-chart[data-live]")
    yield opened
    assert messages == []
    opened.close()


def said(page):
    return page.get_by_role("status").inner_text()


def test_controls_have_names_values_and_units(page):
    assert page.get_by_role("form", name="Controls: Time of a message against its size").count() == 1
    message = page.get_by_role("slider", name="Message", exact=True)
    assert message.get_attribute("aria-valuetext") == "1 MB"
    assert page.get_by_role("slider", name="Bandwidth", exact=True).get_attribute("aria-valuetext") == "900 GB/s"
    assert page.get_by_role("combobox", name="Latency", exact=True).locator("option").all_inner_texts() == ["1 us", "2 us", "5 us"]


def test_the_results_are_said_in_words(page):
    page.get_by_role("button", name="Reset").click()
    assert said(page).startswith("At the mark: Whole time 3.11 us; Latency alone 2 us; 1 % more of Message: +0.357 %")
    assert "1 % more of Bandwidth: -0.357 %" in said(page)


def test_the_keyboard_moves_and_the_button_undoes(page):
    page.get_by_role("button", name="Reset").click()
    before, curve = said(page), page.locator("path.mark-line, .mark-line path").first.get_attribute("d")
    band = page.get_by_role("slider", name="Bandwidth", exact=True)
    band.focus()
    page.keyboard.press("Home")
    page.wait_for_function("(text) => document.querySelector('.nvl-live-now').textContent !== text", arg=before)
    assert band.get_attribute("aria-valuetext") == "50 GB/s"
    assert "Whole time 22 us" in said(page)
    assert page.locator("path.mark-line, .mark-line path").first.get_attribute("d") != curve
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('.vega-bind input[name=p_bw]').value > 50")
    page.get_by_role("combobox", name="Latency", exact=True).select_option("5 us")
    page.wait_for_function("() => document.querySelector('.nvl-live-now').textContent.includes('Latency alone 5 us')")
    page.get_by_role("button", name="Reset").click()
    page.wait_for_function("(text) => document.querySelector('.nvl-live-now').textContent === text", arg=before)
    assert band.get_attribute("aria-valuetext") == "900 GB/s"
    assert page.get_by_role("combobox", name="Latency", exact=True).input_value() == "2"


def test_what_is_shown_can_be_taken_away(page):
    page.get_by_role("button", name="Reset").click()
    page.wait_for_selector(".nvl-live-now:has-text('Whole time 3.11 us')")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Data (CSV)").click()
    table = pd.read_csv(waiting.value.path())
    slopes = [f"Per 1 % more of {name} (%)" for name in ("Message", "Bandwidth", "Latency")]
    assert list(table) == ["Message (MB)", "Whole time (us)", "Latency alone (us)", *slopes]
    assert len(table) == 80
    assert table.iloc[0].tolist() == pytest.approx([1e-3, 2.0 + 1e-3 / 0.9, 2.0, *(table[s][0] for s in slopes)], rel=1e-12)
    assert table[slopes].sum(axis=1).to_numpy() == pytest.approx(table["Per 1 % more of Latency (%)"].to_numpy(), rel=1e-9)


def test_a_phone_shows_it_without_sideways_scroll(page):
    page.set_viewport_size({"width": 390, "height": 800})
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_selector(".nvl-chart[data-scheme=dark]")
    sizes = "(box) => [box.scrollWidth, box.clientWidth, box.querySelector('svg').getBoundingClientRect().width]"
    wide, room, drawn = page.locator(".nvl-chart").evaluate(sizes)
    assert wide <= room
    assert drawn > 0.8 * room
    page.set_viewport_size({"width": 1280, "height": 800})
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    page.wait_for_selector(".nvl-chart[data-scheme=light]")


def test_dark_colours_keep_the_sliders(page):
    band = page.get_by_role("slider", name="Bandwidth", exact=True)
    band.fill("1800")
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_selector(".nvl-chart[data-scheme=dark]")
    page.wait_for_function("() => document.querySelector('.vega-bind input[name=p_bw]').getAttribute('aria-valuetext') === '1,800 GB/s'")
    assert page.get_by_role("status").count() == 1
    assert "Whole time 2.56 us" in said(page)
