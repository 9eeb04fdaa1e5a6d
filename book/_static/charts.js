// Replaces a still chart by the live one, in the colours of the theme, and redraws when the theme changes. A chart is drawn once
// the reader does anything and it is near the screen; one with sliders as soon as it is. Until then the still picture is the chart.
(() => {
  const vega = () => nvlLoad("vendor/vega-bundle.js").then(() => window.vegaEmbed);

  const spec = async (box) => { // a copy: Vega changes what it is given
    const name = box.dataset.spec;
    await nvlLoad(`charts/chart-${name}.js`);
    return structuredClone(nvlSpecs[name]);
  };

  const dark = () => document.documentElement.dataset.theme === "dark";
  const colours = () => (dark() ? { ink: "#e6e6e6", soft: "#3d434a" } : { ink: "#24292f", soft: "#dfe3e8" });
  const options = () => {
    const { ink, soft } = colours();
    const label = { labelColor: ink, titleColor: ink };
    return {
      actions: false,
      renderer: "svg",
      ast: true, // expressions are interpreted: the content security policy forbids eval, and styles written by scripts too
      defaultStyle: false,
      tooltip: { theme: dark() ? "dark" : "light", disableDefaultStyle: true },
      config: {
        background: "transparent",
        axis: { ...label, labelSeparation: 6, gridColor: soft, domainColor: ink, tickColor: soft },
        legend: label,
        header: label,
        title: { color: ink, subtitleColor: ink },
        rule: { color: ink },
        text: { color: ink },
        view: { stroke: null },
      },
    };
  };

  // A chart wider than the page is drawn again to fit, its titles on several lines, and so are views below each other; other composed
  // charts scroll instead.
  const LEAST = 120; // narrowest plot, in pixels; below that it scrolls
  const composed = ["hconcat", "vconcat", "concat", "facet", "repeat"];
  const faceted = ({ encoding }) => ["row", "column", "facet"].some((channel) => encoding?.[channel]);
  const wrap = (text, room) => {
    const lines = [""];
    for (const word of [text].flat().join(" ").split(" ")) {
      const line = `${lines.at(-1)} ${word}`.trim();
      if (line.length > room) lines.push(word);
      else lines[lines.length - 1] = line;
    }
    return lines;
  };
  const CHARACTER = { title: 9.4, subtitle: 7.4, axis: 8.5 }; // pixels, on the safe side: fonts differ
  const columns = (room) => Math.max(1, Math.floor(room / 190)); // of a legend
  function shortAxis(spec, room) {
    const encoding = { ...spec.encoding };
    if (encoding.x?.title) encoding.x = { ...encoding.x, title: wrap(encoding.x.title, room / CHARACTER.axis) };
    if (encoding.color?.legend?.columns) encoding.color = { ...encoding.color, legend: { ...encoding.color.legend, columns: columns(room) } };
    return spec.encoding ? { ...spec, encoding } : spec;
  }
  function wrapped(spec, room) {
    const changed = shortAxis(spec, 0.75 * room);
    if (changed.layer) changed.layer = changed.layer.map((layer) => shortAxis(layer, 0.75 * room));
    if (changed.vconcat) changed.vconcat = changed.vconcat.map((view) => wrapped(view, room));
    const legend = { ...spec.config?.legend, columns: columns(room) };
    if (spec.config) changed.config = { ...spec.config, legend };
    if (spec.title) {
      const title = typeof spec.title === "string" ? { text: spec.title } : { ...spec.title };
      title.text = wrap(title.text, room / CHARACTER.title);
      if (title.subtitle) title.subtitle = wrap(title.subtitle, room / CHARACTER.subtitle);
      changed.title = title;
    }
    return { ...changed };
  }
  const below = (spec) => spec.vconcat?.every((view) => typeof view.width === "number"); // views of one width below each other
  const sizable = (spec) =>
    below(spec) || (["number", "undefined"].includes(typeof spec.width) && !composed.some((key) => key in spec) && !faceted(spec));
  const sized = (spec, width) =>
    below(spec) ? { ...spec, vconcat: spec.vconcat.map((view) => ({ ...view, width })) } : { ...spec, width };

  const results = new Map(); // box -> the result of vegaEmbed
  const sliders = (spec) => (spec.params ?? []).filter((p) => p.bind && !p.select).map((p) => p.name);

  async function draw(box) {
    const [embed, given] = await Promise.all([vega(), spec(box)]);
    const before = results.get(box)?.view;
    const kept = before ? sliders(given).map((name) => [name, before.signal(name)]) : [];
    const place = box.querySelector(".nvl-chart-view");
    const host = document.createElement("div");
    let result = await embed(host, given, options());
    place.replaceChildren(host);
    const excess = () => box.scrollWidth - box.clientWidth;
    const again = async (changed) => {
      result.finalize();
      result = await embed(host, changed, options());
    };
    if (excess() > 0 && sizable(given)) {
      const narrow = wrapped(given, box.clientWidth);
      await again(narrow);
      let width = below(given) ? given.vconcat[0].width : result.view.width();
      for (let tries = 0; tries < 3 && excess() > 0 && width > LEAST; tries += 1) {
        width = Math.max(LEAST, width - excess());
        await again(sized(narrow, width));
      }
    }
    for (const [name, value] of kept) result.view.signal(name, value);
    await result.view.resize().runAsync();
    results.get(box)?.finalize();
    results.set(box, result);
    box.dataset.drawn = "true";
    box.dataset.scheme = dark() ? "dark" : "light";
    box.dispatchEvent(new CustomEvent("nvl-drawn", { detail: { view: result.view, spec: given }, bubbles: true })); // live.js waits for it
  }

  window.nvlCharts = { vega, options, dark }; // for scripts that draw charts of their own

  const SIGNS = ["pointermove", "pointerdown", "touchstart", "wheel", "scroll", "keydown", "focusin"]; // that somebody is there
  document.addEventListener("DOMContentLoaded", () => {
    const boxes = [...document.querySelectorAll(".nvl-chart[data-spec]")];
    if (!boxes.length) return;
    let work = Promise.resolve(); // one drawing after another, so that quick toggles cannot mix
    const drawn = new Set();
    const enqueue = (box) => {
      drawn.add(box);
      work = work.then(() =>
        draw(box).catch((error) => {
          console.error(error);
          box.dataset.drawn = "failed";
        }),
      );
    };
    const watch = new IntersectionObserver(
      (entries) => {
        for (const { isIntersecting, target } of entries) {
          if (!isIntersecting) continue;
          watch.unobserve(target);
          enqueue(target);
        }
      },
      { rootMargin: "800px 0px" },
    );
    for (const box of boxes) if (box.dataset.moves) watch.observe(box);
    const begin = () => {
      for (const sign of SIGNS) window.removeEventListener(sign, begin);
      for (const box of boxes) if (!drawn.has(box)) watch.observe(box);
    };
    for (const sign of SIGNS) window.addEventListener(sign, begin, { passive: true });
    let was = dark();
    new MutationObserver(() => {
      if (dark() === was) return;
      was = dark();
      for (const box of drawn) if (box.isConnected) enqueue(box);
    }).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  });
})();
