// The live transcript: stay at the newest line, or say how many came below; keep it short.
(() => {
  const NEAR_BOTTOM_PX = 120;
  const TRIM_ABOVE_ROWS = 2000;
  const KEEP_ROWS = 1500;
  const transcript = document.getElementById("transcript");
  const jump = document.getElementById("jump");
  const page = document.scrollingElement;
  let isPinned = !transcript.dataset.at;
  let newest = Number(transcript.dataset.after);
  let below = 0;

  const scrollDown = () => page.scrollTo({ top: page.scrollHeight, behavior: "instant" });

  const countBelow = (count) => {
    below = count;
    jump.hidden = !count;
    jump.textContent = `${count} new below ↓`;
  };

  const trim = () => {
    if (transcript.children.length <= TRIM_ABOVE_ROWS) return;
    while (transcript.children.length > KEEP_ROWS) transcript.firstElementChild.remove();
    const before = transcript.firstElementChild.dataset.seq;
    const earlier = document.getElementById("earlier");
    const link = earlier.querySelector("a");
    link.href = link.href.replace(/before=\d+/, `before=${before}`);
    link.setAttribute("hx-vals", JSON.stringify({ before: Number(before) }));
    earlier.hidden = false;
  };

  // Only who scrolls up leaves the end: a page that grows, as by an image, moves nobody.
  let lastTop = 0;
  addEventListener("scroll", () => {
    const isNear = page.scrollHeight - page.scrollTop - innerHeight < NEAR_BOTTOM_PX;
    isPinned = isNear || (isPinned && page.scrollTop >= lastTop);
    lastTop = page.scrollTop;
    if (isNear) countBelow(0);
  }, { passive: true });

  new ResizeObserver(() => {
    if (isPinned) scrollDown();
  }).observe(document.getElementById("main"));

  new MutationObserver((changes) => {
    const seqs = changes
      .flatMap((change) => [...change.addedNodes])
      .filter((row) => row.dataset?.seq && !row.hidden)
      .map((row) => Number(row.dataset.seq));
    const news = seqs.filter((seq) => seq > newest).length;
    newest = Math.max(newest, ...seqs);
    if (isPinned) {
      trim();
      scrollDown();
    } else if (news) {
      countBelow(below + news);
    }
  }).observe(transcript, { childList: true });

  jump.addEventListener("click", () => {
    scrollDown();
    document.getElementById("prompt")?.focus({ preventScroll: true });
  });

  // Rows that come in above leave the reader at the same place, once they are arranged.
  let fromEnd = 0;
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target === transcript) fromEnd = page.scrollHeight - page.scrollTop;
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target !== transcript) return;
    queueMicrotask(() => page.scrollTo({ top: page.scrollHeight - fromEnd, behavior: "instant" }));
  });

  if (isPinned) scrollDown();
})();
