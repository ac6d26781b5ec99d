// A tool's result goes into its call, what a subagent does under the call that started it, and the line
// that the address names is shown. The rows come in their order, live ones below and earlier ones above.
(() => {
  const transcript = document.getElementById("transcript");
  const calls = new Map();
  let homeless = [];

  const bodyOf = (row) => row.querySelector(":scope > .event-body");

  const make = (tag, className, ...children) => {
    const element = document.createElement(tag);
    element.className = className;
    element.append(...children);
    return element;
  };

  // Plain output is folded away with the call's input, and its first words stand in the call's line.
  const foldOutput = (place, call) => {
    const fold = bodyOf(call).querySelector(":scope > .tool");
    const output = place.querySelector(":scope > .result");
    if (!fold) return;
    if (output) {
      const words = output.querySelector(".first-line").textContent;
      const isBad = output.classList.contains("tone-bad");
      fold.querySelector("summary").append(make("span", isBad ? "outcome tone-bad" : "outcome", isBad ? `Error: ${words}` : words));
      output.querySelector("summary").remove();
      fold.append(...output.childNodes);
      output.remove();
      fold.open ||= isBad;
    }
    place.querySelector(":scope > .no-output")?.remove();
  };

  const join = (row, call) => {
    const place = make("div", "call-result", ...bodyOf(row).childNodes);
    place.id = row.id;
    row.removeAttribute("id");
    row.hidden = true; // it stays for its number: the socket goes on after the last one
    foldOutput(place, call);
    bodyOf(call).append(place);
    const subagent = bodyOf(call).querySelector(":scope > .subagent");
    if (subagent) subagent.open = false;
  };

  const nest = (row, call) => {
    const body = bodyOf(call);
    let fold = body.querySelector(":scope > .subagent");
    if (!fold) {
      fold = make("details", "fold subagent", make("summary", ""), make("ol", "transcript"));
      fold.open = !body.querySelector(":scope > .call-result");
      body.querySelector(":scope > .tool")?.after(fold);
    }
    const list = fold.querySelector("ol");
    const next = [...list.children].find((other) => Number(other.dataset.seq) > Number(row.dataset.seq));
    list.insertBefore(row, next ?? null);
    const count = list.querySelectorAll(":scope > li:not([hidden])").length;
    fold.querySelector("summary").textContent = `Subagent, ${count} ${count === 1 ? "line" : "lines"}`;
  };

  const settle = (row) => {
    const result = calls.get(row.dataset.resultOf);
    if (result) join(row, result);
    const parent = calls.get(row.dataset.parent);
    if (parent && parent !== row) nest(row, parent);
    const waitsForCall = row.dataset.resultOf && !result;
    return !waitsForCall && !(row.dataset.parent && !parent);
  };

  const arrange = (rows) => {
    for (const row of rows) {
      transcript.dataset.after = Math.max(Number(transcript.dataset.after ?? 0), Number(row.dataset.seq));
      if (row.dataset.call) calls.set(row.dataset.call, row);
    }
    homeless = [...homeless, ...rows].filter((row) => row.isConnected && !settle(row));
  };

  const showLinked = () => {
    const linked = document.getElementById(`event-${transcript.dataset.at}`);
    if (!linked) return;
    for (let fold = linked.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    linked.classList.add("linked");
    linked.scrollIntoView({ block: "center", behavior: "instant" });
  };

  new MutationObserver((changes) => {
    const rows = changes.flatMap((change) => [...change.addedNodes]).filter((node) => node.matches?.("[data-seq]"));
    arrange(rows.filter((row) => row.parentElement === transcript));
  }).observe(transcript, { childList: true });

  arrange([...transcript.querySelectorAll(":scope > [data-seq]")]);
  showLinked();
})();
