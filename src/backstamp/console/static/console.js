// Live progress: the server sends the part of the page about the run whenever it has changed.
// Without this file every page works by being loaded again.
const run = document.querySelector("[data-events]");
if (run) {
  const events = new EventSource(run.dataset.events);
  events.onmessage = (event) => {
    const focused = document.activeElement?.closest("#run") && document.activeElement;
    const target = focused && (focused.getAttribute("href") || focused.name);
    run.innerHTML = event.data;
    if (target) run.querySelector(`[href="${CSS.escape(target)}"]`)?.focus();
  };
  events.addEventListener("ended", () => events.close());
}
