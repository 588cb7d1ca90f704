// Live progress: the server sends the part of the page about a run or a task whenever it has changed.
// Without this file every page works by being loaded again.
const live = document.querySelector("[data-events]");
if (live) {
  const events = new EventSource(live.dataset.events);
  events.onmessage = (event) => {
    const focused = document.activeElement?.closest("#live") && document.activeElement;
    const target = focused && (focused.getAttribute("href") || focused.name);
    live.innerHTML = event.data;
    if (target) live.querySelector(`[href="${CSS.escape(target)}"]`)?.focus();
  };
  events.addEventListener("ended", () => events.close());
}
