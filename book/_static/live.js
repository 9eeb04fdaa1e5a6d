// What a live chart needs beyond its sliders: their values with units, a button that undoes, and the current results in words, which a
// screen reader follows. `usermeta.live` of the specification (nvlinklab/live/chart.py) names the signals and the fields.
(() => {
  let made = 0;
  const element = (tag, attributes = {}, text = "") => {
    const it = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) it.setAttribute(name, value);
    it.textContent = text;
    return it;
  };
  const number = (value) =>
    Number.isFinite(value)
      ? value.toLocaleString("en", { maximumSignificantDigits: Math.abs(value) >= 1000 ? 4 : 3 })
      : "no value";
  const quantity = (value, unit) => {
    if (!Number.isFinite(value)) return "no value";
    if (unit === "x") return `${number(value)}x`;
    return ["", "1"].includes(unit) ? number(value) : `${number(value)} ${unit === "percent" ? "%" : unit}`;
  };
  const shown = (control, value) => {
    if (typeof value !== "number") return String(value);
    const plain = control.log ? 10 ** value : value;
    return quantity(control.whole ? Math.round(plain) : plain, control.unit);
  };

  // The rows that hold every result: Vega names its data sets as it likes.
  const dataset = (view, fields) => {
    const { data } = view.getState({ data: () => true, signals: () => false });
    return Object.keys(data).find((name) => view.data(name)?.length && fields.every((field) => field in view.data(name)[0]));
  };

  function label(input, control, view) {
    const name = input.closest(".vega-bind").querySelector(".vega-bind-name");
    name.id = `nvl-live-${(made += 1)}`;
    name.textContent = control.label;
    input.setAttribute("aria-labelledby", name.id);
    if (input.type !== "range") return;
    input.nextElementSibling.hidden = true; // the bare number, or its logarithm
    const value = element("span", { class: "nvl-live-value", "aria-hidden": "true" });
    input.after(value);
    const tell = () => {
      const text = shown(control, view.signal(control.signal));
      value.textContent = text;
      input.setAttribute("aria-valuetext", text);
    };
    view.addSignalListener(control.signal, tell);
    tell();
  }

  function sentence(about, row) {
    const parts = about.results.map(({ field, label: name, unit }) => `${name} ${quantity(row[field], unit)}`);
    const slopes = about.elasticities.map(({ field, label: name }) => {
      const size = number(Math.abs(row[field]));
      return `1 % more of ${name}: ${Number.isFinite(row[field]) ? `${row[field] < 0 ? "-" : "+"}${size} %` : "no value"}`;
    });
    return `${[...parts, ...slopes].join("; ")}.`;
  }

  // What the curves show now, as a file: the x axis and every result, in the shown units.
  function table(about, rows) {
    const slopes = about.elasticities.map(({ field, label: name }) => ({ field, label: `Per 1 % more of ${name}`, unit: "%" }));
    const columns = [{ ...about.controls[0], field: "shown" }, ...about.results, ...slopes];
    const cell = (text) => `"${String(text).replaceAll('"', '""')}"`;
    const head = columns.map(({ label: name, unit }) => cell(["", "1", undefined].includes(unit) ? name : `${name} (${unit})`));
    const lines = rows.slice(0, about.row).map((row) => columns.map(({ field }) => row[field]));
    return [head, ...lines].map((line) => line.join(",")).join("\n") + "\n";
  }

  function decorate(box, { view, spec }) {
    const about = spec.usermeta?.live;
    const form = box.querySelector(".vega-bindings");
    if (!about || !form) return;
    const name = dataset(view, about.results.map(({ field }) => field));
    form.setAttribute("aria-label", `Controls: ${[spec.title?.text ?? ""].flat().join(" ")}`);
    form.addEventListener("submit", (event) => event.preventDefault());
    for (const control of about.controls) label(form.querySelector(`[name="${control.signal}"]`), control, view);

    const reset = element("button", { type: "button", class: "nvl-live-reset" }, "Reset");
    reset.addEventListener("click", () => {
      for (const { name, value, bind } of spec.params) if (bind) view.signal(name, value);
      view.runAsync();
    });
    const save = element("button", { type: "button", class: "nvl-live-save" }, "Data (CSV)");
    save.addEventListener("click", () => {
      const href = URL.createObjectURL(new Blob([table(about, view.data(name))], { type: "text/csv" }));
      element("a", { href, download: "chart.csv" }).click();
      URL.revokeObjectURL(href);
    });
    const buttons = element("div", { class: "nvl-live-buttons" });
    buttons.append(reset, save);
    form.append(buttons);

    let now = box.querySelector(".nvl-live-now");
    if (!now) {
      now = element("p", { class: "nvl-live-now", role: "status" });
      box.append(now);
    }
    const tell = () => {
      const text = `At the mark: ${sentence(about, view.data(name)[about.row])}`;
      if (now.textContent !== text) now.textContent = text;
    };
    view.addDataListener(name, tell);
    tell();
    box.dataset.live = "true";
  }

  document.addEventListener("nvl-drawn", (event) => decorate(event.target, event.detail));
})();
