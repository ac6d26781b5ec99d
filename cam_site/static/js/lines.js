// Links to lines of a file: `#L3`, or `#L3-L9` by a click with Shift.
(() => {
  const mark = () => {
    const [first, last] = [.../^#L(\d+)(?:-L(\d+))?$/.exec(location.hash) ?? []].slice(1).map(Number);
    document.querySelectorAll(".file-text .linked").forEach((row) => row.classList.remove("linked"));
    if (!first) return;
    for (let line = first; line <= (last || first); line += 1) {
      const row = document.getElementById(`L${line}`);
      if (!row) break;
      row.classList.add("linked");
    }
    document.getElementById(`L${first}`)?.scrollIntoView({ block: "center" });
  };

  document.addEventListener("click", (event) => {
    const first = Number(/^#L(\d+)/.exec(location.hash)?.[1]);
    const line = Number(event.target.dataset?.line);
    if (!event.shiftKey || !first || !line) return;
    event.preventDefault();
    location.hash = `L${Math.min(first, line)}-L${Math.max(first, line)}`;
  });
  addEventListener("hashchange", mark);
  mark();
})();
