// Try again every few seconds, however long the portal is away; not all pages at once when it is back.
htmx.config.wsReconnectDelay = (attempt) => Math.random() * Math.min(1000 * 2 ** attempt, 5000);

// Say when the page has lost the portal, and when it is back. The line is there all the time, empty:
// a screen reader tells only of changes in what it knows.
(() => {
  const FINAL_CODES = { 4403: "You may not watch this agent.", 4404: "This agent is gone." };
  const BACK_MS = 3000;
  const line = document.getElementById("connection");
  if (!line) return;
  let timer = 0;

  const tell = (text) => {
    clearTimeout(timer);
    if (line.textContent !== text) line.textContent = text;
  };

  const tellBack = () => {
    if (!line.textContent) return;
    tell("Connected again");
    timer = setTimeout(() => tell(""), BACK_MS);
  };

  document.addEventListener("htmx:wsOpen", tellBack);
  document.addEventListener("htmx:wsClose", (event) => {
    tell(FINAL_CODES[event.detail.event.code] ?? "Connection lost, trying again…");
  });
  addEventListener("offline", () => tell("This device is offline"));
  addEventListener("online", tellBack);
})();
