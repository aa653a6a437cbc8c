// A Space on its page: what its frame and this page tell each other, its stage as it changes, and its log as it is written.

{
// ---- the frame.  Only what comes from the Space's own origin, out of this frame, is listened to; it may change our query and hash.
// This script stands before the frame, so that nothing is said before somebody listens.
const space = document.querySelector("[data-space]");
const origin = space?.dataset.origin;
const frameOf = () => space.querySelector("iframe");

function heard(event) {
  const frame = frameOf();
  if (event.origin !== origin || event.source !== frame?.contentWindow || typeof event.data !== "object" || !event.data) return;
  const { type, queryString, hash } = event.data;
  if (type === "USER_PLAN_REQUEST") frame.contentWindow.postMessage({ type: "USER_PLAN", plan: { user: space.dataset.plan } }, origin);
  if (typeof queryString !== "string" && typeof hash !== "string") return;
  const to = new URL(location.href);
  if (typeof queryString === "string") to.search = queryString.slice(0, 8000);
  if (typeof hash === "string") to.hash = hash.slice(0, 8000);
  history.replaceState(history.state, "", to);
}

if (origin) {
  const { hash } = location;
  addEventListener("message", heard);
  if (hash) addEventListener("DOMContentLoaded", () => { // a frame that is there already would only jump
    const frame = frameOf();
    const again = frame.cloneNode();
    again.src += hash;
    frame.replaceWith(again);
  });
}

// ---- the stage: asked for while it moves.  When what is shown would be another, the page is made anew.
const framed = /^(RUNNING.*|SLEEPING|BUILDING|APP_STARTING)$/;
const moving = /BUILDING|APP_STARTING/;
const shown = space?.querySelector("[data-stage]");
async function look() {
  const answer = await fetch(`/api/spaces/${space.dataset.space}/runtime`).catch(() => null);
  if (!answer?.ok) return setTimeout(look, 5000);
  const { stage } = await answer.json();
  if (framed.test(stage) !== framed.test(shown.dataset.stage)) return location.reload();
  if (stage !== shown.dataset.stage) {
    shown.dataset.stage = stage;
    shown.className = `stage ${moving.test(stage) && !stage.startsWith("RUNNING") ? "busy" : stage.startsWith("RUNNING") ? "good" : ""}`;
    shown.textContent = { RUNNING: "running", SLEEPING: "sleeping", BUILDING: "building", APP_STARTING: "starting" }[stage] ?? stage.toLowerCase().replaceAll("_", " ");
  }
  return setTimeout(look, moving.test(stage) ? 2000 : 15000);
}
if (shown && origin && !("static" in space.dataset)) setTimeout(look, 2000); // files are always there

// ---- a log: the stream tells all of it, from its start.
const log = document.querySelector("[data-log]");
if (log && globalThis.EventSource) {
  const stream = new EventSource(log.dataset.log);
  let begun = false;
  stream.addEventListener("open", () => { begun = false; });
  stream.addEventListener("message", (event) => {
    if (!event.data) return;
    const line = JSON.parse(event.data);
    const follows = log.scrollTop + log.clientHeight >= log.scrollHeight - 30;
    if (!begun) log.replaceChildren();
    begun = true;
    document.querySelector("[data-empty]")?.remove();
    const span = document.createElement("span");
    span.textContent = line.data;
    span.title = line.timestamp;
    log.append(span);
    if (follows) log.scrollTop = log.scrollHeight;
  });
  log.scrollTop = log.scrollHeight;
}
}
