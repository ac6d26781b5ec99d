// The prompt box: send with Enter, keep the draft, bring back what was said, interrupt with Esc.
(() => {
  const composer = document.getElementById("composer");
  const prompt = document.getElementById("prompt");
  const attached = document.getElementById("attached");
  const draftKey = `cam.draft.${document.body.dataset.username}.${composer.dataset.draft}`;
  const enterSends = matchMedia("(pointer: fine)").matches;
  let history = [];
  let place = -1; // in the history; -1 is what is being written

  const keepDraft = () => {
    if (prompt.value) localStorage.setItem(draftKey, prompt.value);
    else localStorage.removeItem(draftKey);
  };

  const fill = (text) => {
    prompt.value = text;
    prompt.setSelectionRange(text.length, text.length);
    prompt.dispatchEvent(new Event("input", { bubbles: true }));
  };

  // For the scripts that put something into the box: pictures, speech.
  composer.fill = fill;
  composer.complain = (text) => {
    const line = document.createElement("p");
    line.className = "error";
    line.textContent = text;
    composer.querySelector(".agent-error").replaceChildren(...(text ? [line] : []));
  };
  composer.post = (url, body) => {
    const headers = { "X-CSRFToken": composer.elements.csrfmiddlewaretoken.value, "HX-Request": "true" };
    return fetch(url, { method: "POST", body, headers });
  };

  prompt.value ||= localStorage.getItem(draftKey) ?? "";
  prompt.addEventListener("input", keepDraft);

  composer.offers = () => fetch(composer.dataset.offers)
    .then((response) => (response.ok ? response.json() : null))
    .catch(() => null);
  composer.offers().then((known) => {
    history = known?.history ?? [];
  });

  const recall = (step) => {
    const next = Math.min(history.length - 1, Math.max(-1, place + step));
    if (next === place) return false;
    place = next;
    fill(place < 0 ? "" : history[place]);
    return true;
  };

  const maySend = () => prompt.value.trim() || attached.querySelector("[data-screenshot]");

  prompt.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    const isPlainEnter = enterSends && !event.shiftKey;
    if (event.key === "Enter" && (isPlainEnter || event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      if (maySend()) composer.requestSubmit();
      return;
    }
    // Only from an empty box, or where nothing was changed: what somebody writes is never replaced.
    const isUntouched = prompt.value === (place < 0 ? "" : history[place]);
    const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (step && isUntouched && recall(step)) event.preventDefault();
  });

  // What is typed while a prompt is on its way stays.
  let sent = "";
  composer.addEventListener("htmx:beforeRequest", ({ target }) => {
    if (target === composer) sent = prompt.value;
  });
  composer.addEventListener("htmx:afterRequest", ({ detail, target }) => {
    if (target !== composer || !detail.successful) return;
    if (sent && history[0] !== sent) history.unshift(sent);
    place = -1;
    attached.querySelectorAll("[data-screenshot]").forEach((picture) => picture.remove());
    if (prompt.value === sent) fill("");
  });

  // A prompt that has not begun comes back to be changed.
  document.addEventListener("click", ({ target }) => {
    if (!target.matches?.("[data-edits]")) return;
    const words = target.closest("li").querySelector(".prompt-words").textContent;
    fill(prompt.value.trim() ? `${prompt.value.trimEnd()}\n\n${words}` : words);
    target.form.requestSubmit();
    prompt.focus();
  });

  document.addEventListener("keydown", (event) => {
    const isOurs = !event.isComposing && !event.defaultPrevented && !document.querySelector("dialog[open]");
    if (event.key === "Escape" && isOurs) document.getElementById("interrupt")?.click();
  });
})();
