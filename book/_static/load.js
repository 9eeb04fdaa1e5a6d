// Loads scripts that few readers need when they are needed, each once; one that fails is asked for again the next time. It is a tag
// and not a fetch, which a page that was opened from a disk may not do.
window.nvlLoad = (() => {
  const folder = document.currentScript.src;
  const asked = new Map();
  const ask = (name) =>
    new Promise((done, fail) => {
      const script = document.createElement("script");
      script.src = new URL(name, folder);
      script.onload = done;
      script.onerror = () => {
        asked.delete(name);
        fail(new Error(`${name} did not load`));
      };
      document.head.append(script);
    });
  return (name) => asked.get(name) ?? asked.set(name, ask(name)).get(name); // a name in the folder of the scripts
})();
