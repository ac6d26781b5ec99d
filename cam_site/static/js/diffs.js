// Diffs side by side, where there is room and somebody wants it.
(() => {
  const CHOICE = "cam.diffs.split";
  const hasRoom = matchMedia("(min-width: 64rem)");
  let isSplit = localStorage.getItem(CHOICE) !== null;

  const cell = (className, ...children) => {
    const made = document.createElement("td");
    made.className = className;
    made.append(...children);
    return made;
  };

  const half = (line, side) => {
    if (!line) return [cell("line-number"), cell("line-text line-none")];
    const number = line.cells[side === "old" ? 0 : 1].textContent;
    const text = cell(`line-text ${line.className}`, ...line.cells[3].cloneNode(true).childNodes);
    return [cell("line-number", number), text];
  };

  const pair = (olds, news) =>
    Array.from({ length: Math.max(olds.length, news.length) }, (_, place) => {
      const row = document.createElement("tr");
      row.append(...half(olds[place], "old"), ...half(news[place], "new"));
      row.dataset.line = (news[place] ?? olds[place]).rowIndex;
      return row;
    });

  const splitHunk = (hunk) => {
    const made = document.createElement("tbody");
    let olds = [];
    let news = [];
    const flush = () => {
      made.append(...pair(olds, news));
      olds = [];
      news = [];
    };
    for (const line of hunk.rows) {
      if (line.classList.contains("line-delete")) olds.push(line);
      else if (line.classList.contains("line-add")) news.push(line);
      else {
        flush();
        made.append(...pair([line], [line]));
      }
    }
    flush();
    return made;
  };

  const split = (figure) => {
    const unified = figure.querySelector("table");
    const made = document.createElement("table");
    made.className = "split";
    made.append(...[...unified.tBodies].map(splitHunk));
    unified.after(made);
  };

  const offer = (figure) => {
    const toggle = document.createElement("button");
    toggle.type = "button";
    toggle.className = "button button-quiet diff-view";
    figure.querySelector("figcaption").append(toggle);
  };

  const show = (figure) => {
    const isWanted = isSplit && hasRoom.matches;
    if (!figure.querySelector(".diff-view")) offer(figure);
    if (isWanted && !figure.querySelector(".split")) split(figure);
    figure.classList.toggle("is-split", isWanted);
    const toggle = figure.querySelector(".diff-view");
    toggle.textContent = isWanted ? "Unified" : "Side by side";
    toggle.hidden = !hasRoom.matches;
  };

  const showAll = () => document.querySelectorAll(".diff").forEach(show);
  const showNew = () => document.querySelectorAll(".diff:not(:has(.diff-view))").forEach(show);

  document.addEventListener("click", ({ target }) => {
    if (!target.matches?.(".diff-view")) return;
    isSplit = !isSplit;
    if (isSplit) localStorage.setItem(CHOICE, "1");
    else localStorage.removeItem(CHOICE);
    showAll();
  });
  hasRoom.addEventListener("change", showAll);
  for (const news of ["htmx:wsAfterMessage", "htmx:afterSwap"]) document.addEventListener(news, showNew);
  showNew();
})();
