// Uploads as programs do it: ask how each file is to be sent, send the large ones in parts, commit.  A broken connection is
// waited for; a part that arrived is never sent again, not even after the page was closed and the same file is chosen anew.
import { refusal } from "./api.js";

const form = document.querySelector("#upload");
const csrf = document.querySelector("meta[name=csrf]")?.content;
const BATCH = 200, SAMPLE = 512, PARTS_FROM = 32 << 20, TRIES = 6;
const files = new Map(); // by path: {path, file, row, mode, oid, sent}
let run = null;          // {abort, paused, resume}: what is under way

const byte_size = (n) => {
  const unit = ["B", "kB", "MB", "GB", "TB"];
  let u = 0;
  while (n >= 999.5 && u < unit.length - 1) { n /= 1000; u++; }
  return `${u && n < 9.95 ? n.toFixed(1) : Math.round(n)} ${unit[u]}`;
};

// ------------------------------------------------------------------ choosing

function add(file, path) {
  const folder = form.dataset.folder;
  if (/(^|\/)(\.git\/|\.DS_Store$)/.test(path)) return;
  const full = folder ? `${folder}/${path}` : path;
  files.get(full)?.row.remove();
  const row = document.createElement("tr");
  for (const [name, text] of [["path", full], ["bytes", byte_size(file.size)], ["state", ""]]) {
    const cell = row.insertCell();
    cell.className = name;
    cell.textContent = text;
  }
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.textContent = "Remove";
  button.setAttribute("aria-label", `Remove ${full}`);
  button.addEventListener("click", () => { files.delete(full); row.remove(); show_list(); });
  row.insertCell().append(button);
  form.querySelector(".uploads tbody").append(row);
  files.set(full, { path: full, file, row, sent: 0 });
  show_list();
}

function show_list() {
  form.querySelector(".uploads").hidden = files.size === 0;
  const one = files.size === 1 ? files.keys().next().value : `${files.size} files`;
  form.querySelector("#summary").placeholder = files.size ? `Upload ${one}` : "Upload files";
}

async function walk(entry) {
  if (entry.isFile) {
    const file = await new Promise((yes, no) => entry.file(yes, no));
    add(file, entry.fullPath.replace(/^\//, ""));
    return;
  }
  const reader = entry.createReader();
  for (;;) { // a hundred at a time
    const some = await new Promise((yes, no) => reader.readEntries(yes, no));
    if (!some.length) return;
    for (const e of some) await walk(e);
  }
}

async function dropped(event) {
  event.preventDefault();
  form.querySelector("#drop").classList.remove("over");
  if (run) return; // what is under way is a list that was settled
  const items = [...event.dataTransfer.items].filter((i) => i.kind === "file").map((i) => i.webkitGetAsEntry?.() ?? i.getAsFile());
  for (const item of items) {
    if (item instanceof File) add(item, item.name);
    else if (item) await walk(item);
  }
}

// ------------------------------------------------------------------ sending, and waiting when it breaks

const state = (f, text) => { f.row.querySelector(".state").textContent = text; };
const say = (text) => { form.querySelector(".upload-state output").textContent = text; };

class Passing extends Error {} // the server's own trouble: it may be over soon
class Stop extends Error {}    // what trying again does not mend
class Stale extends Stop {}    // somebody else's commit came first

function progress() {
  let done = 0, all = 0;
  for (const f of files.values()) { all += f.file.size + 1; done += f.sent + (f.finished ? 1 : 0); }
  form.querySelector(".upload-state progress").value = all ? Math.min(done / all, 1) : 0;
}

function wait(ms) {
  return new Promise((yes) => {
    const timer = setTimeout(yes, ms);
    run.wake = () => { clearTimeout(timer); yes(); };
  });
}

// Runs `step` until it succeeds; pauses when asked to, and when the connection stays away.
async function insist(step) {
  for (let failed = 0; ;) {
    if (run.paused) await run.paused;
    run.abort = new AbortController();
    try {
      return await step(run.abort.signal);
    } catch (error) {
      if (error instanceof Stop) throw error;
      if (run.paused) continue; // that is why it failed
      const why = error instanceof Passing ? error.message.replace(/\.$/, "") : "";
      if (++failed >= TRIES) {
        pause(why ? `${why}. What has arrived stays; go on later.` : "The connection is lost. What has arrived stays; go on when it is back.");
        run.lost = !why;
        failed = 0;
      } else {
        say(`${why || "The connection broke"}; trying again (${failed})`);
        await wait(Math.min(1000 * 2 ** (failed - 1), 15000));
      }
    }
  }
}

const passes = (status) => status >= 500 && status !== 507; // 507: the disk is full

async function call(path, body, type, signal) {
  const answer = await fetch(path, { method: "POST", body, signal, headers: { "Content-Type": type, "X-CSRF-Token": csrf } });
  if (answer.ok) return answer.json();
  const why = await refusal(answer);
  if (passes(answer.status)) throw new Passing(why);
  throw answer.status === 412 ? new Stale(why) : new Stop(why);
}

const call_json = (path, body, type = "application/json") => insist((signal) => call(path, JSON.stringify(body), type, signal));

// fetch does not tell how much of a body has left.
function put(url, blob, on_sent, signal) {
  return new Promise((yes, no) => {
    const x = new XMLHttpRequest();
    x.open("PUT", url);
    x.upload.onprogress = (event) => on_sent(event.loaded);
    x.onload = () => {
      if (x.status < 300) return yes();
      let why = `the answer was ${x.status}`;
      try { why = JSON.parse(x.responseText).message ?? JSON.parse(x.responseText).error ?? why; } catch { /* no JSON */ }
      no(passes(x.status) || x.status === 403 ? new Passing(why) : new Stop(why)); // 403: the link is too old, and there will be another
    };
    x.onerror = () => no(new Error("the connection broke"));
    signal.addEventListener("abort", () => { x.abort(); no(new Error("stopped")); });
    x.send(blob);
  });
}

function hash(f) {
  return new Promise((yes, no) => {
    const worker = new Worker(new URL("./hash_worker.js", import.meta.url), { type: "module" });
    const end = (fn, value) => { worker.terminate(); fn(value); };
    worker.onmessage = ({ data }) => {
      if (data.hex) end(yes, data.hex);
      else if (data.error) end(no, new Stop(`${f.path} cannot be read: ${data.error}`));
      else state(f, `reading ${Math.floor((data.done / f.file.size) * 100)} %`);
    };
    worker.onerror = () => end(no, new Stop(`${f.path} cannot be hashed`));
    worker.postMessage(f.file);
  });
}

async function base64(blob) {
  const url = await new Promise((yes, no) => {
    const reader = new FileReader();
    reader.onload = () => yes(reader.result);
    reader.onerror = () => no(new Stop(`A file cannot be read: ${reader.error.message}`));
    reader.readAsDataURL(blob);
  });
  return url.slice(url.indexOf(",") + 1);
}

// ------------------------------------------------------------------ the three steps

const preupload = (asked, query) => call_json(`${form.dataset.api}/preupload/${encodeURIComponent(form.dataset.rev)}${query}`, { files: asked });

async function ask_modes(list, query) {
  for (let at = 0; at < list.length; at += BATCH) {
    const some = list.slice(at, at + BATCH);
    const asked = await Promise.all(some.map(async (f) => ({ path: f.path, size: f.file.size, sample: await base64(f.file.slice(0, SAMPLE)) })));
    const { files: answers } = await preupload(asked, query);
    const by_path = new Map(answers.map((a) => [a.path, a]));
    for (const f of some) {
      const a = by_path.get(f.path);
      f.mode = a.shouldIgnore ? "ignored" : f.file.size ? a.uploadMode : "regular";
      state(f, f.mode === "ignored" ? "left out: .gitignore names it" : a.oid ? "replaces what is there" : "");
    }
  }
}

// A link lives for a while: after a pause there may be a new one, and it says which parts are there.
function ask_link(f, signal) {
  const body = { operation: "upload", transfers: [f.file.size >= PARTS_FROM ? "multipart" : "basic"], hash_algo: "sha256",
                 objects: [{ oid: f.oid, size: f.file.size }] };
  return call(`${form.dataset.git}/info/lfs/objects/batch`, JSON.stringify(body), "application/vnd.git-lfs+json", signal);
}

async function send_large(f) {
  f.oid ??= await hash(f);
  await insist(async (signal) => {
    const [object] = (await ask_link(f, signal)).objects;
    if (object.error) throw new Stop(object.error.message);
    const upload = object.actions?.upload;
    if (!upload) return; // it is there already
    const on_sent = (before) => (n) => {
      f.sent = Math.min(before + n, f.file.size);
      state(f, `${Math.floor((f.sent / f.file.size) * 100)} %`);
      say("Sending");
      progress();
    };
    const step = Number(upload.header?.chunk_size ?? 0);
    if (!step) {
      await put(upload.href, f.file, on_sent(0), signal);
      return;
    }
    const have = new Set(upload.have ?? []);
    for (let i = 1, at = 0; at < f.file.size; i++, at += step) {
      if (have.has(i)) { on_sent(at)(step); continue; }
      await put(upload.header[String(i).padStart(5, "0")], f.file.slice(at, at + step), on_sent(at), signal);
    }
    await call(upload.href, JSON.stringify({ oid: f.oid, parts: [] }), "application/json", signal);
  });
  f.sent = f.file.size;
  f.finished = true;
  state(f, "sent");
  progress();
}

// The parent is named, so that a commit whose answer was lost is known when it is sent again, and not made twice.  If somebody else
// was first, it goes on top of that.
async function commit_all(list, query, summary) {
  const lines = [];
  for (const f of list) {
    const value = f.mode === "lfs" ? { path: f.path, algo: "sha256", oid: f.oid, size: f.file.size }
      : { path: f.path, encoding: "base64", content: await base64(f.file) };
    lines.push(new Blob([JSON.stringify({ key: f.mode === "lfs" ? "lfsFile" : "file", value }), "\n"]));
  }
  const path = `${form.dataset.api}/commit/${encodeURIComponent(form.dataset.rev)}${query}`, description = form.querySelector("#description").value;
  for (let raced = 0; ; raced++) {
    const { commitOid: parentCommit } = await preupload([], query);
    const header = `${JSON.stringify({ key: "header", value: { summary, description, parentCommit } })}\n`;
    try {
      return await insist((signal) => call(path, new Blob([header, ...lines]), "application/x-ndjson", signal));
    } catch (error) {
      if (!(error instanceof Stale) || raced === TRIES) throw error;
    }
  }
}

function pause(why) {
  if (!run || run.paused) return;
  run.paused = new Promise((yes) => { run.resume = () => { run.paused = null; yes(); }; });
  run.abort?.abort();
  run.wake?.();
  form.querySelector("#pause").textContent = "Go on";
  say(why);
}

function go_on() {
  if (!run?.paused) return;
  form.querySelector("#pause").textContent = "Pause";
  say("Sending");
  run.lost = false;
  run.resume();
}

async function send() {
  const by_pr = form.querySelector("input[name=target]:checked")?.value === "pr";
  const query = by_pr ? "?create_pr=1" : "", list = [...files.values()];
  const summary = form.querySelector("#summary").value.trim() || form.querySelector("#summary").placeholder;
  run = {};
  form.querySelector(".upload-state").hidden = false;
  for (const b of form.querySelectorAll("button:not(#pause), input:not([type=hidden]), textarea")) b.disabled = true;
  say("Asking how to send them");
  await ask_modes(list, query);
  const wanted = list.filter((f) => f.mode !== "ignored");
  if (!wanted.length) throw new Stop("Every one of these files is left out by .gitignore");
  for (const f of wanted) if (f.mode === "lfs") await send_large(f);
  say("Committing");
  const done = await commit_all(wanted, query, summary);
  run = null;
  location.assign(done.pullRequestUrl ? new URL(done.pullRequestUrl).pathname : form.dataset.tree);
}

async function submitted(event) {
  event.preventDefault();
  if (run) return;
  document.querySelector(".upload-problem")?.remove();
  try {
    if (!files.size) throw new Stop("Choose at least one file");
    await send();
  } catch (error) {
    run = null;
    for (const b of form.querySelectorAll(":disabled")) b.disabled = false;
    form.querySelector(".upload-state").hidden = true;
    const p = document.createElement("p");
    p.className = "problem upload-problem";
    p.setAttribute("role", "alert");
    p.textContent = error.message;
    form.before(p);
    p.scrollIntoView({ block: "nearest" });
  }
}

for (const input of form.querySelectorAll("input[type=file]"))
  input.addEventListener("change", () => {
    for (const file of input.files) add(file, file.webkitRelativePath || file.name);
    input.value = "";
  });
const drop = form.querySelector("#drop");
drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", dropped);
form.addEventListener("submit", submitted);
form.querySelector("#pause").addEventListener("click", () => (run?.paused ? go_on() : pause("Paused")));
addEventListener("online", () => { if (run?.lost) go_on(); });
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); }); // back from what was committed
addEventListener("beforeunload", (event) => { if (run) event.preventDefault(); });
form.dataset.ready = "";
