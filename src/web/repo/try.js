// Tries a model from its page, through the same API that programs use, as the person who is signed in.
import { events, post, refusal } from "./api.js";

const form = document.getElementById("try");
const say = (text) => { form.querySelector("output").textContent = text; };
const answer = form.querySelector(".answer");
const bars = form.querySelector(".bars");
let running = null;

async function generate(text, signal) {
  const chat = form.dataset.chat === "true";
  const began = performance.now();
  const common = { model: form.dataset.model, max_tokens: 200, stream: true, stream_options: { include_usage: true } };
  const response = chat
    ? await post("/v1/chat/completions", { ...common, messages: [{ role: "user", content: text }] }, signal)
    : await post("/v1/completions", { ...common, prompt: text }, signal);
  if (!response.ok) throw new Error(await refusal(response));
  let usage = null;
  answer.textContent = chat ? "" : text;
  for await (const event of events(response, () => say("The model is being loaded …"))) {
    const choice = event.choices?.[0];
    const piece = chat ? choice?.delta?.content : choice?.text;
    if (piece) {
      answer.append(piece);
      say("");
    }
    usage = event.usage ?? usage;
  }
  const seconds = (performance.now() - began) / 1000;
  if (usage) say(`${usage.prompt_tokens} tokens in, ${usage.completion_tokens} out, ${seconds.toFixed(2)} s`);
}

function showBars(rows) {
  bars.replaceChildren(...rows.slice(0, 8).map(([label, score]) => {
    const row = document.createElement("label");
    const number = document.createElement("span");
    const meter = document.createElement("meter");
    number.textContent = score.toFixed(3);
    meter.value = score;
    row.append(label, number, meter);
    return row;
  }));
}

async function task(text, signal) {
  const began = performance.now();
  const body = form.dataset.task === "sentence-similarity"
    ? { inputs: { source_sentence: text, sentences: form.elements.others.value.split("\n").filter((s) => s.trim()) } }
    : { inputs: text };
  const response = await post(`/models/${form.dataset.model}`, body, signal);
  if (!response.ok) throw new Error(await refusal(response));
  let rows = await response.json();
  if (form.dataset.task === "sentence-similarity") rows = rows.map((score, i) => [body.inputs.sentences[i], score]);
  else rows = rows.flat().map((r) => [r.token_str ?? (r.word ? `${r.word}: ${r.entity_group ?? r.entity}` : r.label), r.score]);
  showBars(rows);
  say(`${((performance.now() - began) / 1000).toFixed(2)} s`);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (running) {
    running.abort();
    return;
  }
  running = new AbortController();
  const button = form.querySelector("button");
  button.textContent = "Stop";
  answer.textContent = "";
  bars.replaceChildren();
  say("Waiting …");
  try {
    const text = form.elements.text.value;
    await (form.dataset.task === "text-generation" ? generate : task)(text, running.signal);
  } catch (error) {
    say(error.name === "AbortError" ? "Stopped." : error.message);
  }
  button.textContent = "Run";
  running = null;
});
