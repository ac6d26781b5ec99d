// Copy what an agent wrote: a button over the text at hand, and the key `c` for the row with the focus.
(() => {
  const WHAT = ".event pre, .event .diff-lines, .event .prose, .event .prompt-text, .approval pre, .file-text";
  const button = document.createElement("button");
  button.className = "button copy";
  button.type = "button";
  button.textContent = "Copy";
  button.hidden = true;
  document.body.append(button);
  let shown = null;

  const select = (element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
  };

  // Without a secure connection there is no clipboard: the text is selected, to be copied by hand.
  const copy = async (element) => {
    const lines = [...element.querySelectorAll(".line-text")].filter((line) => line.checkVisibility()).map((line) => line.textContent);
    const text = lines.length ? lines.join("\n") : element.innerText;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      select(element);
      button.textContent = "Press Ctrl+C";
    }
  };

  const show = (element) => {
    if (element === shown) return;
    shown = element;
    button.textContent = "Copy";
    button.hidden = !element;
    if (!element) return;
    const box = element.getBoundingClientRect();
    button.style.setProperty("inset-block-start", `${box.top + scrollY + 4}px`);
    button.style.setProperty("inset-inline-start", `${Math.max(0, box.right + scrollX - button.offsetWidth - 4)}px`);
  };

  const showFor = ({ target }) => {
    if (target !== button) show(target.closest?.(WHAT) ?? null);
  };
  document.addEventListener("pointerover", showFor);
  document.addEventListener("focusin", showFor);
  addEventListener("scroll", () => show(null), { passive: true });
  button.addEventListener("click", () => shown && copy(shown));
  document.addEventListener("cam:copy", ({ target }) => copy(target));
})();
