// Gestures of the trace page: a message or a score leads to its span, "copy as curl" knows where this page is, and a
// thumb is posted as a score of its own, which the page shows when the store has it.
const STORED_MS = 3000;

const judge = async (button) => {
  const group = button.closest("[data-score]");
  const [status, thumbs] = [group.querySelector("[role=status]"), [...group.querySelectorAll("[data-thumb]")]];
  const say = (text, isBad) => {
    status.textContent = text;
    status.classList.toggle("h-bad", isBad);
  };
  thumbs.forEach((one) => (one.disabled = true));
  say("", false);
  try {
    const score = { ...JSON.parse(group.dataset.score), label: button.dataset.thumb, value: Number(button.value) };
    const headers = { "Content-Type": "application/json" };
    const answer = await fetch("/api/v1/scores", { method: "POST", headers, body: JSON.stringify(score) });
    if (!answer.ok) throw new Error((await answer.json()).detail);
    thumbs.forEach((one) => one.setAttribute("aria-pressed", one === button));
    say(group.dataset.saved, false);
    setTimeout(window.haechi.refresh, STORED_MS);
  } catch (error) {
    say(`${group.dataset.failed}: ${error.message}`, true);
  } finally {
    thumbs.forEach((one) => (one.disabled = false));
  }
};

document.addEventListener("click", async (event) => {
  const said = event.target.closest("[data-span]");
  if (said && !event.target.closest("a, button, summary") && !String(getSelection())) {
    document.querySelector(".wf")?.dispatchEvent(new CustomEvent("choose", { detail: said.dataset.span }));
  }
  const thumb = event.target.closest("[data-thumb]");
  if (thumb) return judge(thumb);
  const button = event.target.closest("[data-curl]");
  if (!button) return;
  await navigator.clipboard.writeText(`curl '${location.origin}${button.dataset.curl}'`);
  button.dataset.done = "true";
  setTimeout(() => delete button.dataset.done, 1500);
});
