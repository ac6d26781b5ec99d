// Every page: the counts in title, navigation and bell, and notifications while nobody looks.
(() => {
  const bell = document.getElementById("bell");
  if (!bell) return;
  const SIGNED_OUT = 4404;
  const SEEN = "cam-notices-seen";
  const title = document.title;
  let attempt = 0;

  const count = (id, number, words) => {
    const badge = document.getElementById(id);
    if (!badge) return;
    badge.textContent = number > 99 ? "99+" : number;
    badge.title = words;
    badge.hidden = number === 0;
  };

  // Of several tabs one tells: whoever looks at a page has seen it, else the first that comes.
  const isFirst = (id) => {
    if (Number(localStorage.getItem(SEEN) ?? 0) >= id) return false;
    localStorage.setItem(SEEN, id);
    return true;
  };

  const tell = async (notice) => {
    if (document.hidden) await new Promise((resolve) => setTimeout(resolve, 300));
    if (!isFirst(notice.id) || !document.hidden || Notification.permission !== "granted") return;
    const worker = await navigator.serviceWorker.register("/sw.js");
    await navigator.serviceWorker.ready;
    await worker.showNotification(notice.title, { body: notice.body, tag: notice.tag, data: { url: notice.url } });
  };

  const show = ({ needing, unread, show: notices }) => {
    document.title = needing ? `(${needing}) ${title}` : title;
    count("needing-count", needing, "Agents that need you");
    count("unread-count", unread, "Unread notifications");
    if ("Notification" in window && "serviceWorker" in navigator) notices.forEach(tell);
  };

  const connect = () => {
    const socket = new WebSocket(new URL(bell.dataset.socket, location.href.replace(/^http/, "ws")));
    socket.addEventListener("message", (event) => {
      attempt = 0;
      show(JSON.parse(event.data));
    });
    socket.addEventListener("close", (event) => {
      if (event.code === SIGNED_OUT) return;
      setTimeout(connect, htmx.config.wsReconnectDelay(attempt));
      attempt += 1;
    });
  };

  connect();
})();
