// Say when a request could not be answered; a form's own errors come from the server. A page that asks
// again and again says it once, and does not ask while nobody sees it.
(() => {
  const notice = document.getElementById("page-notice");
  let isOfPoll = false;

  const isPoll = (element) => /\bevery\b/.test(element.getAttribute("hx-trigger") ?? "");

  const say = (text, from) => {
    isOfPoll = isPoll(from);
    if (notice.textContent !== text) notice.textContent = text;
    notice.hidden = !text;
  };

  document.addEventListener("htmx:sendError", ({ target }) => {
    say(isPoll(target) ? "The portal cannot be reached, trying again…" : "The portal cannot be reached. Nothing was sent.", target);
  });
  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status === 401) return; // session.js says more
    const words = { 403: "You may not do that, or the page has expired: reload it.", 404: "It is no longer there: reload the page." };
    say(words[event.detail.xhr.status] ?? "The portal could not do that. Its log says why.", event.target);
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (!isPoll(event.target)) say("", event.target);
    else if (document.hidden) event.preventDefault();
  });
  document.addEventListener("htmx:afterRequest", ({ detail, target }) => {
    if (detail.successful && isOfPoll && isPoll(target)) say("", target);
  });
})();
