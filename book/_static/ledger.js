// A filter above the ledger: words, verdict, article. Without JavaScript the page is the full table.
document.addEventListener("DOMContentLoaded", () => {
  const place = document.querySelector(".nvl-ledger-filter");
  if (!place) return;

  const claims = [];
  for (const row of document.querySelectorAll("tr.nvl-row")) {
    if (row.classList.contains("nvl-first")) claims.push({ rows: [], id: row.id, classes: row.classList, text: "" });
    const claim = claims.at(-1);
    claim.rows.push(row);
    claim.text += ` ${row.textContent.toLowerCase()}`;
  }
  const values = (prefix) => [...new Set(claims.flatMap((c) => [...c.classes].filter((k) => k.startsWith(prefix))))];

  const make = (name, properties, ...children) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  };
  const choice = (id, label, prefix, order) => {
    const found = values(prefix).map((k) => k.slice(prefix.length));
    const known = order ? order.filter((k) => found.includes(k)) : found.sort();
    const options = known.map((k) => make("option", { value: prefix + k, textContent: k }));
    const select = make("select", { id, name: id }, make("option", { value: "", textContent: "all" }), ...options);
    return [make("label", { htmlFor: id, textContent: label }), select];
  };
  const verdicts = ["reproduced", "approximately", "holds-if", "inconsistent", "contradicted", "not-checkable", "pending"];
  const [wordsLabel, words] = [make("label", { htmlFor: "nvl-words", textContent: "Words" }), make("input", { id: "nvl-words", type: "search" })];
  const [verdictLabel, verdict] = choice("nvl-verdict", "Verdict", "nvl-is-", verdicts);
  const [articleLabel, article] = choice("nvl-article", "Article", "nvl-in-");
  const clear = make("button", { type: "button", textContent: "Clear" });
  const shown = make("output", { htmlFor: "nvl-words nvl-verdict nvl-article" });
  shown.setAttribute("aria-live", "polite");
  const field = (...parts) => make("div", { className: "nvl-field" }, ...parts);
  const form = make("form", {}, field(wordsLabel, words), field(verdictLabel, verdict), field(articleLabel, article), clear, shown);
  form.setAttribute("role", "search");
  form.setAttribute("aria-label", "Filter the claims");
  place.replaceChildren(form);

  const apply = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const claim of claims) {
      const fits =
        wanted.every((word) => claim.text.includes(word)) &&
        (!verdict.value || claim.classes.contains(verdict.value)) &&
        (!article.value || claim.classes.contains(article.value));
      for (const row of claim.rows) row.hidden = !fits;
      count += fits;
    }
    for (const section of document.querySelectorAll(".nvl-ledger-chapter"))
      section.hidden = !section.querySelector("tr.nvl-first:not([hidden])");
    shown.textContent = `${count} of ${claims.length} claims`;
  };
  const reset = () => {
    form.reset();
    apply();
  };
  const follow = () => {
    const target = claims.find((c) => c.id === decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (target.rows[0].hidden) reset();
    target.rows[0].scrollIntoView();
  };
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", apply);
  clear.addEventListener("click", reset);
  window.addEventListener("hashchange", follow);
  apply();
});
