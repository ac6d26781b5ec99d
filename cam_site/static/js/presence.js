// Who else has this agent's page open. The line is the same for all viewers, so the page leaves its own out.
(() => {
  const me = document.body.dataset.username;
  const show = () => {
    const line = document.getElementById("agent-viewers");
    const others = line.dataset.viewers.split(" ").filter((name) => name && name !== me);
    const words = others.length ? `Also here: ${others.join(", ")}` : "";
    if (line.textContent !== words) line.textContent = words;
  };
  document.addEventListener("htmx:wsAfterMessage", show);
  show();
})();
