// Page sockets begin after the last row that is on the page, also when they reconnect.
(() => {
  const cursor = () => {
    const transcript = document.getElementById("transcript");
    if (!transcript) return null;
    return Math.max(Number(transcript.dataset.after), Number(transcript.lastElementChild?.dataset.seq ?? 0));
  };

  htmx.createWebSocket = (url) => {
    const after = cursor();
    return new WebSocket(after === null ? url : `${url}?after=${after}`);
  };
})();
