// The live dashboard: swaps change only what differs, so that focus, scroll, hover and open lists stay; a page that
// nobody looks at does not ask.
(() => {
  const isSame = (old, fresh) => old.nodeName === fresh.nodeName && old.id === fresh.id;

  const patchAttributes = (old, fresh) => {
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (name !== "open" && old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
  };

  const patchValue = (old, fresh) => {
    if (old instanceof HTMLOptionElement && old.selected !== fresh.selected) old.selected = fresh.selected;
    if (old instanceof HTMLInputElement && old.value !== fresh.value) old.value = fresh.value;
  };

  const patch = (old, fresh) => {
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.data !== fresh.data) old.data = fresh.data;
      return;
    }
    patchAttributes(old, fresh);
    if (!old.hasAttribute("data-keep")) patchChildren(old, fresh);
    patchValue(old, fresh);
  };

  // Children pair up in their order; one with an id is looked for further on, and what stood before it is gone.
  const patchChildren = (old, fresh) => {
    let at = old.firstChild;
    const dropUntil = (end) => {
      while (at !== end) {
        const gone = at;
        at = at.nextSibling;
        gone.remove();
      }
    };
    for (const child of [...fresh.childNodes]) {
      let match = at;
      while (match && child.id && !isSame(match, child)) match = match.nextSibling;
      if (match && isSame(match, child)) {
        dropUntil(match);
        at = match.nextSibling;
        patch(match, child);
      } else {
        old.insertBefore(child, at);
      }
    }
    dropUntil(null);
  };

  htmx.defineExtension("patch", {
    isInlineSwap: (style) => style === "patch",
    handleSwap(style, target, fragment) {
      if (style !== "patch") return false;
      const fresh = fragment.querySelector(`#${target.id}`);
      if (fresh) patch(target, fresh);
      else location.reload();
      return [target];
    },
  });

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) htmx.trigger("#updated", "look");
  });
})();
