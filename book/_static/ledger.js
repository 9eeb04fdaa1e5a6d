// Search, filter and sort above the ledger, kept in the address; a link to a claim opens it whatever the filter says.
// Without JavaScript the page is the full table.
document.addEventListener("DOMContentLoaded", () => {
  const place = document.querySelector(".nvl-ledger-filter");
  if (!place) return;
  document.body.removeAttribute("data-bs-spy"); // marking the place in the contents would lay out every chapter at once
  const data = JSON.parse(place.querySelector("script").textContent);

  const claims = []; // in the order of the page
  for (const row of document.querySelectorAll("tr.nvl-row")) {
    if (row.classList.contains("nvl-first"))
      claims.push({ id: row.id, order: claims.length, rows: [], home: row.parentElement, ...data.claims[row.id] });
    claims.at(-1).rows.push(row);
  }
  const byId = new Map(claims.map((claim) => [claim.id, claim]));
  const sections = [...document.querySelectorAll(".nvl-ledger-chapter")];

  // The form
  const make = (name, properties, ...children) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  };
  const option = ([value, textContent]) => make("option", { value, textContent });
  const field = (label, control) => {
    control.id = `nvl-${control.name}`;
    return make("div", { className: "nvl-field" }, make("label", { htmlFor: control.id, textContent: label }), control);
  };
  const select = (name, first, choices) => make("select", { name }, option(["", first]), ...Object.entries(choices).map(option));
  const groups = { holds: ["reproduced", "approximately"], fails: ["inconsistent", "contradicted"] };
  const orders = {
    verdict: "verdict",
    high: "ratio, highest first",
    low: "ratio, lowest first",
    far: "ratio, furthest from the claim",
  };
  const controls = {
    words: make("input", { name: "words", type: "search", autocomplete: "off" }),
    verdict: select("verdict", "all", { holds: "holds (either)", fails: "fails (either)", ...data.verdict }),
    article: select("article", "all", data.article),
    chapter: select("chapter", "all", data.chapter),
    tag: select("tag", "all", data.tag),
    sort: select("sort", "chapter", orders),
  };
  const labels = { words: "Words", verdict: "Verdict", article: "Article", chapter: "Chapter", tag: "Tag in the article", sort: "Sort by" };
  const clear = make("button", { type: "button", textContent: "Clear" });
  const shown = make("output", {});
  shown.setAttribute("aria-live", "polite");
  const form = make("form", {}, ...Object.entries(controls).map(([name, control]) => field(labels[name], control)), clear, shown);
  form.setAttribute("role", "search");
  form.setAttribute("aria-label", "Filter the claims");
  place.replaceChildren(form);

  // One table for every order but the page's own
  const flat = make("section", { hidden: true, className: "nvl-ledger-flat" });
  const head = document.querySelector("table.nvl-ledger");
  if (head) {
    const table = head.cloneNode(false);
    table.append(head.tHead.cloneNode(true), document.createElement("tbody"));
    const box = head.closest(".pst-scrollable-table-container")?.cloneNode(false) ?? document.createElement("div");
    box.append(table);
    flat.append(box);
  }
  place.after(flat);

  const far = ({ ratio }) => (ratio ? Math.abs(Math.log(ratio)) : -1);
  const rank = Object.keys(data.verdict);
  const compare = {
    verdict: (a, b) => rank.indexOf(a.verdict) - rank.indexOf(b.verdict),
    high: (a, b) => (b.ratio ?? -Infinity) - (a.ratio ?? -Infinity),
    low: (a, b) => (a.ratio ?? Infinity) - (b.ratio ?? Infinity),
    far: (a, b) => far(b) - far(a),
  };
  let sorted = "";
  function sort(by) {
    if (by === sorted) return;
    sorted = by;
    const order = by ? [...claims].sort((a, b) => compare[by](a, b) || a.order - b.order) : claims;
    const body = flat.querySelector("tbody");
    for (const claim of order) (by ? body : claim.home).append(...claim.rows);
    flat.hidden = !by;
  }

  // What the words are sought in: a claim's rows and what they open to, which is loaded when words are first asked for
  const plain = (html) => new DOMParser().parseFromString(html, "text/html").body.textContent;
  let reading = null;
  function read() {
    const take = (excerpts) => {
      for (const claim of claims)
        claim.text = `${claim.rows.map((row) => row.textContent).join(" ")} ${plain(excerpts[claim.id] ?? "")}`.toLowerCase();
      form.removeAttribute("aria-busy");
      follow();
    };
    form.setAttribute("aria-busy", "true");
    shown.textContent = "reading the claims";
    return nvlExcerptsOf(document.querySelectorAll("tr.nvl-row details")).then(take, () => take({}));
  }

  let pinned = null; // the claim a link asked for; it shows whatever the filter says
  function apply() {
    const words = controls.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const verdicts = groups[controls.verdict.value] ?? [controls.verdict.value];
    const { article, chapter, tag } = controls;
    sort(controls.sort.value);
    if (words.length && !claims[0]?.text) {
      reading ??= read();
      return; // applied once they are read
    }
    let count = 0;
    for (const claim of claims) {
      const fits =
        (!words.length || words.every((word) => claim.text.includes(word))) &&
        (!controls.verdict.value || verdicts.includes(claim.verdict)) &&
        (!article.value || claim.article === article.value) &&
        (!chapter.value || claim.chapter === chapter.value) &&
        (!tag.value || claim.tag === tag.value);
      const [hidden, marked] = [!fits && claim !== pinned, claim === pinned];
      if (hidden !== (claim.hidden ?? false)) for (const row of claim.rows) row.hidden = hidden;
      if (marked !== (claim.marked ?? false)) for (const row of claim.rows) row.classList.toggle("nvl-pinned", marked);
      Object.assign(claim, { hidden, marked });
      claim.fits = fits;
      count += fits;
    }
    for (const section of sections) section.hidden = !!sorted || !section.querySelector("tr.nvl-first:not([hidden])");
    const extra = pinned && !pinned.fits ? ", and the one linked to" : "";
    shown.textContent = `${count} of ${claims.length} claims${extra}`;
  }

  // The address
  function restore() {
    const given = new URLSearchParams(location.search);
    for (const [name, control] of Object.entries(controls)) {
      control.value = given.get(name) ?? "";
      if (control.selectedIndex === -1) control.value = ""; // a choice that does not exist
    }
  }
  function write() {
    const chosen = Object.entries(controls).filter(([, control]) => control.value);
    const query = new URLSearchParams(chosen.map(([name, control]) => [name, control.value]));
    const hash = pinned || location.hash === "#claims" ? location.hash : "";
    history.replaceState(history.state, "", `${location.pathname}${chosen.length ? `?${query}` : ""}${hash}`);
  }

  const target = () => byId.get(decodeURIComponent(location.hash.slice(1)));
  function follow() {
    pinned = target() ?? null;
    apply();
    if (!pinned) return;
    for (const row of pinned.rows) for (const part of row.querySelectorAll("details")) part.open = true;
    const show = () => pinned?.rows[0].scrollIntoView();
    show();
    requestAnimationFrame(() => requestAnimationFrame(show)); // what came on screen has its real height now
  }

  const change = () => {
    pinned = null;
    apply();
    write();
  };
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", change);
  clear.addEventListener("click", () => {
    form.reset();
    change();
  });
  window.addEventListener("hashchange", follow);
  window.addEventListener("popstate", () => {
    restore();
    follow();
  });
  restore();
  follow();

  // Charts above are redrawn after loading and may change their height: stay with the target until the reader moves.
  const settle = () => (pinned ? pinned.rows[0] : document.getElementById(location.hash.slice(1)))?.scrollIntoView();
  if (location.hash) {
    const watch = new MutationObserver(settle);
    for (const box of document.querySelectorAll(".nvl-chart")) watch.observe(box, { attributes: true, attributeFilter: ["data-drawn"] });
    for (const kind of ["wheel", "touchmove", "keydown", "pointerdown"])
      window.addEventListener(kind, () => watch.disconnect(), { once: true, passive: true });
  }
});
