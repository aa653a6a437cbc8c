// Tries a model from its page, through the same API that programs use, as the person who is signed in: what goes out, and when.
// What comes back is drawn by try_show.js.
import { events, post, rate, refusal } from "./api.js";
import { draw } from "./try_show.js";

const form = document.getElementById("try");
const { model, task } = form.dataset;
const button = form.querySelector("button:not([type])");
const state = form.querySelector(".try-state");
const answer = form.querySelector(".try-answer");
const field = (name) => form.elements[name]?.value ?? "";
const lines = (name) => field(name).split("\n").map((s) => s.trim()).filter(Boolean);
let running = null;

function say(text, isProblem = false) {
  state.textContent = text;
  state.classList.toggle("problem", isProblem);
}

const seconds = (ms) => (ms < 1 ? "under 1 ms" : ms < 100 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 9950 ? 2 : 1)} s`);
const bytes = (n) => (n < 1e9 ? `${(n / 1e6).toFixed(n < 1e7 ? 1 : 0)} MB` : `${(n / 1e9).toFixed(1)} GB`);
const plural = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;

// Says how the model is while nothing has come: one that sleeps is started by its first call, which takes a while; a mirror's files come
// from the upstream before that.
function watch(began, signal) {
  let isCold = false;
  const look = async () => {
    const response = await fetch(`/api/models/${model}/inference`, { signal }).catch(() => null);
    if (!response?.ok || watched.isOver) return;
    const now = await response.json();
    if (now.state === "cold" || now.state === "starting") isCold = true;
    if (watched.isOver) return;
    const since = seconds(performance.now() - began);
    if (now.bringing) say(`The model's files come from ${now.bringing.from.split("://").pop()}: ${bytes(now.bringing.bytes)} of ${bytes(now.bringing.of)} … ${since}`);
    else if (now.state === "ready" && now.waiting > 0) say(`Waiting for ${plural(now.waiting, "call")} … ${since}`);
    else say(isCold && now.state !== "ready" ? `Cold start: the model is being loaded … ${since}` : `Running … ${since}`);
  };
  const watched = { isOver: false, end() { this.isOver = true; clearInterval(timer); return isCold; } };
  const timer = setInterval(look, 500);
  say("Running …");
  look();
  return watched;
}

function inputs() {
  const text = field("text");
  switch (task) {
    case "question-answering": return { inputs: { question: text, context: field("context") } };
    case "zero-shot-classification": return { inputs: text, parameters: { candidate_labels: lines("labels") } };
    case "sentence-similarity": return { inputs: { source_sentence: text, sentences: lines("others") } };
    case "text-ranking": return { inputs: { query: text, documents: lines("others") } };
    default: return { inputs: text };
  }
}

// The model's own tag may name another task than what its weights are first of all for, so the address says which.
async function ask(signal, began) {
  const watched = watch(began, signal);
  let response, wasCold;
  try {
    response = await post(`/models/${model}/pipeline/${task}`, inputs(), signal);
  } finally {
    wasCold = watched.end();
  }
  if (!response.ok) throw new Error(await refusal(response));
  const told = [seconds(performance.now() - began)];
  const tokens = Number(response.headers.get("x-prompt-tokens")), compute = Number(response.headers.get("x-compute-time"));
  if (tokens) told.unshift(plural(tokens, "token"));
  if (compute) told.push(`computed in ${seconds(compute * 1000)}`);
  if (wasCold) told.push("with a cold start");
  draw(answer, task, await response.json(), inputs());
  say(told.join(", "));
}

async function generate(signal, began) {
  const text = field("text"), isChat = task === "conversational";
  const common = { model, max_tokens: 256, stream: true, stream_options: { include_usage: true } };
  const watched = watch(began, signal);
  const out = document.createElement("p"), written = document.createTextNode("");
  out.className = "try-text";
  let usage = null, first = 0, wasCold = false;
  try {
    const response = isChat
      ? await post("/v1/chat/completions", { ...common, messages: [{ role: "user", content: text }] }, signal)
      : await post("/v1/completions", { ...common, prompt: text }, signal);
    if (!response.ok) throw new Error(await refusal(response));
    if (!isChat) {
      const given = document.createElement("span");
      given.className = "given";
      given.textContent = text;
      out.append(given);
    }
    out.append(written);
    for await (const event of events(response, () => {})) {
      const choice = event.choices?.[0];
      const piece = isChat ? choice?.delta?.content : choice?.text;
      if (piece) {
        if (!first) {
          first = performance.now();
          wasCold = watched.end();
          answer.replaceChildren(out);
          say("Writing …");
        }
        const isAtEnd = answer.scrollHeight - answer.scrollTop - answer.clientHeight < 40;
        written.appendData(piece);
        if (isAtEnd) answer.scrollTop = answer.scrollHeight;
      }
      usage = event.usage ?? usage;
    }
  } finally {
    watched.end();
  }
  if (!first) first = performance.now();
  const ended = performance.now();
  const told = usage ? [`${plural(usage.prompt_tokens, "token")} in, ${usage.completion_tokens} out`] : [];
  told.push(seconds(ended - began), `the first after ${seconds(first - began)}`);
  const speed = rate(usage?.completion_tokens ?? 0, ended - first);
  if (speed) told.push(speed);
  if (wasCold) told.push("with a cold start");
  say(told.join(", "));
}

// What the server would refuse is said before it is asked, in the words of this form.
function problem() {
  if (task === "fill-mask" && !field("text").includes(form.dataset.mask)) return `The text needs ${form.dataset.mask} where a word is to be found.`;
  if (task === "zero-shot-classification" && lines("labels").length < 2) return "Give two labels or more, one per line.";
  return "";
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (running) {
    running.abort();
    return;
  }
  if (problem()) {
    say(problem(), true);
    return;
  }
  running = new AbortController();
  button.textContent = "Stop";
  answer.replaceChildren();
  answer.ariaBusy = "true";
  try {
    const isText = task === "conversational" || task === "text-generation";
    await (isText ? generate : ask)(running.signal, performance.now());
  } catch (error) {
    if (error.name === "AbortError") say("Stopped.");
    else say(error instanceof TypeError ? "The server did not answer. Is it still running?" : error.message, true);
  }
  answer.ariaBusy = "false";
  button.textContent = "Run";
  running = null;
});

form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    if (!running) form.requestSubmit();
  }
  if (event.key === "Escape" && running) running.abort();
});

for (const example of form.querySelectorAll(".try-examples button")) {
  example.addEventListener("click", () => {
    for (const [name, text] of Object.entries(example.dataset)) if (form.elements[name]) form.elements[name].value = text;
    form.elements.text.focus();
  });
}
