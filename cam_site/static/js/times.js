// Show times in the reader's own time zone; the server writes UTC.
(() => {
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const day = new Intl.DateTimeFormat(undefined, {
    day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
  });
  const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

  const localise = () => {
    for (const time of document.querySelectorAll("time[datetime]:not([title])")) {
      const moment = new Date(time.dateTime);
      time.title = whole.format(moment);
      time.textContent = (time.dataset.style === "full" ? day : clock).format(moment);
    }
  };

  localise();
  document.addEventListener("htmx:wsAfterMessage", localise);
  document.addEventListener("htmx:afterSettle", localise);
})();
