// Markdown of answers as nodes.  Text becomes text nodes and nothing else: there is no way from what a model wrote to HTML.
//
// A stream is drawn anew only behind its last certain end: a blank line outside of code.  What lies before never changes.
import { copyable } from "./copy.js";

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([\w+#.-]*)/, HEADING = /^ {0,3}(#{1,6})\s+(.*?)\s*#*$/, ITEM = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;
const RULE = /^ {0,3}([-*_])\s*(?:\1\s*){2,}$/, QUOTE = /^ {0,3}>\s?(.*)$/, ROW = /^\s*\|(.*)\|\s*$/, DIVIDER = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;
const INLINE = /(`+)([^`]|[^`][\s\S]*?[^`])\1(?!`)|\*\*(?=\S)([\s\S]*?\S)\*\*|__(?=\S)([\s\S]*?\S)__|\*(?=[^\s*])([^*]*?[^\s*])\*|(?<![\w_])_(?=[^\s_])([^_]*?[^\s_])_(?![\w_])|~~(?=\S)([\s\S]*?\S)~~|\[([^\]\n]+)\]\((https?:\/\/[^\s)]+|mailto:[^\s)]+)\)|(https?:\/\/[^\s<>"')\]]*[^\s<>"')\].,;:!?])|\\([\\`*_{}[\]()#+.!|~>-])/g;

const make = (name, ...content) => {
  const node = document.createElement(name);
  node.append(...content);
  return node;
};

function link(text, href) {
  const a = make("a", text);
  a.href = href;
  a.rel = "noopener noreferrer nofollow";
  a.target = "_blank";
  return a;
}

function inline(text, depth = 0) {
  const out = [];
  let from = 0;
  const inner = (t) => (depth < 6 ? inline(t, depth + 1) : [t]);
  for (const m of text.matchAll(INLINE)) {
    if (m.index > from) out.push(text.slice(from, m.index));
    from = m.index + m[0].length;
    if (m[2] !== undefined) out.push(make("code", m[2].replace(/^ (.*\S.*) $/, "$1")));
    else if (m[3] ?? m[4]) out.push(make("strong", ...inner(m[3] ?? m[4])));
    else if (m[5] ?? m[6]) out.push(make("em", ...inner(m[5] ?? m[6])));
    else if (m[7]) out.push(make("del", ...inner(m[7])));
    else if (m[8]) out.push(link(m[8], m[9]));
    else if (m[10]) out.push(link(m[10], m[10]));
    else out.push(m[11]);
  }
  if (from < text.length) out.push(text.slice(from));
  return out;
}

const lines_of = (lines) => lines.flatMap((line, i) => (i ? [/ {2}$/.test(lines[i - 1]) ? document.createElement("br") : "\n", ...inline(line)] : inline(line)));

function code(lines, language) {
  const pre = make("pre", make("code", lines.join("\n")));
  pre.tabIndex = 0;
  if (language) pre.dataset.language = language;
  return copyable(pre);
}

const cells = (line) => line.match(ROW)[1].split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));

function table(rows) {
  const head = make("thead", make("tr", ...cells(rows[0]).map((c) => make("th", ...inline(c)))));
  const body = make("tbody", ...rows.slice(2).map((row) => make("tr", ...cells(row).map((c) => make("td", ...inline(c))))));
  return make("table", head, body);
}

// Items deeper than the first are lists inside of it; what is set in below an item belongs to it.
function list(lines, depth) {
  const [, indent, mark] = lines[0].match(ITEM), ordered = /\d/.test(mark), out = make(ordered ? "ol" : "ul");
  if (ordered) out.start = parseInt(mark, 10);
  let inside = null;
  const close = () => {
    if (!inside) return;
    const item = make("li");
    const task = inside[0].match(/^\[([ xX])\]\s+(.*)$/);
    if (task) {
      const box = make("input");
      box.type = "checkbox";
      box.disabled = true;
      box.checked = task[1] !== " ";
      item.append(box, " ");
      inside[0] = task[2];
    }
    const rest = inside.slice(1), at = rest.findIndex((line) => ITEM.test(line) || FENCE.test(line.trimStart()) || !line.trim());
    const own = at < 0 ? rest : rest.slice(0, at);
    item.append(...lines_of([inside[0], ...own.map((line) => line.trim())]));
    if (at >= 0) item.append(...blocks(undent(rest.slice(at)), depth + 1));
    out.append(item);
  };
  for (const line of lines) {
    const m = line.match(ITEM);
    if (m && m[1].length <= indent.length + 1) {
      close();
      inside = [m[3]];
    } else {
      inside.push(line);
    }
  }
  close();
  return out;
}

function undent(lines) {
  const least = Math.min(...lines.filter((line) => line.trim()).map((line) => line.length - line.trimStart().length));
  return lines.map((line) => line.slice(Number.isFinite(least) ? least : 0));
}

function blocks(lines, depth = 0) {
  const out = [];
  if (depth > 8) return [make("p", lines.join("\n"))];
  for (let i = 0; i < lines.length;) {
    const line = lines[i], fence = line.match(FENCE);
    let m, end = i + 1;
    if (!line.trim()) {
      i++;
    } else if (fence) {
      while (end < lines.length && !(lines[end].trim().startsWith(fence[1]) && !lines[end].trim().slice(fence[1].length).trim())) end++;
      out.push(code(lines.slice(i + 1, end), fence[2]));
      i = end + 1;
    } else if ((m = line.match(HEADING))) {
      out.push(make(`h${Math.min(6, m[1].length + 2)}`, ...inline(m[2])));
      i++;
    } else if (RULE.test(line)) {
      out.push(make("hr"));
      i++;
    } else if (QUOTE.test(line)) {
      while (end < lines.length && QUOTE.test(lines[end])) end++;
      out.push(make("blockquote", ...blocks(lines.slice(i, end).map((l) => l.match(QUOTE)[1]), depth + 1)));
      i = end;
    } else if (ROW.test(line) && DIVIDER.test(lines[i + 1] ?? "") && (lines[i + 1] ?? "").includes("-")) {
      while (end < lines.length && (ROW.test(lines[end]) || end === i + 1)) end++;
      out.push(table(lines.slice(i, end)));
      i = end;
    } else if (ITEM.test(line)) {
      while (end < lines.length && (lines[end].trim() ? ITEM.test(lines[end]) || /^\s{2,}/.test(lines[end]) || lines[end - 1].trim() && !HEADING.test(lines[end]) && !FENCE.test(lines[end])
        : ITEM.test(lines[end + 1] ?? "") || /^\s{2,}\S/.test(lines[end + 1] ?? ""))) end++;
      out.push(list(lines.slice(i, end), depth));
      i = end;
    } else {
      while (end < lines.length && lines[end].trim() && !FENCE.test(lines[end]) && !HEADING.test(lines[end]) && !QUOTE.test(lines[end]) && !ITEM.test(lines[end]) && !RULE.test(lines[end])) end++;
      out.push(make("p", ...lines_of(lines.slice(i, end))));
      i = end;
    }
  }
  return out;
}

export const render = (text) => blocks(text.split("\n"));

// An answer that grows: update(text) with all of it so far.
export class Growing {
  constructor(root) {
    this.root = root;
    this.certain = 0; // up to here it is drawn for good
    this.scanned = 0;
    this.fence = "";
    this.tail = [];
  }

  update(text) {
    let end = this.certain;
    for (let at = this.scanned, next; (next = text.indexOf("\n", at)) >= 0; at = this.scanned = next + 1) {
      const line = text.slice(at, next), fence = line.match(FENCE);
      const follows = text[next + 1];
      if (!this.fence && !line.trim() && follows === undefined) break; // what follows may belong to a list above
      if (this.fence ? line.trim().startsWith(this.fence) : fence) this.fence = this.fence ? "" : fence[1];
      else if (!this.fence && !line.trim() && !/[\s\d*+-]/.test(follows)) end = next + 1;
    }
    for (const node of this.tail) node.remove();
    if (end > this.certain) this.root.append(...render(text.slice(this.certain, end)));
    this.certain = end;
    this.tail = render(text.slice(end));
    this.root.append(...this.tail);
  }
}
