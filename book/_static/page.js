// Repairs what the theme leaves inaccessible: names that differ from the visible text, regions without one, tables that scroll.
document.addEventListener("DOMContentLoaded", () => {
  for (const element of document.querySelectorAll(".search-button-field, .theme-switch-button, summary[aria-label]"))
    element.removeAttribute("aria-label");
  for (const summary of document.querySelectorAll(".bd-links summary")) {
    const link = summary.closest("li")?.querySelector("a");
    summary.setAttribute("aria-label", `Pages under ${link?.textContent.trim() ?? "this one"}`);
  }
  for (const element of document.querySelectorAll(".theme-switch-button")) element.title ||= "Colour theme";
  const start = document.querySelector(".sidebar-primary-items__start");
  start?.setAttribute("role", "navigation");
  start?.setAttribute("aria-label", "Book");
  for (const element of document.querySelectorAll(".citation-list, .citation-list [role]")) element.removeAttribute("role");
  document.querySelector(".btn-download-pdf-button")?.addEventListener("click", () => window.print());
  document.querySelector(".bd-search-container input[type=search], #main-content form.bd-search input")?.focus(); // on the search page

  // What scrolls sideways is reached by keyboard. The observer reports what is on screen, so that nothing else has to be laid out.
  const watch = new ResizeObserver((entries) => {
    const measured = entries.map(({ target: t }) => [t, t.scrollWidth > t.clientWidth || t.scrollHeight > t.clientHeight]);
    for (const [target, scrolls] of measured) {
      if (scrolls) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  const scrolling = "pre, .pst-scrollable-table-container, .nvl-chart, .cell_output > .output, mjx-container[display]";
  const watchAll = (place) => {
    for (const box of place.querySelectorAll(scrolling)) watch.observe(box);
  };
  watchAll(document);
  document.addEventListener("nvl-shown", ({ target }) => watchAll(target));
});
