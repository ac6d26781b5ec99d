// A page whose login has ended says so, and keeps what was typed until somebody has logged in again.
(() => {
  const notice = document.getElementById("session-notice");
  if (!notice) return;
  const LOOK_EVERY_MS = 60_000;
  const username = document.body.dataset.username;
  const key = `cam.typed ${username} ${location.pathname}`;
  let lookedAt = Date.now();

  const fields = () => document.querySelectorAll("main textarea, main input:is(:not([type]), [type=text], [type=search])");

  const keep = (isForReload) => {
    const typed = [...fields()].filter((field) => (field.id || field.name) && field.value !== field.defaultValue);
    const values = typed.map((field) => [field.id, field.name, field.value]);
    sessionStorage.setItem(key, JSON.stringify({ isForReload, values }));
  };

  const restore = () => {
    const kept = JSON.parse(sessionStorage.getItem(key) ?? "null");
    sessionStorage.removeItem(key);
    const cameFromLogin = document.referrer && new URL(document.referrer).pathname.startsWith("/accounts/");
    if (!kept || !(kept.isForReload || cameFromLogin)) return;
    for (const [id, name, value] of kept.values) {
      const field = document.getElementById(id) ?? document.querySelector(`main [name="${CSS.escape(name)}"]`);
      if (!field || field.value !== field.defaultValue) continue;
      field.value = value;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
  };

  const isTold = () => notice.childElementCount > 0;

  const tell = () => {
    if (!isTold()) notice.append(document.getElementById("session-ended").content.cloneNode(true));
  };

  const look = async () => {
    lookedAt = Date.now();
    let now;
    try {
      const answer = await fetch(notice.dataset.url, { headers: { Accept: "application/json" } });
      now = (await answer.json()).username;
    } catch {
      return; // Offline: that is told elsewhere.
    }
    if (now !== username) {
      tell();
    } else if (isTold()) {
      keep(true);
      location.reload();
    }
  };

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && (isTold() || Date.now() - lookedAt > LOOK_EVERY_MS)) look();
  });
  addEventListener("focus", () => {
    if (isTold()) look();
  });
  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status === 401) tell();
  });
  document.addEventListener("htmx:wsClose", (event) => {
    if ([4403, 4404].includes(event.detail.event.code)) look();
  });
  document.addEventListener("submit", (event) => {
    const isPlain = event.target.method === "post" && !event.target.hasAttribute("hx-post");
    const isPages = event.target.closest("main") && !location.pathname.startsWith("/accounts/");
    if (isPlain && isPages) keep(false);
  });

  restore();
})();
