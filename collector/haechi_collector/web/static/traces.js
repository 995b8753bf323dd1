// Gestures of the trace page: a message or a score leads to its span, and "copy as curl" knows where this page is.
document.addEventListener("click", async (event) => {
  const said = event.target.closest("[data-span]");
  if (said && !event.target.closest("a, button, summary") && !String(getSelection())) {
    document.querySelector(".wf")?.dispatchEvent(new CustomEvent("choose", { detail: said.dataset.span }));
  }
  const button = event.target.closest("[data-curl]");
  if (!button) return;
  await navigator.clipboard.writeText(`curl '${location.origin}${button.dataset.curl}'`);
  button.dataset.done = "true";
  setTimeout(() => delete button.dataset.done, 1500);
});
