// Say so when a request could not be answered; a form's own errors come from the server.
(() => {
  const notice = document.getElementById("page-notice");
  const say = (text) => {
    notice.textContent = text;
    notice.hidden = !text;
  };

  document.addEventListener("htmx:sendError", () => say("The portal cannot be reached. Nothing was sent."));
  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status === 401) return; // session.js says more
    const words = { 403: "The page has expired: reload it.", 404: "It is no longer there: reload the page." };
    say(words[event.detail.xhr.status] ?? "The portal could not do that. Its log says why.");
  });
  document.addEventListener("htmx:beforeRequest", () => say(""));
})();
