// The Config page asks this browser for its permission, and subscribes it to pushes; only by a button.
(() => {
  const panel = document.getElementById("this-browser");
  const state = document.getElementById("browser-state");
  const allow = document.getElementById("allow-notices");
  const start = document.getElementById("start-push");
  const problem = document.getElementById("browser-error");
  const STATES = {
    granted: "Notifications are allowed here.",
    denied: "This browser refuses notifications of this site. Its own settings for this site change that.",
    default: "This browser was not asked yet.",
  };

  const isSupported = "Notification" in window && "serviceWorker" in navigator;
  const canPush = isSupported && "PushManager" in window;

  const refresh = async () => {
    problem.hidden = true;
    if (!isSupported) {
      state.textContent = "This browser cannot show notifications here: that takes https, or this very machine.";
      return;
    }
    state.textContent = STATES[Notification.permission];
    allow.hidden = Notification.permission !== "default";
    const worker = await navigator.serviceWorker.getRegistration("/");
    const isSubscribed = canPush && Boolean(await worker?.pushManager.getSubscription());
    start.hidden = !canPush || Notification.permission !== "granted" || isSubscribed;
    if (isSubscribed) state.textContent += " It gets pushes.";
  };

  const describe = () => {
    const agent = navigator.userAgent;
    const browser = ["Edg", "Firefox", "Chrome", "Safari"].find((name) => agent.includes(`${name}/`)) ?? "Browser";
    const system = ["Android", "iPhone", "iPad", "Windows", "Mac OS", "Linux"].find((name) => agent.includes(name));
    return `${browser === "Edg" ? "Edge" : browser}${system ? ` on ${system}` : ""}`;
  };

  const decode = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));

  const subscribe = async () => {
    await navigator.serviceWorker.register("/sw.js");
    const worker = await navigator.serviceWorker.ready;
    const subscription = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: decode(panel.dataset.key) });
    const { endpoint, keys } = subscription.toJSON();
    const token = JSON.parse(document.body.getAttribute("hx-headers"));
    const answer = await fetch(panel.dataset.add, {
      method: "POST",
      headers: token,
      body: new URLSearchParams({ endpoint, ...keys, device: describe() }),
    });
    if (answer.ok) return location.reload();
    await subscription.unsubscribe();
    throw new Error((await answer.json()).error);
  };

  const attempt = (work) => async () => {
    try {
      await work();
      await refresh();
    } catch (error) {
      problem.textContent = `That did not work: ${error.message}`;
      problem.hidden = false;
    }
  };

  allow.addEventListener("click", attempt(() => Notification.requestPermission()));
  start.addEventListener("click", attempt(subscribe));
  refresh();
})();
