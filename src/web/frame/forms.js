// What forms share.  One goes out once: a second press while the answer is awaited would comment or create twice.  And what was typed
// is not lost when the server refuses to look at it, as after the session ended: on the way back it stands in the form again.
const PATIENCE_MS = 8000, DRAFT = "hearth.draft";
const sent = new WeakSet();

const is_text = (field) => field.name && (field.tagName === "TEXTAREA" || (field.tagName === "INPUT" && ["text", "search", "url", "email"].includes(field.type)));

addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (sent.has(form)) {
    event.preventDefault();
    return;
  }
  sent.add(form);
  setTimeout(() => sent.delete(form), PATIENCE_MS);
  if (form.querySelector("input[type=password], input[autocomplete=one-time-code]")) return; // signing in, on the way back to what was refused
  const texts = [...form.elements].filter(is_text).map((field) => [field.name, field.value]);
  try {
    sessionStorage.setItem(DRAFT, JSON.stringify({ page: location.pathname, action: form.action, texts }));
  } catch { /* too long to be kept, or the browser keeps nothing */ }
});

// "Saved" is said once: whoever loads the page again, or keeps its address, is not told so.
if (new URLSearchParams(location.search).has("saved")) history.replaceState(null, "", location.pathname + location.hash);

// Back by the browser's own button: it has the texts.
addEventListener("pageshow", () => { for (const form of document.forms) sent.delete(form); });

function restore() {
  const draft = JSON.parse(sessionStorage.getItem(DRAFT) ?? "null");
  if (!draft) return;
  if (document.querySelector("meta[name=refused]")) {
    sessionStorage.setItem(DRAFT, JSON.stringify({ ...draft, refused: true }));
    return;
  }
  if (draft.refused && draft.page !== location.pathname) return; // signing in is on the way
  sessionStorage.removeItem(DRAFT);
  const form = draft.refused && [...document.forms].find((f) => f.method === "post" && f.action === draft.action);
  if (!form) return;
  for (const [name, value] of draft.texts) {
    const field = [...form.elements].find((f) => f.name === name && is_text(f));
    if (!field || field.value === value) continue;
    field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.closest("details")?.setAttribute("open", "");
  }
}

try {
  restore();
} catch { /* a browser that keeps nothing */ }
