// The selected agents of the list: how many they are, and all of them at once.
// The boxes themselves outlive the rows that are replaced (hx-preserve), with what is checked.
(() => {
  const boxes = () => [...document.querySelectorAll(".agent-select")];

  const tell = () => {
    const all = document.getElementById("select-all");
    if (!all) return;
    const count = boxes().filter((box) => box.checked).length;
    const [every] = all.getElementsByTagName("input");
    all.hidden = boxes().length === 0;
    every.checked = count > 0 && count === boxes().length;
    every.indeterminate = count > 0 && !every.checked;
    const shown = count ? ` (${count})` : "";
    const counter = document.getElementById("selected-count");
    if (counter.textContent !== shown) counter.textContent = shown;
    counter.closest("button").disabled = count === 0;
  };

  document.addEventListener("change", (event) => {
    if (event.target.closest("#select-all")) {
      for (const box of boxes()) box.checked = event.target.checked;
    }
    tell();
  });
  for (const name of ["htmx:wsAfterMessage", "htmx:afterSettle"]) {
    document.addEventListener(name, tell);
  }
  tell();
})();
