// News must not take the focus away from who goes about by keyboard.
(() => {
  // What takes the place of an element that was swapped out: by its id, its address, or what holds it.
  const successor = (element) => {
    if (element.isConnected) return element;
    if (element.id) return document.getElementById(element.id);
    const address = element.getAttribute("href");
    if (address) return document.querySelector(`main a[href="${CSS.escape(address)}"]`);
    return document.getElementById(element.closest("[id]")?.id);
  };

  // A field that is kept through a swap (hx-preserve) is moved, and so loses the focus: give it back.
  let focused = null;
  document.addEventListener("htmx:wsBeforeMessage", () => {
    focused = document.activeElement;
  });
  document.addEventListener("htmx:wsAfterMessage", () => {
    const now = focused && successor(focused);
    if (now && document.activeElement !== now) now.focus({ preventScroll: true });
  });
})();
