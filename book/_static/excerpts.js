// Parts that open on demand hold a link to an excerpt of another page; when one is opened, the excerpt takes the link's place.
(() => {
  const address = (part) => `excerpts/${part.dataset.excerpts}`;
  const name = (link) => decodeURIComponent(link.hash.slice(1));

  async function show(part) {
    await nvlLoad(address(part));
    const link = part.querySelector(":scope > a");
    if (!link) return; // opened, closed and opened again meanwhile
    const content = document.createRange().createContextualFragment(nvlExcerpts[name(link)]);
    const here = [...content.querySelectorAll("a[href]")].filter((a) => a.hash && a.pathname === location.pathname);
    for (const a of here) a.setAttribute("href", a.hash); // the excerpt's page names this one
    link.replaceWith(content);
    part.dispatchEvent(new CustomEvent("nvl-shown", { bubbles: true })); // page.js looks for what scrolls in it
  }

  document.addEventListener(
    "toggle",
    ({ target }) => {
      if (target.open && target.matches("[data-excerpts]")) show(target).catch(console.error); // the link stays
    },
    true,
  );

  // Every excerpt of the files that these parts name, by its own name.
  window.nvlExcerptsOf = (parts) => Promise.all([...parts].map((part) => nvlLoad(address(part)))).then(() => nvlExcerpts);
})();
