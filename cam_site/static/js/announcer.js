// What a screen reader tells of an agent, in one line: a transcript read aloud as it grows would never
// stop. Regions that are swapped whole are no live regions either: they would be told again and again.
(() => {
  const LONGEST = 300;
  const announcer = document.getElementById("announcer");
  const read = () => ({
    status: document.querySelector("#agent-status .chip")?.textContent.trim(),
    asks: [...document.querySelectorAll(".approval")].map((card) => card.id).join(" "),
  });
  let told = read();

  const words = (now) => {
    if (now.asks) return `${now.status}: ${document.querySelector(".approval:last-child h3").textContent.trim()}`;
    const answer = [...document.querySelectorAll("#transcript .prose")].at(-1)?.textContent.trim() ?? "";
    return now.status === "idle" && answer ? `${now.status}: ${answer.slice(0, LONGEST)}` : now.status;
  };

  document.addEventListener("htmx:wsAfterMessage", () => {
    const now = read();
    if (now.status === told.status && (now.asks === told.asks || !now.asks)) return;
    told = now;
    announcer.textContent = words(now);
  });
})();
