// Replaces every still chart of a page by the live one, in the colours of the theme, and redraws when the theme changes.
(() => {
  const me = document.currentScript.src;
  const load = (name) =>
    new Promise((done, fail) => {
      const script = document.createElement("script");
      script.src = new URL(name, me);
      script.onload = done;
      script.onerror = () => fail(new Error(`${name} did not load`));
      document.head.append(script);
    });
  let ready;
  const vega = () => (ready ??= load("vendor/vega-bundle.js").then(() => window.vegaEmbed));

  const dark = () => document.documentElement.dataset.theme === "dark";
  const colours = () => (dark() ? { ink: "#e6e6e6", soft: "#3d434a" } : { ink: "#24292f", soft: "#dfe3e8" });
  const options = () => {
    const { ink, soft } = colours();
    const label = { labelColor: ink, titleColor: ink };
    return {
      actions: false,
      renderer: "svg",
      ast: true, // expressions are interpreted, so that a content security policy without eval can be used
      tooltip: { theme: dark() ? "dark" : "light" },
      config: {
        background: "transparent",
        axis: { ...label, gridColor: soft, domainColor: ink, tickColor: soft },
        legend: label,
        header: label,
        title: { color: ink, subtitleColor: ink },
        rule: { color: ink },
        text: { color: ink },
        view: { stroke: null },
      },
    };
  };

  // A chart wider than the page is drawn again to fit, its titles on several lines; composed charts scroll instead.
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
  function shortAxis(spec, room) {
    const { encoding } = spec;
    if (!encoding?.x?.title) return spec;
    return { ...spec, encoding: { ...encoding, x: { ...encoding.x, title: wrap(encoding.x.title, room / CHARACTER.axis) } } };
  }
  function wrapped(spec, room) {
    const changed = shortAxis(spec, 0.75 * room);
    if (changed.layer) changed.layer = changed.layer.map((layer) => shortAxis(layer, 0.75 * room));
    const legend = { ...spec.config?.legend, columns: Math.max(1, Math.floor(room / 190)) };
    changed.config = { ...spec.config, legend };
    if (spec.title) {
      const title = typeof spec.title === "string" ? { text: spec.title } : { ...spec.title };
      title.text = wrap(title.text, room / CHARACTER.title);
      if (title.subtitle) title.subtitle = wrap(title.subtitle, room / CHARACTER.subtitle);
      changed.title = title;
    }
    return { ...changed };
  }
  const sizable = (spec) =>
    ["number", "undefined"].includes(typeof spec.width) && !composed.some((key) => key in spec) && !faceted(spec);

  const drawn = new Map(); // box -> the result of vegaEmbed
  const sliders = (spec) => (spec.params ?? []).filter((p) => p.bind && !p.select).map((p) => p.name);

  async function draw(box) {
    const spec = JSON.parse(box.querySelector("script").textContent);
    const embed = await vega();
    const before = drawn.get(box)?.view;
    const kept = before ? sliders(spec).map((name) => [name, before.signal(name)]) : [];
    const place = box.querySelector(".nvl-chart-view");
    const host = document.createElement("div");
    let result = await embed(host, spec, options());
    place.replaceChildren(host);
    const excess = () => box.scrollWidth - box.clientWidth;
    const again = async (changed) => {
      result.finalize();
      result = await embed(host, changed, options());
    };
    if (excess() > 0 && sizable(spec)) {
      const narrow = wrapped(spec, box.clientWidth);
      await again(narrow);
      for (let tries = 0; tries < 2 && excess() > 0 && result.view.width() > LEAST; tries += 1)
        await again({ ...narrow, width: Math.max(LEAST, result.view.width() - excess()) });
    }
    for (const [name, value] of kept) result.view.signal(name, value);
    await result.view.resize().runAsync();
    drawn.get(box)?.finalize();
    drawn.set(box, result);
    box.dataset.drawn = "true";
    box.dataset.scheme = dark() ? "dark" : "light";
  }

  document.addEventListener("DOMContentLoaded", () => {
    const boxes = [...document.querySelectorAll(".nvl-chart")];
    let work = Promise.resolve(); // one drawing pass after another, so that quick toggles cannot mix
    const drawAll = () => {
      for (const box of boxes)
        work = work.then(() =>
          draw(box).catch((error) => {
            console.error(error);
            box.dataset.drawn = "failed";
          }),
        );
    };
    drawAll();
    let was = dark();
    new MutationObserver(() => {
      if (dark() === was) return;
      was = dark();
      drawAll();
    }).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  });
})();
