// Repairs what the theme leaves inaccessible: names that differ from the visible text, regions without one, tables that scroll.
document.addEventListener("DOMContentLoaded", () => {
  for (const element of document.querySelectorAll(".search-button-field, .theme-switch-button, summary[aria-label]"))
    element.removeAttribute("aria-label");
  for (const element of document.querySelectorAll(".theme-switch-button")) element.title ||= "Colour theme";
  const start = document.querySelector(".sidebar-primary-items__start");
  start?.setAttribute("role", "navigation");
  start?.setAttribute("aria-label", "Book");
  for (const element of document.querySelectorAll(".citation-list, .citation-list [role]")) element.removeAttribute("role");
  for (const head of document.querySelectorAll(".bd-article th")) {
    if (head.textContent.trim()) continue; // an empty head cell is read out as a heading without a name
    const cell = document.createElement("td");
    cell.className = head.className;
    cell.colSpan = head.colSpan;
    head.replaceWith(cell);
  }

  const reachable = () => {
    for (const box of document.querySelectorAll(".pst-scrollable-table-container, .nvl-chart, div.output.text_html")) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  };
  reachable();
  window.addEventListener("resize", reachable);
});
