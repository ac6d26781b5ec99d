// The palette: Ctrl+K or Cmd+K opens it, arrows choose, Enter opens what is chosen, Esc closes.
(() => {
  const palette = document.getElementById("palette");
  if (!palette) return;
  const query = document.getElementById("palette-query");
  const found = document.getElementById("palette-found");
  const count = document.getElementById("palette-count");
  let isAwaited = false; // Enter came before what was found for the words

  const options = () => [...found.querySelectorAll("[role=option]")];
  const chosen = () => found.querySelector("[aria-selected=true]");

  const choose = (option) => {
    chosen()?.setAttribute("aria-selected", "false");
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    if (option) query.setAttribute("aria-activedescendant", option.id);
    else query.removeAttribute("aria-activedescendant");
  };

  const step = (by) => {
    const all = options();
    const next = all.indexOf(chosen()) + by;
    choose(all[next] ?? all.at(by > 0 ? 0 : -1));
  };

  const openChosen = () => {
    isAwaited = !chosen() && Boolean(query.value.trim());
    chosen()?.click();
  };

  const open = () => {
    if (document.querySelector("dialog[open]")) return;
    palette.showModal();
    query.value = "";
    choose(null);
    isAwaited = false;
    htmx.trigger(query, "look");
  };

  document.addEventListener("keydown", (event) => {
    const isK = event.key.toLowerCase() === "k" && !event.altKey && !event.shiftKey;
    if (!isK || event.ctrlKey === event.metaKey || event.isComposing) return;
    event.preventDefault();
    if (palette.open) palette.close();
    else open();
  });

  query.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown") step(1);
    else if (event.key === "ArrowUp") step(-1);
    else if (event.key === "Enter") openChosen();
    else return;
    event.preventDefault();
  });
  // What was found for other words is not to be opened.
  query.addEventListener("input", () => {
    isAwaited = false;
    choose(null);
  });

  // Not earlier: until then htmx does not know the forms that came in.
  found.addEventListener("htmx:afterSettle", () => {
    if (document.getElementById("palette-list").dataset.query !== query.value) return;
    const all = options();
    // Without words nothing is chosen: the first may be an action, and Enter a slip.
    choose(query.value.trim() ? all[0] : null);
    if (isAwaited) openChosen();
    count.textContent = found.querySelector("#palette-nothing")?.textContent ?? `${all.length} found`;
  });
  found.addEventListener("click", (event) => {
    if (event.target.closest("[role=option]")) palette.close();
  });
  palette.addEventListener("click", (event) => {
    if (event.target === palette) palette.close();
  });

  for (const opener of document.querySelectorAll("[data-opens=palette]")) {
    opener.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      open();
    });
    if (/Mac|iPhone|iPad/.test(navigator.platform)) opener.querySelector("kbd").textContent = "⌘K";
  }
})();
