// Conversations with a hosted model: the thread, the composer, the list beside them.
import { events, post, rate, refusal } from "./api.js";
import { as_code } from "./chat_code.js";
import { put } from "./copy.js";
import * as store from "./chat_store.js";
import { Growing, render } from "./markdown.js";

const at = (id) => document.getElementById(id);
const thread = at("thread"), settings = at("settings"), say = at("say"), text = at("text");
const note = (words) => { say.querySelector("output").textContent = words; };
const NUMBERS = ["temperature", "top_p", "max_tokens", "seed", "frequency_penalty", "presence_penalty"], KEPT = ["system", ...NUMBERS, "stop"];
let current = store.fresh();
let running = null; // the answer under way
let language = "curl";
const continues = () => settings.elements.model.selectedOptions[0]?.dataset.continues !== undefined; // it has no chat template

function make(name, className, ...content) {
  const node = document.createElement(name);
  node.className = className;
  node.append(...content);
  return node;
}

function button(label, act, name) {
  const b = make("button", "quiet", label);
  b.type = "button";
  if (name) b.setAttribute("aria-label", name);
  b.addEventListener("click", act);
  return b;
}

function keep() {
  current.settings = { model: settings.elements.model.value };
  for (const name of KEPT) current.settings[name] = settings.elements[name].value;
  try {
    store.keep(current);
  } catch {
    note("The browser has no room left: export conversations and delete some.");
  }
  list();
}

/* ------------------------------------------------------------------ the list */

function list() {
  const sought = at("filter").value.trim().toLowerCase(), all = store.index();
  at("filter").hidden = !all.length;
  const shown = all.filter((row) => {
    if (!sought || row.title.toLowerCase().includes(sought)) return true;
    return Object.values(store.load(row.id)?.nodes ?? {}).some((m) => m.content.toLowerCase().includes(sought));
  });
  at("conversations").replaceChildren(...shown.map((row) => {
    const open = make("a", "", row.title);
    open.href = `#${row.id}`;
    if (row.id === current.id) open.setAttribute("aria-current", "page");
    open.addEventListener("click", (event) => {
      event.preventDefault();
      show(store.load(row.id) ?? store.fresh());
    });
    const rename = button("✎", () => {
      const field = make("input", "");
      field.value = row.title;
      field.setAttribute("aria-label", "Title");
      let is_done = false; // leaving the page's tree blurs the field, which asks again
      const done = (keeps) => {
        if (is_done) return;
        is_done = true;
        if (keeps && field.value.trim()) {
          store.rename(row.id, field.value.trim());
          if (row.id === current.id) current.title = field.value.trim();
        }
        field.replaceWith(open);
        list();
      };
      field.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === "Escape") done(event.key === "Enter");
      });
      field.addEventListener("blur", () => done(true));
      open.replaceWith(field);
      field.select();
    }, `Rename “${row.title}”`);
    const really = button("Delete", () => {
      store.drop(row.id);
      if (row.id === current.id) show(store.fresh());
      else list();
    }, `Delete “${row.title}” for good`);
    const drop = button("×", () => { // it is kept nowhere else, so it is asked once more
      line.replaceChildren(open, really, button("Keep", list, `Keep “${row.title}”`));
      really.focus();
    }, `Delete “${row.title}”`);
    const line = make("div", "row-of-two", open, rename, drop);
    return line;
  }));
}

/* ------------------------------------------------------------------ the thread */

const is_at_end = () => document.documentElement.scrollHeight - innerHeight - scrollY < 120;
const to_end = () => scrollTo({ top: document.documentElement.scrollHeight });

// One message; what is written into it becomes text, never HTML.
function bubble(message) {
  const head = make("p", "comment-head", message.role === "user" ? "You" : message.model ?? "Answer");
  const words = make("div", message.role === "user" ? "inset words" : "inset prose words-drawn");
  if (message.role === "user") words.textContent = message.content;
  else if (message.content) words.append(...render(message.content));
  if (message.id) head.append(actions(message));
  const row = make("li", `comment ${message.role}`, head, words);
  if (message.thoughts) think(words).textContent = message.thoughts;
  thread.append(row);
  return words;
}

// What a model thinks before it answers stands folded above the answer; where it is to be written.
function think(words) {
  const text = make("div", "words soft");
  words.before(make("details", "thoughts", make("summary", "", "Thoughts"), text));
  return text;
}

function actions(message) {
  const out = make("span", "actions"), twins = store.siblings(current, message), n = twins.indexOf(twins.find((other) => other.id === message.id));
  if (twins.length > 1) {
    const turn = (step) => () => {
      if (running) return;
      store.turn_to(current, twins[(n + step + twins.length) % twins.length]);
      keep();
      show(current);
    };
    out.append(button("‹", turn(-1), "The version before"), make("span", "soft", `${n + 1}/${twins.length}`), button("›", turn(1), "The next version"));
  }
  if (message.role === "assistant" && message.rate) out.append(make("span", "soft", message.rate));
  out.append(button("Copy", () => put(message.content)));
  if (message.role === "user") {
    out.append(button("Edit", () => {
      if (running) return;
      text.value = message.content;
      current.leaf = message.parent;
      show(current);
      text.focus();
    }));
  } else {
    out.append(button("Again", () => again(message)));
  }
  return out;
}

function show(conversation) {
  running?.abort();
  current = conversation;
  for (const name of KEPT) if (current.settings[name] !== undefined) settings.elements[name].value = current.settings[name];
  const model = settings.elements.model;
  if (current.settings.model && [...model.options].some((o) => o.value === current.settings.model)) model.value = current.settings.model;
  thread.replaceChildren();
  store.path(current).forEach(bubble);
  at("shared").hidden = true;
  note("");
  list();
  fit();
  if (at("code").open) draw_code();
}

// What only a model with a chat template has is not offered for one that goes on with a text.
function fit() {
  const goes_on = continues();
  at("hint").hidden = !goes_on || thread.children.length > 0;
  at("again").hidden = at("share").hidden = at("save").hidden = !thread.children.length;
  at("instructions").hidden = at("code").querySelector("[data-code=hub]").hidden = goes_on;
  if (goes_on && language === "hub") language = "openai";
  text.placeholder = goes_on ? "Write a beginning, and the model goes on. Enter sends it, Shift and Enter begin a line."
    : "Write a message. Enter sends it, Shift and Enter begin a line.";
}

/* ------------------------------------------------------------------ asking */

function call() {
  const messages = store.path(current).map(({ role, content }) => ({ role, content })), fields = settings.elements;
  const out = { model: fields.model.value };
  if (continues()) out.prompt = messages.reduce((all, m) => all + (all && m.role === "user" ? "\n" : "") + m.content, "");
  else out.messages = messages;
  if (out.messages && fields.system.value.trim()) messages.unshift({ role: "system", content: fields.system.value.trim() });
  for (const name of NUMBERS) if (fields[name].value !== "") out[name] = Number(fields[name].value);
  if (fields.stop.value) out.stop = [fields.stop.value];
  return out;
}

// Of a text that is too long for the model its end is sent: from there it goes on.
async function ask(signal) {
  const asked = { ...call(), stream: true, stream_options: { include_usage: true } };
  for (;;) {
    const response = await post(asked.messages ? "/v1/chat/completions" : "/v1/completions", asked, signal);
    if (response.ok) return response;
    const why = asked.prompt?.length > 100 ? await response.clone().json().catch(() => null) : null;
    if (why?.error?.code !== "context_length_exceeded") throw new Error(await refusal(response));
    asked.prompt = asked.prompt.slice(asked.prompt.length / 2).replace(/^\S*\s/, "");
  }
}

async function answer() {
  const conversation = current, message = { role: "assistant", content: "", model: settings.elements.model.value };
  const words = bubble(message), drawn = new Growing(words), mine = running = new AbortController(), began = performance.now();
  let usage = null, first = null, last = 0, pieces = 0, frame = 0, thoughts = null;
  at("send").textContent = "Stop";
  note("Waiting …");
  to_end();
  const draw = () => {
    frame = 0;
    const follows = is_at_end();
    drawn.update(message.content);
    if (message.thoughts) (thoughts ??= think(words)).textContent = message.thoughts;
    if (follows) to_end();
  };
  try {
    for await (const event of events(await ask(mine.signal), () => note("The model is being loaded …"))) {
      const choice = event.choices?.[0], { content = choice?.text ?? "", reasoning_content: thought = "" } = choice?.delta ?? {};
      usage = event.usage ?? usage;
      if (!content && !thought) continue;
      last = performance.now();
      first ??= last;
      pieces++;
      if (content) message.content += content;
      if (thought) message.thoughts = (message.thoughts ?? "") + thought;
      frame ||= requestAnimationFrame(draw); // with the next frame, however many come until then
      if (pieces % 8 === 1) note(rate(pieces, last - first));
    }
    if (usage) {
      const tokens = usage.completion_tokens === 1 ? "1 token" : `${usage.completion_tokens} tokens`, speed = rate(usage.completion_tokens, last - first);
      message.rate = speed ? `${tokens}, ${speed}` : tokens;
      note(`${tokens}, the first after ${((first ?? began) - began).toFixed(0)} ms${speed && `, ${speed}`}`);
    }
  } catch (error) {
    note(error.name === "AbortError" ? "Stopped." : error.message);
  }
  cancelAnimationFrame(frame);
  if (running === mine) {
    running = null;
    at("send").textContent = "Send";
  }
  words.parentElement.remove();
  if (!message.content && !message.thoughts) return;
  const node = store.add(conversation, message);
  if (conversation === current) {
    const follows = is_at_end();
    bubble(node);
    if (follows) to_end();
    keep();
  } else if (store.load(conversation.id)) { // else it was deleted meanwhile
    store.keep(conversation);
  }
}

function again(message) {
  if (running) return;
  current.leaf = message.parent;
  const words = at("say").querySelector("output").textContent;
  show(current);
  note(words);
  answer();
}

say.addEventListener("submit", (event) => {
  event.preventDefault();
  if (running) {
    running.abort();
    return;
  }
  if (!text.value.trim()) return;
  bubble(store.add(current, { role: "user", content: text.value }));
  fit();
  text.value = "";
  keep();
  answer();
});
text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  if (!running) say.requestSubmit();
});
document.addEventListener("keydown", (event) => { if (event.key === "Escape") running?.abort(); });
at("send").addEventListener("click", (event) => {
  if (!running) return;
  event.preventDefault(); // the empty field would not let the form through
  running.abort();
});
at("again").addEventListener("click", () => {
  const last = store.path(current).at(-1);
  if (running || !last) return;
  if (last.role === "assistant") again(last);
  else answer();
});
at("begin").addEventListener("click", () => {
  text.value = at("begin").textContent;
  say.requestSubmit();
});
at("fresh").addEventListener("click", () => {
  show(store.fresh());
  text.focus();
});
at("filter").addEventListener("input", list);

/* ------------------------------------------------------------------ code, sharing, export, import */

function draw_code() {
  at("code").querySelector("code").textContent = as_code(language, call());
  for (const b of at("code").querySelectorAll("[data-code]")) b.setAttribute("aria-pressed", String(b.dataset.code === language));
}
at("code").addEventListener("toggle", draw_code);
for (const b of at("code").querySelectorAll("[data-code]")) {
  b.addEventListener("click", () => {
    language = b.dataset.code;
    draw_code();
  });
}
settings.addEventListener("change", () => {
  fit();
  if (at("code").open) draw_code();
  if (current.leaf) keep();
});
settings.addEventListener("submit", (event) => event.preventDefault());

function save(name, type, content) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
const file_name = () => store.title_of(current).replace(/[^\w-]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 50) || "conversation";
at("export-json").addEventListener("click", () => save(`${file_name()}.json`, "application/json", JSON.stringify(current, null, 2)));
at("export-markdown").addEventListener("click", () => save(`${file_name()}.md`, "text/markdown", store.markdown(current)));
at("export-all").addEventListener("click", () => save("conversations.json", "application/json", JSON.stringify(store.index().map((row) => store.load(row.id)), null, 2)));
at("import").addEventListener("click", () => at("import-file").click());
at("import-file").addEventListener("change", async () => {
  const file = at("import-file").files[0];
  if (!file) return;
  try {
    const n = store.take(await file.text());
    note(n === 1 ? "One conversation was taken." : `${n} conversations were taken.`);
  } catch {
    note("This file holds no conversations that were exported here.");
  }
  at("import-file").value = "";
  list();
});

at("share").addEventListener("click", async () => {
  const messages = store.path(current).map(({ role, content, model }) => ({ role, content, model }));
  const system = settings.elements.system.value.trim();
  if (!messages.length) {
    note("There is nothing to share yet.");
    return;
  }
  if (system) messages.unshift({ role: "system", content: system });
  at("share").disabled = true; // a second press would make a second copy
  try {
    const response = await post("/chat/share", { model: settings.elements.model.value, title: store.title_of(current), messages });
    if (!response.ok) throw new Error(await refusal(response));
    const { url } = await response.json(), link = make("a", "", url);
    link.href = url;
    at("shared").replaceChildren("A copy is at ", link, ". Whoever may read the model can read it.");
    at("shared").hidden = false;
  } catch (error) {
    note(error.message);
  }
  at("share").disabled = false;
});

show(store.fresh());
