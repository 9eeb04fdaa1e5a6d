// The calculator: reads two configurations from a form or the address, runs the compiled model (model-*.js) on them, and writes down what
// comes out. Formulas live in the model; here are the checks that `serving.layouts` makes before it, in the same words.
(() => {
  const place = document.querySelector(".nvl-calc");
  const { catalogue, models } = globalThis.nvlCalculator ?? {};
  if (!place || !catalogue) return;
  const { paths, defaults } = catalogue;
  const at = Object.fromEntries(paths.map((path, k) => [path, k]));
  const FIELDS = ["system", "model", "weights", "kv", "isl", "osl", "batch", "ep", "tp", "pp", "cp", "dp", "price", "pue", "hit_rate"];
  const SETTINGS = { price: "usd_per_gpu_s", pue: "pue", hit_rate: "hit_rate" };
  const SIDES = { a: "first configuration", b: "second configuration" };

  // Numbers as the command prints them
  const digits = (value, n) => {
    // Python's format of n significant digits, `:.ng`
    if (value === 0) return "0";
    const [mantissa, exponent] = value.toExponential(n - 1).split("e");
    const e = Number(exponent);
    if (e >= -4 && e < n) return String(Number(value.toPrecision(n)));
    return `${Number(mantissa)}e${e < 0 ? "-" : "+"}${String(Math.abs(e)).padStart(2, "0")}`;
  };
  const g = (value) => digits(value, 6);
  const plain = (value, most = 4) => {
    // As Intl.NumberFormat writes it, which takes 30 ms before its first number; ties are rounded as Python does
    const rounded = Number(value.toPrecision(most));
    const size = Math.abs(rounded);
    if (size !== 0 && !(size >= 1e-6 && size < 1e21)) return value.toLocaleString("en", { maximumSignificantDigits: most });
    const [whole, rest] = String(rounded).split(".");
    return [whole.replace(/\B(?=(\d{3})+$)/g, ","), ...(rest ? [rest] : [])].join(".");
  };
  const SCALES = {
    s: [[1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]],
    B: [[1e12, "TB"], [1e9, "GB"], [1e6, "MB"], [1e3, "kB"], [1, "B"]],
    W: [[1e6, "MW"], [1e3, "kW"], [1, "W"]],
    "J/token": [[1, "J"], [1e-3, "mJ"]],
    "B/s": [[1e12, "TB/s"], [1e9, "GB/s"], [1, "B/s"]],
    "FLOP/s": [[1e15, "PFLOP/s"], [1e12, "TFLOP/s"], [1, "FLOP/s"]],
  };
  const quantity = (value, unit) => {
    if (!Number.isFinite(value)) return "not known";
    const scales = SCALES[unit];
    if (!scales) return unit === "USD/Mtok" ? `${plain(value)} USD` : plain(value);
    const [factor, name] = value === 0 ? scales[0] : (scales.find(([size]) => Math.abs(value) >= 0.9995 * size) ?? scales.at(-1));
    return `${plain(value / factor)} ${name}`;
  };
  const percent = (share) => `${(100 * share).toFixed(Math.abs(share) < 0.0995 ? 1 : 0)} %`;
  const signed = (value, most = 3) => `${value < 0 ? "−" : "+"}${plain(Math.abs(value), most)}`;

  // Elements
  const make = (name, attributes = {}, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) if (value !== undefined) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };
  const datum = (key, value, unit) => make("data", { value: String(value), "data-key": key }, quantity(value, unit));
  const bar = (share, part) => {
    const box = make("span", { "data-bar": share < 0 ? "down" : "up", "data-part": part, "aria-hidden": "true" });
    box.style.width = `${Math.min(100, 100 * Math.abs(share))}%`;
    return box;
  };
  const track = (text, share, part) =>
    make("span", { "data-track": "" }, make("span", { "data-share": "" }, text), make("span", { "data-rest": "" }, bar(share, part)));
  const table = (caption, head, rows) => {
    const cells = (row) => row.map((cell, k) => make(k ? "td" : "th", k ? {} : { scope: "row" }, ...[cell].flat()));
    return make(
      "table",
      {},
      make("caption", {}, ...[caption].flat()),
      make("thead", {}, make("tr", {}, ...head.map((text) => make("th", { scope: "col" }, text)))),
      make("tbody", {}, ...rows.map((row) => make("tr", {}, ...cells(row)))),
    );
  };

  // A configuration: what the form says, as texts; empty means the default
  const given = (text) => text !== undefined && text.trim() !== "";
  const initial = () => Object.fromEntries(FIELDS.map((name) => [name, ["system", "model", "weights", "kv"].includes(name) ? defaults[name] : ""]));

  class Trouble extends Error {}

  function cutOf(s) {
    const named = catalogue.degrees.filter((name) => given(s[name]));
    if (named.length) return Object.fromEntries(catalogue.degrees.map((name) => [name, given(s[name]) ? Number(s[name]) : 1]));
    const listed = catalogue.layouts[s.model][s.system][s.weights];
    if (typeof listed === "string") throw new Trouble(listed);
    return Object.fromEntries(catalogue.degrees.map((name) => [name, listed[name] ?? 1]));
  }

  function run(x, model) {
    const values = model.evaluate(x);
    return Object.fromEntries(model.outputs.map(({ name }, k) => [name, values[k]]));
  }

  function inputsOf(s) {
    const model = catalogue.models[s.model];
    const machine = catalogue.systems[s.system][s.weights];
    const x = Float64Array.from(paths, (path) => model.x[path] ?? machine.x[path] ?? NaN);
    x[at["deployment.kv_bytes"]] = catalogue.kv[s.kv];
    for (const name of ["isl", "osl"]) x[at[name]] = given(s[name]) ? Number(s[name]) : defaults[name];
    for (const [name, path] of Object.entries(SETTINGS)) if (given(s[name])) x[at[path]] = Number(s[name]) / (name === "price" ? 3600 : 1);
    for (const [name, degree] of Object.entries(cutOf(s))) x[at[`deployment.${name}`]] = degree;
    return { x, model: models[model.kind], kind: model.kind, notes: machine.notes };
  }

  // Why a deployment cannot be: the checks of `serving.layouts` and `workload.layout`, in the same order and words
  const divisors = (n) => Array.from({ length: n }, (_, k) => k + 1).filter((d) => n % d === 0);
  const around = (value, choices) => [...choices.filter((c) => c < value).slice(-1), ...choices.filter((c) => c > value).slice(0, 1)].join(" or ");
  const divides = (name, degree, whole, what) => {
    if (whole % degree) throw new Trouble(`${name}=${degree} does not divide ${whole} ${what}; nearest: ${around(degree, divisors(whole))}`);
  };

  function checkCut(leaf) {
    const a = (name) => leaf(`model.${name}`);
    const d = Object.fromEntries(catalogue.degrees.map((name) => [name, leaf(`deployment.${name}`)]));
    for (const name of ["tp", "pp", "cp", "dp", "ep"])
      if (!(d[name] >= 1 && Number.isInteger(d[name]))) throw new Trouble(`${name}=${g(d[name])}; expected a whole number, 1 or more`);
    const { tp, pp, cp, ep } = d;
    const ranks = tp * cp;
    if (ep > ranks * d.dp && ep % ranks) {
      const [below, above] = [Math.floor(ep / ranks) * ranks, Math.ceil(ep / ranks) * ranks];
      const near = below ? `${g(below)} or ${g(above)}` : g(above);
      throw new Trouble(`ep=${g(ep)} is no multiple of the tp*cp=${g(ranks)} GPUs of an attention replica; nearest: ep=${near}`);
    }
    const experts = a("routed_experts");
    if (experts && ep > experts)
      throw new Trouble(`ep=${g(ep)} exceeds the ${g(experts)} routed experts: some GPUs would hold none; use ep<=${g(experts)}`);
    const stage = Math.max(ranks * d.dp, ep);
    divides("tp", tp, a("heads"), "heads");
    const heads = a("kv_heads");
    if (heads && heads % tp && tp % heads) {
      const near = around(tp, divisors(a("heads")).filter((n) => heads % n === 0 || n % heads === 0));
      throw new Trouble(`tp=${tp} neither divides ${g(heads)} key-value heads nor is a multiple of them; nearest: ${near}`);
    }
    if (a("dense_layers")) divides("tp", tp, a("dense_intermediate"), "columns of the dense feed-forward block");
    if (pp > a("layers")) throw new Trouble(`pp=${pp} exceeds the ${g(a("layers"))} layers; use pp<=${g(a("layers"))}`);
    if (!experts) {
      if (ep > 1) throw new Trouble(`ep=${ep}, redundant=0, but the model has no routed experts; use ep=1, redundant=0`);
      return;
    }
    if (experts % ep) {
      const more = (ep - (experts % ep)) % ep;
      const near = around(ep, divisors(experts));
      throw new Trouble(`ep=${ep} does not divide ${experts} experts; nearest: ${near}; or redundant=${more} for ${experts + more} slots`);
    }
    divides("ep", ep, stage, "GPUs of a stage (tp*cp*dp)");
  }

  const KEPT = ["attention", "dense", "shared", "routed", "router", "embeddings"];
  function checkMemory(leaf, room, batch) {
    const { count, each, largest } = room;
    const [capacity, usable] = [leaf("deployment.system.gpu.mem_capacity"), leaf("deployment.usable_memory")];
    const weights = room.weights * count;
    const whole = count * capacity * usable;
    const space = `${g(count)} x ${(capacity / 1e9).toFixed(0)} GB x ${usable.toFixed(2)} = ${(whole / 1e9).toFixed(0)} GB`;
    if (weights > whole)
      throw new Trouble(
        `the weights do not fit: ${(weights / count / 1e9).toFixed(0)} GB on each GPU, ${(weights / 1e9).toFixed(0)} GB in all > ${space}; ` +
          "spread them over more ranks (tp, pp or ep) or use a smaller number format",
      );
    if (batch > largest) {
      const requests = batch * count;
      throw new Trouble(
        `batch=${g(requests)} (${g(batch)} per GPU) does not fit: ${(weights / 1e9).toFixed(0)} GB weights + ${g(requests)} x ` +
          `${digits(each / 1e9, 3)} GB KV = ${((weights + requests * each) / 1e9).toFixed(0)} GB > ${space}; the largest batch is ` +
          `${Math.trunc(largest * count)} (${digits(largest, 3)} per GPU)`,
      );
    }
  }

  // What memory holds beside the weights, from the model's own memory at one request per GPU
  function roomOf(x, model) {
    const one = Float64Array.from(x);
    one[at.batch] = 1;
    const y = run(one, model);
    const weights = KEPT.reduce((sum, name) => sum + y[`estimate.memory.${name}`], 0);
    const each = y["estimate.memory.kv"];
    const free = x[at["deployment.system.gpu.mem_capacity"]] * x[at["deployment.usable_memory"]] - weights;
    return { weights, each, largest: Math.max(free, 0) / each, count: y["estimate.gpus"] };
  }

  function checkLoad(leaf) {
    for (const name of ["batch", "isl", "osl"])
      if (!(leaf(name) > 0)) throw new Trouble(`${name}=${g(leaf(name))}; expected a positive number`);
    if (!(leaf("hit_rate") >= 0 && leaf("hit_rate") < 1))
      throw new Trouble(`hit_rate=${g(leaf("hit_rate"))}; expected a share from 0 up to, not including, 1`);
  }

  // Everything about one configuration: `why` is empty where it can be
  function answer(s) {
    const found = { s, why: "", notes: catalogue.systems[s.system][s.weights].notes };
    try {
      Object.assign(found, inputsOf(s));
      const leaf = (path) => found.x[at[path]];
      if (!(leaf("isl") > 0 && leaf("osl") > 0)) checkLoad((name) => (name === "batch" ? 1 : leaf(name)));
      const room = roomOf(found.x, found.model);
      found.x[at.batch] = given(s.batch) ? Number(s.batch) : Math.max(1, Math.trunc(room.largest / 2));
      found.batch = leaf("batch");
      checkCut(leaf);
      found.y = run(found.x, found.model); // from here on memory can be shown, whether it suffices or not
      checkMemory(leaf, room, leaf("batch"));
      checkLoad(leaf);
      const over = -found.y["estimate.memory.reserve"];
      if (over > 0)
        throw new Trouble(
          `the activations of a pass outgrow the memory kept back for them by ${quantity(over, "B")}; use a smaller batch or shorter prompts`,
        );
      if (!found.y["estimate.feasible"]) throw new Trouble("osl below 1 or a share of the memory is not possible; expected osl of 1 or more");
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      found.why = error.message;
    }
    return found;
  }

  function elasticitiesOf(found) {
    return (found.elasticities ??= elasticities(found)); // the slopes cost more than the answer: once, when first asked for
  }

  function elasticities({ x, y, model }) {
    const slopes = model.gradient(x);
    const idle = new Set(["deployment.flop_unit", ...catalogue.degrees.map((n) => `deployment.${n}`).filter((path) => x[at[path]] === 1)]);
    const rounded = (value) => Math.round(Math.abs(value) * 1e9);
    return paths
      .map((path, k) => ({
        path,
        name: catalogue.short[path],
        now: quantity(x[k], model.inputs[k].unit),
        value: (slopes[k] * x[k]) / y["metric.tpot"],
      }))
      .filter(({ path, value }) => !idle.has(path) && Math.abs(value) > 1e-9)
      .sort((a, b) => rounded(b.value) - rounded(a.value));
  }

  // The keys of `nvlinklab estimate --json`
  function numbers({ s, y }) {
    const e = (name) => y[`estimate.${name}`];
    const part = (name) =>
      Object.fromEntries(Object.keys(y).filter((key) => key.startsWith(`estimate.${name}.`)).map((key) => [key.split(".")[2], y[key]]));
    return {
      model: s.model, system: s.system, ttft_s: e("ttft"), tpot_s: e("tpot"), e2e_s: e("e2e"), interactivity: e("interactivity"),
      throughput_per_gpu: e("throughput_per_gpu"), gpus: e("gpus"), usd_per_mtok: e("usd_per_token") * 1e6, power_w: e("power"),
      energy_per_token_j: e("energy_per_token"), breakdown: part("decode"), prefill: part("prefill"), memory: part("memory"),
    };
  }
  function report(found) {
    const slopes = Object.fromEntries(elasticitiesOf(found).map(({ name, value }) => [name, value]));
    const scenario = Object.fromEntries(paths.map((path, k) => [catalogue.short[path], found.x[k]]));
    return { ...numbers(found), elasticities: slopes, scenario, notes: found.notes };
  }

  // The command that says the same
  const layoutOptions = (s) => catalogue.degrees.filter((name) => given(s[name])).map((name) => `--${name} ${s[name].trim()}`);
  function settingOptions(s) {
    const price = given(s.price) ? [`--set usd_per_gpu_s='${s.price.trim()} USD/h'`] : [];
    return [...price, ...["pue", "hit_rate"].filter((name) => given(s[name])).map((name) => `--set ${name}=${s[name].trim()}`)];
  }
  const loadOptions = (s) => ["isl", "osl"].filter((name) => given(s[name])).map((name) => `--${name} ${s[name].trim()}`);
  function command(s) {
    const head = `nvlinklab estimate --system ${s.system} --model ${s.model} --weights ${s.weights} --kv ${s.kv}`;
    const batch = given(s.batch) ? [`--batch ${s.batch.trim()}`] : [];
    return [head, ...loadOptions(s), ...batch, ...layoutOptions(s), ...settingOptions(s)].join(" ");
  }
  function compareCommand(one, two, metric) {
    const same = ["model", "kv", "isl", "osl", ...catalogue.degrees, ...Object.keys(SETTINGS)];
    if (same.some((name) => one.s[name].trim() !== two.s[name].trim())) return "";
    const head = `nvlinklab compare ${one.s.system} ${two.s.system} --model ${one.s.model} --weights ${one.s.weights} --kv ${one.s.kv}`;
    const second = one.s.weights === two.s.weights ? [] : [`--weights-second ${two.s.weights}`];
    const batch = [`--batch ${one.batch}`, ...(one.batch === two.batch ? [] : [`--batch-second ${two.batch}`])];
    return [head, ...second, ...loadOptions(one.s), ...batch, ...layoutOptions(one.s), ...settingOptions(one.s), `--metric ${metric}`].join(" ");
  }
  function copyable(text) {
    const button = make("button", { type: "button", "aria-label": `Copy: ${text}` }, "Copy");
    button.addEventListener("click", () => copy(text, "The command is copied."));
    return make("div", { "data-command": "" }, make("code", {}, text), button);
  }

  // Results of one configuration
  const LABELS = {
    decode: {
      attention: "Attention and KV cache", experts: "Experts, dense blocks, head", dispatch: "Dispatch to experts", combine: "Combine from experts",
      fixed: "Fixed time of the layers", all_reduce: "All-reduce", pipeline: "Between pipeline stages",
    },
    prefill: {
      projections: "Attention projections", attention: "Attention scores", experts: "Experts and dense blocks", head: "Output head",
      communication: "Communication", fixed: "Fixed time of the layers",
    },
    memory: {
      attention: "Attention weights", dense: "Dense weights", shared: "Shared experts", routed: "Routed experts", router: "Routers",
      embeddings: "Embeddings and head", kv: "KV cache", activations: "Activations", reserve: "Kept in reserve",
    },
  };
  const JSON_NAME = { decode: "breakdown", prefill: "prefill", memory: "memory" };
  const UNITS = {
    ttft_s: "s", tpot_s: "s", e2e_s: "s", interactivity: "tok/s", throughput_per_gpu: "tok/s", usd_per_mtok: "USD/Mtok", power_w: "W",
    gpus: "GPU", energy_per_token_j: "J/token",
  };

  function partsOf(y, name) {
    return Object.entries(LABELS[name])
      .map(([part, label]) => ({ part, label, value: y[`estimate.${name}.${part}`] }))
      .filter(({ value }) => value !== 0)
      .sort((a, b) => b.value - a.value);
  }

  function breakdown(y, name, caption) {
    const parts = partsOf(y, name);
    const whole = parts.reduce((sum, { value }) => sum + value, 0);
    const rows = parts.map(({ part, label, value }) => [
      label,
      datum(`${JSON_NAME[name]}.${part}`, value, "s"),
      track(percent(value / whole), value / parts[0].value, part),
    ]);
    return table(caption, ["Part", "Time", "Share"], rows);
  }

  function memoryOf({ x, y }) {
    const capacity = x[at["deployment.system.gpu.mem_capacity"]];
    const parts = partsOf(y, "memory");
    const taken = parts.reduce((sum, { value }) => sum + Math.max(value, 0), 0);
    const free = capacity - parts.reduce((sum, { value }) => sum + value, 0);
    const scale = Math.max(capacity, taken);
    const strip = make("div", { "data-strip": "", "aria-hidden": "true" });
    for (const { part, value } of [...parts, { part: "free", value: free }]) if (value > 0) strip.append(bar(value / scale, part));
    const mark = make("i", {});
    mark.style.insetInlineStart = `${(100 * capacity) / scale}%`;
    if (free < 0) strip.append(mark);
    const rows = parts.map(({ part, label, value }) => [
      [make("span", { "data-key-of": part, "aria-hidden": "true" }), label],
      datum(`memory.${part}`, value, "B"),
      percent(value / capacity),
    ]);
    rows.push([
      [make("span", { "data-key-of": "free", "aria-hidden": "true" }), free < 0 ? "Too little by" : "Free"],
      quantity(Math.abs(free), "B"),
      percent(Math.abs(free) / capacity),
    ]);
    return table([`Memory of one GPU, ${quantity(capacity, "B")}`, strip], ["Use", "Bytes", "Share"], rows);
  }

  const ASKED = new Set(["batch", "isl", "osl", "query_tokens", "step_tokens"]); // the load and the model are what is asked about
  function* pushing(all) {
    const row = ({ name, now, value }, most, keyed) => [
      [make("code", {}, name), " ", make("small", {}, now)],
      keyed ? make("data", { value: String(value), "data-key": `elasticities.${name}` }, `${signed(value)} %`) : `${signed(value)} %`,
      [bar(value / most, "push")],
    ];
    const strongest = (list) => Math.abs(list[0]?.value ?? 1);
    const levers = all.filter(({ name }) => !name.startsWith("model.") && !ASKED.has(name)).slice(0, 8);
    const head = ["1 % more of, now", "moves TPOT by", "Strength"];
    const first = table("What to push: elasticities of TPOT, the strongest first", head, levers.map((one) => row(one, strongest(levers))));
    yield;
    const rest = make("details", {}, make("summary", {}, `All ${all.length} numbers that TPOT hangs on`));
    rest.append(table("Elasticities of TPOT, load and model included", head, all.map((one) => row(one, strongest(all), true))));
    yield;
    return [first, rest];
  }

  const layoutName = (x) => {
    const named = ["tp", "pp", "cp", "dp", "ep"].filter((n) => x[at[`deployment.${n}`]] !== 1).map((n) => `${n.toUpperCase()}${x[at[`deployment.${n}`]]}`);
    return named.join(" ") || "one GPU";
  };
  const say = (element, text) => {
    if (element.textContent !== text) element.textContent = text; // a region is read out when it changes
  };
  const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}.`;

  // In pieces: whoever draws may let the browser do something else at each `yield`
  function* draw(side, found) {
    const section = place.querySelector(`[data-results="${side}"]`);
    const { s, y, why } = found;
    section.dataset.feasible = String(!why);
    const values = why ? {} : numbers(found);
    for (const cell of section.querySelectorAll("[data-card]")) {
      const key = cell.dataset.card;
      cell.replaceChildren(why ? "–" : datum(key, values[key], UNITS[key]));
    }
    const said = section.querySelector("[data-says]");
    const body = [];
    if (why) {
      say(said, `Infeasible: ${why}.`);
      if (y) body.push(memoryOf(found));
    } else {
      const slowest = partsOf(y, "decode")[0];
      const share = percent(slowest.value / partsOf(y, "decode").reduce((sum, { value }) => sum + value, 0));
      const batch = `${plain(found.batch)} request${found.batch === 1 ? "" : "s"} per GPU`;
      say(
        said,
        `Feasible: ${s.model} on ${s.system}, ${layoutName(found.x)}, ${batch}. A user gets the first token after ` +
          `${quantity(values.ttft_s, "s")} and the next every ${quantity(values.tpot_s, "s")}, a GPU gives ` +
          `${quantity(values.throughput_per_gpu, "tok/s")} tok/s. Most of the step: ${slowest.label[0].toLowerCase()}${slowest.label.slice(1)} (${share}).`,
      );
      yield;
      const elasticities = elasticitiesOf(found);
      yield;
      body.push(
        breakdown(y, "decode", `Where a decode step goes, ${quantity(values.tpot_s * found.x[at["deployment.step_tokens"]], "s")}`),
        ...(yield* pushing(elasticities)),
        memoryOf(found),
        breakdown(y, "prefill", `Where the time to the first token goes, ${quantity(values.ttft_s, "s")}`),
      );
      body.push(make("p", { "data-note": "" }, "A whole request takes ", datum("e2e_s", values.e2e_s, "s"), "."));
    }
    if (found.notes.length) body.push(make("ul", { "data-note": "" }, ...found.notes.map((note) => make("li", {}, sentence(note)))));
    body.push(make("p", { "data-note": "" }, "Run the same here:"), copyable(command(s)));
    const open = section.querySelector("details")?.open;
    section.querySelector("[data-body]").replaceChildren(...body);
    const details = section.querySelector("details");
    if (details && open) details.open = true;
  }

  // Two configurations: ln(B/A) split over groups of factors (Shapley, as `analysis.shapley`)
  function changedGroups(one, two) {
    const groups = {};
    paths.forEach((path, k) => {
      const [old, now] = [one.x[k], two.x[k]];
      if (old === now || Number.isNaN(old) || Number.isNaN(now)) return;
      (groups[catalogue.groups[path]] ??= []).push(k);
    });
    return groups;
  }

  function shapley(one, two, groups, metric) {
    const names = Object.keys(groups);
    const n = names.length;
    const which = one.model.outputs.findIndex(({ name }) => name === `metric.${metric}`);
    const logs = new Float64Array(2 ** n);
    for (let on = 0; on < logs.length; on += 1) {
      const x = Float64Array.from(one.x);
      names.forEach((name, i) => {
        if (on & (1 << i)) for (const k of groups[name]) x[k] = two.x[k];
      });
      logs[on] = Math.log(one.model.evaluate(x)[which]);
    }
    const factorial = (k) => (k < 2 ? 1 : k * factorial(k - 1));
    const size = (on) => (on ? (on & 1) + size(on >> 1) : 0);
    const shares = names.map((name, i) => {
      let share = 0;
      for (let on = 0; on < logs.length; on += 1)
        if (!(on & (1 << i))) share += ((factorial(size(on)) * factorial(n - 1 - size(on))) / factorial(n)) * (logs[on | (1 << i)] - logs[on]);
      return { name, share };
    });
    return shares.sort((a, b) => Math.abs(b.share) - Math.abs(a.share));
  }

  const times = (ratio) => `${plain(ratio, 3)}×`;
  function compare(one, two, metric) {
    const section = place.querySelector("[data-compare]");
    const said = section.querySelector("[data-says]");
    const body = section.querySelector("[data-body]");
    const broken = Object.entries({ a: one, b: two }).filter(([, found]) => found.why);
    if (broken.length) {
      say(said, `No comparison: the ${broken.map(([side]) => SIDES[side]).join(" and the ")} ${broken.length > 1 ? "are" : "is"} infeasible.`);
      return body.replaceChildren();
    }
    const both = [numbers(one), numbers(two)];
    const rows = [...section.parentElement.querySelectorAll('[data-results="a"] dt')].map((term) => {
      const key = term.nextElementSibling.dataset.card;
      const [a, b] = both.map((values) => values[key]);
      return [term.textContent, quantity(a, UNITS[key]), quantity(b, UNITS[key]), Number.isFinite(b / a) ? times(b / a) : "–"];
    });
    const side = table("Side by side", ["Number", "First", "Second", "Second over first"], rows);
    const { meaning, unit } = catalogue.metrics[metric];
    const values = [one, two].map((found) => found.y[`metric.${metric}`]);
    const unknown = values.some((value) => !Number.isFinite(value));
    if (one.kind !== two.kind || unknown) {
      const why = unknown
        ? `${metric} is not known, because a price is not; give one as USD per GPU hour`
        : `${one.kind} and ${two.kind} attention cannot be compared factor by factor; compare one model on two systems`;
      say(said, `${sentence(why)}`);
      return body.replaceChildren(side);
    }
    const whole = Math.log(values[1] / values[0]);
    const groups = changedGroups(one, two);
    const shares = Object.keys(groups).length ? shapley(one, two, groups, metric) : [];
    const shown = values.map((v) => (unit === "USD/token" ? quantity(v * 1e6, "USD/Mtok") : `${quantity(v, unit)}${unit === "tok/s" ? " tok/s" : ""}`));
    say(
      said,
      `${sentence(meaning).slice(0, -1)}: ${shown[0]} first, ${shown[1]} second, ${times(values[1] / values[0])}. ` +
        (shares.length ? `Most of it is due to: ${shares[0].name} (${times(Math.exp(shares[0].share))}).` : "The two are the same."),
    );
    const most = Math.max(...shares.map(({ share }) => Math.abs(share)), 1e-12);
    const idle = shares.filter(({ share }) => Math.abs(share) < 1e-12).map(({ name }) => name);
    const parts = shares.filter(({ name }) => !idle.includes(name)).map(({ name, share }) => [
      name,
      times(Math.exp(share)),
      [make("data", { value: String(share), "data-key": `log_shares.${name}` }, signed(share)), bar(share / most, "push")],
    ]);
    parts.push(["Together", times(values[1] / values[0]), make("data", { value: String(whole), "data-key": "log_ratio" }, signed(whole))]);
    const split = table("Who earned it: factors that multiply, and their logarithms that add up", ["Factor", "Earned", "Share of ln(second/first)"], parts);
    const line = compareCommand(one, two, metric);
    const same = line ? [make("p", { "data-note": "" }, "Run the same here:"), copyable(line)] : [];
    const nothing = idle.length ? [make("p", { "data-note": "" }, `Different, but with no part in it: ${idle.join(", ")}.`)] : [];
    body.replaceChildren(split, ...nothing, side, ...same);
  }

  // The form, the address
  const form = place.querySelector("form");
  const sides = Object.fromEntries(["a", "b"].map((side) => [side, form.querySelector(`[data-side="${side}"]`)]));
  const both = form.elements.namedItem("compare");
  const metric = place.querySelector('[name="metric"]');
  const told = form.elements.namedItem("told");
  const field = (side, name) => sides[side].querySelector(`[name="${name}"]`);
  const read = (side) => Object.fromEntries(FIELDS.map((name) => [name, field(side, name).value]));
  const write = (side, s) => {
    for (const name of FIELDS) {
      const control = field(side, name);
      control.value = control.type === "number" && !Number.isFinite(Number(s[name])) ? "" : s[name];
      if (control.selectedIndex === -1) control.value = defaults[name]; // a choice that does not exist
    }
  };

  function hints(side, found) {
    const { s, x } = found;
    const own = catalogue.degrees.some((name) => given(s[name]));
    for (const name of catalogue.degrees) field(side, name).placeholder = own || !x ? "1" : g(x[at[`deployment.${name}`]]);
    field(side, "batch").placeholder = found.batch === undefined ? "half of what fits" : g(found.batch);
    const known = catalogue.systems[s.system][s.weights].x;
    field(side, "price").placeholder = known.usd_per_gpu_s === null ? "not known" : plain(known.usd_per_gpu_s * 3600, 3);
    field(side, "pue").placeholder = g(known.pue);
    field(side, "hit_rate").placeholder = g(known.hit_rate);
  }

  let answers = {};
  let pieces = null; // of an update that is not done
  function* work() {
    const two = both.checked;
    for (const part of [sides.b, place.querySelector('[data-results="b"]'), place.querySelector("[data-compare]")]) part.hidden = !two;
    place.dataset.two = String(two);
    answers = {};
    for (const side of two ? ["a", "b"] : ["a"]) {
      answers[side] = answer(read(side));
      yield;
      hints(side, answers[side]);
      yield* draw(side, answers[side]);
      yield;
    }
    if (two) compare(answers.a, answers.b, metric.value);
    place.dataset.shown = location.search;
    pieces = null;
  }
  function update() {
    const all = work();
    pieces = null;
    while (!all.next().done);
  }
  function begin() {
    // As update, while the page is still being made: each piece a task of its own, until somebody changes something
    const mine = (pieces = work());
    const step = () => {
      if (pieces === mine && !mine.next().done) setTimeout(step);
    };
    setTimeout(step);
  }

  function toAddress() {
    const query = new URLSearchParams();
    for (const side of both.checked ? ["a", "b"] : ["a"])
      for (const [name, value] of Object.entries(read(side))) if (given(value)) query.set(side === "a" ? name : `b.${name}`, value.trim());
    if (both.checked) query.set("metric", metric.value);
    return `${location.pathname}?${query}`;
  }

  function fromAddress() {
    const query = new URLSearchParams(location.search);
    const second = [...query.keys()].some((name) => name.startsWith("b."));
    both.checked = second;
    write("a", { ...initial(), ...Object.fromEntries(FIELDS.filter((n) => query.has(n)).map((n) => [n, query.get(n)])) });
    write("b", { ...initial(), ...Object.fromEntries(FIELDS.filter((n) => query.has(`b.${n}`)).map((n) => [n, query.get(`b.${n}`)])) });
    metric.value = query.get("metric") ?? "throughput";
    if (metric.selectedIndex === -1) metric.value = "throughput";
  }

  async function copy(text, done) {
    try {
      await navigator.clipboard.writeText(text);
      say(told, done);
    } catch {
      say(told, `Copy it from here: ${text}`); // the browser keeps its clipboard to itself
    }
  }

  function changed() {
    say(told, "");
    history.replaceState(history.state, "", toAddress());
    update();
  }

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", (event) => {
    if (event.target === both && both.checked) write("b", read("a"));
    changed();
  });
  metric.addEventListener("input", changed);
  form.elements.namedItem("reset").addEventListener("click", () => {
    both.checked = false;
    metric.value = "throughput";
    write("a", initial());
    history.replaceState(history.state, "", location.pathname);
    say(told, "Back at the defaults.");
    update();
  });
  form.elements.namedItem("link").addEventListener("click", () => {
    history.replaceState(history.state, "", toAddress());
    copy(location.href, "The link is copied; it restores everything chosen here.");
  });
  form.elements.namedItem("save").addEventListener("click", () => {
    if (pieces) update();
    const reports = Object.values(answers).map((found) => (found.why ? { infeasible: found.why } : report(found)));
    const text = JSON.stringify(reports.length > 1 ? reports : reports[0], null, 2); // what is not known becomes null
    const href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    make("a", { href, download: "estimate.json" }).click();
    URL.revokeObjectURL(href);
  });
  window.addEventListener("popstate", () => {
    fromAddress();
    update();
  });
  fromAddress(); // also undoes what a browser restores of a form
  begin();
})();
