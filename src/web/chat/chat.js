// Conversations with a hosted model, kept in this browser.
import { events, post, refusal } from "./api.js";

const KEY = "hearth.conversations", KEPT_MAX = 100;
const at = (id) => document.getElementById(id);
const thread = at("thread"), settings = at("settings"), say = at("say");
const note = (text) => { say.querySelector("output").textContent = text; };
let all = load();
let current = null;
let running = null;

function load() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? [];
  } catch {
    return [];
  }
}

function keep() {
  if (!all.includes(current) && current.messages.length) all.unshift(current);
  all = all.slice(0, KEPT_MAX);
  localStorage.setItem(KEY, JSON.stringify(all));
  list();
}

function list() {
  at("conversations").replaceChildren(...all.map((c) => {
    const row = document.createElement("div"), open = document.createElement("a"), drop = document.createElement("button");
    row.className = "row-of-two";
    open.href = "#";
    open.textContent = c.messages[0]?.content.slice(0, 60) ?? "";
    if (c === current) open.setAttribute("aria-current", "page");
    open.addEventListener("click", (event) => {
      event.preventDefault();
      show(c);
    });
    drop.type = "button";
    drop.className = "quiet";
    drop.textContent = "×";
    drop.setAttribute("aria-label", `Delete “${open.textContent}”`);
    drop.addEventListener("click", () => {
      all = all.filter((other) => other !== c);
      localStorage.setItem(KEY, JSON.stringify(all));
      if (c === current) show({ messages: [] });
      else list();
    });
    row.append(open, drop);
    return row;
  }));
}

// One message; what is written into it is text, never HTML.
function bubble(message, index) {
  const row = document.createElement("li"), head = document.createElement("p"), text = document.createElement("div");
  row.className = `comment ${message.role}`;
  head.className = "comment-head";
  head.textContent = message.role === "user" ? "You" : message.model;
  text.className = "inset words";
  text.textContent = message.content;
  if (message.role === "user") {
    const edit = document.createElement("button");
    edit.type = "button";
    edit.className = "quiet";
    edit.textContent = "Edit";
    edit.addEventListener("click", () => {
      if (running) return;
      at("text").value = message.content;
      current.messages = current.messages.slice(0, index);
      show(current);
      at("text").focus();
    });
    head.append(" ", edit);
  }
  row.append(head, text);
  thread.append(row);
  return text;
}

function show(conversation) {
  running?.abort();
  current = conversation;
  thread.replaceChildren();
  current.messages.forEach(bubble);
  note("");
  list();
}

async function answer() {
  const message = { role: "assistant", content: "", model: settings.elements.model.value };
  const system = settings.elements.system.value.trim();
  const messages = current.messages.map(({ role, content }) => ({ role, content }));
  if (system) messages.unshift({ role: "system", content: system });
  const text = bubble(message, current.messages.length);
  const conversation = current, began = performance.now();
  let usage = null, first = null;
  running = new AbortController();
  at("send").textContent = "Stop";
  note("Waiting …");
  try {
    const response = await post("/v1/chat/completions", {
      model: message.model, messages, stream: true, stream_options: { include_usage: true },
      temperature: Number(settings.elements.temperature.value), max_tokens: Number(settings.elements.tokens.value),
    }, running.signal);
    if (!response.ok) throw new Error(await refusal(response));
    for await (const event of events(response, () => note("The model is being loaded …"))) {
      const piece = event.choices?.[0]?.delta?.content;
      usage = event.usage ?? usage;
      if (!piece) continue;
      if (first === null) note("");
      first ??= performance.now();
      message.content += piece;
      text.append(piece);
    }
    if (usage) note(`${usage.completion_tokens} tokens, the first after ${((first ?? began) - began).toFixed(0)} ms`);
  } catch (error) {
    note(error.name === "AbortError" ? "Stopped." : error.message);
  }
  running = null;
  at("send").textContent = "Send";
  if (message.content) conversation.messages.push(message);
  else text.parentElement.remove();
  if (conversation === current) keep();
}

say.addEventListener("submit", (event) => {
  event.preventDefault();
  if (running) {
    running.abort();
    return;
  }
  const message = { role: "user", content: at("text").value };
  bubble(message, current.messages.length);
  current.messages.push(message);
  at("text").value = "";
  keep();
  answer();
});
at("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  if (!running) say.requestSubmit();
});
at("again").addEventListener("click", () => {
  if (running || !current.messages.length) return;
  if (current.messages.at(-1).role === "assistant") current.messages.pop();
  show(current);
  answer();
});
at("fresh").addEventListener("click", () => {
  show({ messages: [] });
  at("text").focus();
});
at("export").addEventListener("click", () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(all, null, 2)], { type: "application/json" }));
  link.download = "conversations.json";
  link.click();
  URL.revokeObjectURL(link.href);
});
show({ messages: [] });
