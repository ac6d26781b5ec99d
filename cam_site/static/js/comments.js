// Comments on lines of a diff: they go into the prompt, or into the answer to what waits.
(() => {
  if (document.querySelector("main.only-look")) return;
  const CODE_CHARACTERS = 120;
  const dialog = document.createElement("dialog");
  dialog.className = "line-comment";
  dialog.setAttribute("aria-labelledby", "line-comment-title");
  dialog.innerHTML = `<form method="dialog"><h2 id="line-comment-title"></h2><pre></pre>
<label class="visually-hidden" for="line-comment-text">Comment</label><textarea id="line-comment-text" rows="3" maxlength="2000" required></textarea>
<div class="actions"><button class="button button-primary" value="add">Add</button><button class="button" value="" formnovalidate>Cancel</button></div></form>`;
  document.body.append(dialog);
  const words = dialog.querySelector("textarea");
  let place = null;

  const fieldFor = (figure) => {
    const card = figure.closest(".approval");
    return card ? card.querySelector("input[name=message]") : document.getElementById("prompt");
  };

  const lineOf = (row) => {
    const figure = row.closest(".diff");
    const line = row.dataset.line ? figure.querySelector("table:not(.split)").rows[row.dataset.line] : row;
    const [old, now, sign, text] = [...line.cells].map((cell) => cell.textContent);
    return { path: figure.querySelector("figcaption code").textContent, number: now || old, code: `${sign}${text}`.slice(0, CODE_CHARACTERS) };
  };

  const open = (row) => {
    const field = fieldFor(row.closest(".diff"));
    if (!field) return;
    place = { ...lineOf(row), fieldId: field.id };
    dialog.querySelector("h2").textContent = place.number ? `${place.path}, line ${place.number}` : place.path;
    dialog.querySelector("pre").textContent = place.code;
    words.value = "";
    dialog.returnValue = "";
    dialog.showModal();
  };

  dialog.addEventListener("close", () => {
    const field = document.getElementById(place.fieldId);
    if (dialog.returnValue !== "add" || !field) return;
    const where = place.number ? `${place.path}:${place.number}` : place.path;
    const comment = `${where} \`${place.code.trim()}\`: ${words.value.trim()}`;
    const between = field.matches("textarea") ? "\n" : " · ";
    field.value = field.value.trim() ? `${field.value.trimEnd()}${between}${comment}` : comment;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  });
  words.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      dialog.querySelector("button[value=add]").click();
    }
  });

  document.addEventListener("click", ({ target }) => {
    const row = target.closest?.(".diff-lines tr");
    if (row && target.closest(".line-number, .line-sign")) open(row);
  });

  // By keyboard: arrows choose a line of the diff that has the focus, Enter comments on it.
  const rowsOf = (lines) => [...lines.querySelectorAll("tr")].filter((row) => row.checkVisibility());
  document.addEventListener("keydown", (event) => {
    const lines = event.target;
    if (!lines.matches?.(".diff-lines") || event.altKey || event.ctrlKey || event.metaKey) return;
    const chosen = lines.querySelector("tr.chosen");
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      const rows = rowsOf(lines);
      const next = rows[rows.indexOf(chosen) + step] ?? (chosen || rows[0]);
      chosen?.classList.remove("chosen");
      next?.classList.add("chosen");
      next?.scrollIntoView({ block: "nearest" });
      event.preventDefault();
    } else if (event.key === "Enter" && chosen) {
      open(chosen);
      event.preventDefault();
    }
  });
})();
