// The agent's page: stay at the newest line, send with Enter, interrupt with Esc.
(() => {
  const NEAR_BOTTOM_PX = 120;
  const TRIM_ABOVE_ROWS = 2000;
  const KEEP_ROWS = 1500;
  const transcript = document.getElementById("transcript");
  const jump = document.getElementById("jump");
  const composer = document.getElementById("composer");
  const prompt = document.getElementById("prompt");
  const page = document.scrollingElement;
  let isPinned = true;
  let lastSeq = transcript.lastElementChild?.id;

  const scrollDown = () => page.scrollTo({ top: page.scrollHeight, behavior: "instant" });

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

  addEventListener("scroll", () => {
    isPinned = page.scrollHeight - page.scrollTop - innerHeight < NEAR_BOTTOM_PX;
    if (isPinned) jump.hidden = true;
  }, { passive: true });

  new ResizeObserver(() => {
    if (isPinned) scrollDown();
  }).observe(document.getElementById("main"));

  document.addEventListener("htmx:wsAfterMessage", () => {
    const newest = transcript.lastElementChild?.id;
    if (isPinned) {
      trim();
      scrollDown();
    } else if (newest !== lastSeq) {
      jump.hidden = false;
    }
    lastSeq = newest;
  });

  jump.addEventListener("click", () => {
    scrollDown();
    prompt.focus({ preventScroll: true });
  });

  // Rows that come in above leave the reader at the same place.
  let below = 0;
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target === transcript) below = page.scrollHeight - page.scrollTop;
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target === transcript) page.scrollTo({ top: page.scrollHeight - below, behavior: "instant" });
  });

  const enterSends = matchMedia("(pointer: fine)").matches;
  prompt.addEventListener("keydown", (event) => {
    const isPlainEnter = enterSends && !event.shiftKey;
    if (event.key === "Enter" && !event.isComposing && (isPlainEnter || event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      composer.requestSubmit();
    }
  });

  // What is typed while a prompt is on its way stays.
  let sent = "";
  composer.addEventListener("htmx:beforeRequest", () => {
    sent = prompt.value;
  });
  composer.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful && prompt.value === sent) prompt.value = "";
  });

  document.addEventListener("keydown", (event) => {
    const isOurs = !event.isComposing && !document.querySelector("dialog[open]");
    if (event.key === "Escape" && isOurs) document.getElementById("interrupt")?.click();
  });

  scrollDown();
})();
