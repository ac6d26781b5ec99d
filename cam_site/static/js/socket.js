// Page sockets begin after the last row that the page has had, also when they reconnect.
(() => {
  htmx.createWebSocket = (url) => {
    const after = document.getElementById("transcript")?.dataset.after;
    return new WebSocket(after === undefined ? url : `${url}?after=${after}`);
  };
})();
