// Conversations, kept in this browser: an item of localStorage for each, and one with their order.
//
// A conversation is a tree: a message knows the one before it, and `leaf` is the end of what is shown.  An edited message
// and an answer asked for once more are siblings of what they replace, so nothing that was said is lost.
const INDEX = "hearth.chats", ITEM = "hearth.chat.", OLD = "hearth.conversations";

const read = (key, otherwise) => {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? otherwise;
  } catch {
    return otherwise;
  }
};
const fresh_id = () => crypto.getRandomValues(new Uint32Array(2)).reduce((text, n) => text + n.toString(36), "");

export function fresh() {
  return { id: fresh_id(), title: "", changed: 0, nodes: {}, leaf: null, settings: {} };
}

// [{id, title, changed}], the latest first.
export function index() {
  return read(INDEX, []).sort((a, b) => b.changed - a.changed);
}

export const load = (id) => read(ITEM + id, null);

// Another tab may have gone on with the same conversation: what was said in it stays, as another branch.
export function keep(c) {
  c.changed = Date.now();
  c.nodes = { ...load(c.id)?.nodes, ...c.nodes };
  localStorage.setItem(ITEM + c.id, JSON.stringify(c));
  localStorage.setItem(INDEX, JSON.stringify([{ id: c.id, title: title_of(c), changed: c.changed }, ...index().filter((row) => row.id !== c.id)]));
}

export function rename(id, title) {
  const c = load(id);
  if (!c) return;
  c.title = title;
  localStorage.setItem(ITEM + id, JSON.stringify(c));
  localStorage.setItem(INDEX, JSON.stringify(index().map((row) => (row.id === id ? { ...row, title: title_of(c) } : row))));
}

export function drop(id) {
  localStorage.removeItem(ITEM + id);
  localStorage.setItem(INDEX, JSON.stringify(index().filter((row) => row.id !== id)));
}

export function title_of(c) {
  if (c.title) return c.title;
  const first = path(c).find((m) => m.role === "user") ?? Object.values(c.nodes).find((m) => m.role === "user");
  return first ? first.content.trim().replace(/\s+/g, " ").slice(0, 60) : "New conversation";
}

// From the beginning to the leaf.
export function path(c) {
  const list = [];
  for (let node = c.nodes[c.leaf]; node; node = c.nodes[node.parent]) list.unshift(node);
  return list;
}

export function add(c, message, parent = c.leaf) {
  const node = { ...message, id: fresh_id(), parent };
  c.nodes[node.id] = node;
  c.leaf = node.id;
  return node;
}

export const siblings = (c, node) => Object.values(c.nodes).filter((other) => other.parent === node.parent && other.role === node.role);

// Shows another branch, down to its latest end.
export function turn_to(c, node) {
  for (;;) {
    const next = Object.values(c.nodes).filter((other) => other.parent === node.id).at(-1);
    if (!next) break;
    node = next;
  }
  c.leaf = node.id;
}

// What was exported here, or a list of {messages}; how many were taken.
export function take(text) {
  const data = JSON.parse(text), list = Array.isArray(data) ? data : [data];
  let n = 0;
  for (const from of list) {
    const c = { ...fresh(), title: String(from.title ?? "").slice(0, 200), settings: typeof from.settings === "object" ? from.settings ?? {} : {} };
    if (from.nodes && typeof from.nodes === "object") {
      for (const node of Object.values(from.nodes))
        if (typeof node.content === "string" && (node.role === "user" || node.role === "assistant")) c.nodes[node.id] = { ...node, id: String(node.id) };
      for (const node of Object.values(c.nodes)) if (!c.nodes[node.parent]) node.parent = null;
      c.leaf = c.nodes[from.leaf] ? from.leaf : null;
    } else {
      for (const m of from.messages ?? [])
        if (typeof m.content === "string" && (m.role === "user" || m.role === "assistant")) add(c, { role: m.role, content: m.content, model: m.model });
    }
    if (!c.leaf) continue;
    keep(c);
    n++;
  }
  return n;
}

// Earlier versions kept all of them in one item.
if (localStorage.getItem(OLD)) {
  take(localStorage.getItem(OLD));
  localStorage.removeItem(OLD);
}

export function markdown(c) {
  const lines = [`# ${title_of(c)}`, ""];
  if (c.settings.system) lines.push("**System prompt**", "", c.settings.system, "");
  for (const m of path(c)) lines.push(`**${m.role === "user" ? "You" : m.model}**`, "", m.content, "");
  return lines.join("\n");
}
