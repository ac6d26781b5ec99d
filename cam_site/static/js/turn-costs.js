// What each turn cost, as soon as the ledger knows it.
(() => {
  const WAITS_MS = [1500, 4000, 10000, 20000];
  const MOST = 200;
  const transcript = document.getElementById("transcript");
  let attempt = 0;
  let timer = 0;

  const askLater = () => {
    clearTimeout(timer);
    if (attempt < WAITS_MS.length) timer = setTimeout(ask, WAITS_MS[attempt++]);
  };

  const ask = async () => {
    const waiting = [...transcript.querySelectorAll(".turn-cost:empty")].slice(-MOST);
    if (!waiting.length) return;
    const places = new Map(waiting.map((place) => [place.closest("[data-seq]").dataset.seq, place]));
    const query = new URLSearchParams([...places.keys()].map((seq) => ["seq", seq]));
    const response = await fetch(`${transcript.dataset.costs}?${query}`).catch(() => null);
    if (response?.ok) {
      for (const [seq, cost] of Object.entries(await response.json())) places.get(seq).textContent = `· ${cost}`;
    }
    if (transcript.querySelector(".turn-cost:empty")) askLater();
  };

  new MutationObserver((changes) => {
    const isNews = changes.some((change) => [...change.addedNodes].some((row) => row.classList?.contains("event-turn")));
    if (!isNews) return;
    attempt = 0;
    askLater();
  }).observe(transcript, { childList: true });

  // An agent that may not be watched any more tells nothing.
  document.addEventListener("htmx:wsClose", ({ detail }) => {
    if (![4403, 4404].includes(detail.event.code)) return;
    clearTimeout(timer);
    attempt = WAITS_MS.length;
  });
  ask();
})();
