// Show times in the reader's own time zone; the server writes UTC.
(() => {
  const hour = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", ...hour });
  const clock = new Intl.DateTimeFormat(undefined, hour);
  const otherYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric", ...hour });
  const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

  const localise = () => {
    for (const time of document.querySelectorAll("time[datetime]:not([title])")) {
      const moment = new Date(time.dateTime);
      time.title = whole.format(moment);
      const isThisYear = moment.getFullYear() === new Date().getFullYear();
      const full = isThisYear ? day : otherYear;
      time.textContent = (time.dataset.style === "full" ? full : clock).format(moment);
    }
  };

  localise();
  document.addEventListener("htmx:wsAfterMessage", localise);
  document.addEventListener("htmx:afterSettle", localise);
})();
