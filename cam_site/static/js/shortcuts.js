// Single keys, as the overlay lists them: never while somebody types, never with a modifier.
(() => {
  const help = document.getElementById("keyboard-help");
  if (!help) return;
  const SWITCHED_OFF = "cam.shortcuts.off";
  const SEQUENCE_MS = 1500;
  const isOn = document.getElementById("shortcuts-on");
  const shortcuts = new Map([...help.querySelectorAll("[data-keys]")].map((row) => [row.dataset.keys, row.dataset]));
  let begun = "";
  let timer = 0;

  isOn.checked = localStorage.getItem(SWITCHED_OFF) === null;
  isOn.addEventListener("change", () => {
    if (isOn.checked) localStorage.removeItem(SWITCHED_OFF);
    else localStorage.setItem(SWITCHED_OFF, "1");
  });

  const focus = (element) => {
    if (!element) return false;
    if (element.tabIndex < 0) element.tabIndex = -1;
    element.focus();
    return true;
  };

  const walk = (selector, by) => {
    const rows = [...document.querySelectorAll(selector)].filter((row) => row.checkVisibility());
    const now = rows.findIndex((row) => row.contains(document.activeElement));
    if (now >= 0) return focus(rows[now + by]);
    const first = rows.find((row) => row.matches(".approval"));
    return focus(first ?? (rows[0]?.matches("#transcript > li") ? rows.at(-1) : rows[0]));
  };

  // Only for the card that has the focus, and not for a question, whose answers are chosen first.
  const decide = (decision) => {
    const card = document.activeElement.closest(".approval:not(:has(.answers))");
    const button = card?.querySelector(`button[name=decision][value=${decision}]`);
    button?.click();
    return Boolean(button);
  };

  const copy = () => document.activeElement.closest(".event")?.querySelector(".event-body")?.dispatchEvent(new Event("cam:copy", { bubbles: true }));

  const show = () => {
    help.showModal();
    return true;
  };

  const actions = {
    allow: () => decide("once"),
    copy,
    deny: () => decide("deny"),
    focus: ({ target }) => focus(document.querySelector(target)),
    go: ({ target }) => {
      location.assign(target);
      return true;
    },
    help: show,
    next: ({ target }) => walk(target, 1),
    press: ({ target }) => {
      const button = document.querySelector(target);
      button?.click();
      return Boolean(button);
    },
    previous: ({ target }) => walk(target, -1),
  };

  const isTyping = (element) => element?.closest("input, textarea, select, [contenteditable], [role=combobox]");

  const isForUs = (event) =>
    isOn.checked &&
    !event.defaultPrevented &&
    !event.isComposing &&
    !(event.ctrlKey || event.altKey || event.metaKey) &&
    !(event.shiftKey && /^[a-z]$/i.test(event.key)) && // but for ?, which needs it
    !isTyping(event.target) &&
    !document.querySelector("dialog[open]");

  document.addEventListener("keydown", (event) => {
    clearTimeout(timer);
    const keys = begun ? `${begun} ${event.key}` : event.key;
    begun = "";
    if (!isForUs(event)) return;
    const shortcut = shortcuts.get(keys);
    if (shortcut) {
      const mayRepeat = ["next", "previous"].includes(shortcut.action);
      if ((mayRepeat || !event.repeat) && actions[shortcut.action](shortcut)) event.preventDefault();
    } else if ([...shortcuts.keys()].some((known) => known.startsWith(`${keys} `))) {
      begun = keys;
      timer = setTimeout(() => (begun = ""), SEQUENCE_MS);
    }
  });

  for (const opener of document.querySelectorAll("[data-opens=keyboard-help]")) opener.addEventListener("click", show);
  help.addEventListener("click", (event) => {
    if (event.target === help) help.close();
  });
})();
