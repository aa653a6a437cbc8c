// Draws what a model answered, by its task.  Everything comes as text nodes: models write what they like.

function element(name, className, ...children) {
  const e = document.createElement(name);
  if (className) e.className = className;
  e.append(...children.filter((c) => c !== null && c !== undefined));
  return e;
}

const svgName = "http://www.w3.org/2000/svg";
function shape(name, attributes) {
  const e = document.createElementNS(svgName, name);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  return e;
}

function bar(share, colour = 1) {
  const svg = shape("svg", { class: "bar", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" });
  svg.append(shape("rect", { class: "bar-ground", width: 100, height: 8 }),
    shape("rect", { class: `chart-${colour}`, width: Math.max(0, Math.min(100, share * 100)), height: 8 }));
  return svg;
}

const score = (v) => (Math.abs(v) >= 0.0005 || v === 0 ? v.toFixed(3) : v.toExponential(1));

// Bars: of probabilities on their own scale, of anything else on that of the largest.
function scores(rows) {
  const list = element("ol", "try-scores");
  const most = Math.max(...rows.map((r) => Math.abs(r.score)), 0);
  const top = most <= 1 ? 1 : most;
  for (const r of rows.slice(0, 20)) list.append(element("li", "", element("span", "", r.label), element("span", "", score(r.score)), bar(r.score / top)));
  return list;
}

// The stretches of a text that something was said about.  Offsets count characters as Python does, not UTF-16.
function spans(text, found) {
  const letters = Array.from(text);
  const p = element("p", "try-spans");
  let at = 0;
  for (const x of [...found].sort((a, b) => a.start - b.start)) {
    if (x.start < at || x.end > letters.length) continue;
    p.append(letters.slice(at, x.start).join(""));
    const mark = element("mark", "", letters.slice(x.start, x.end).join(""), element("small", "", x.label));
    mark.title = score(x.score);
    p.append(mark);
    at = x.end;
  }
  p.append(letters.slice(at).join(""));
  return p;
}

function vector(values) {
  const flat = Array.isArray(values[0]) ? values[0] : values;
  const rows = Array.isArray(values[0]) ? values.length : 1;
  const most = Math.max(...flat.map(Math.abs)) || 1, shown = flat.slice(0, 512);
  const svg = shape("svg", { class: "try-vector", viewBox: `0 0 ${shown.length} 100`, preserveAspectRatio: "none", role: "img", "aria-label": "The numbers as bars" });
  shown.forEach((v, i) => {
    const height = (Math.abs(v) / most) * 50;
    svg.append(shape("rect", { x: i, width: 0.9, y: v > 0 ? 50 - height : 50, height, class: v > 0 ? "up" : "down" }));
  });
  const length = Math.sqrt(flat.reduce((s, v) => s + v * v, 0));
  return [element("p", "", rows > 1 ? `${rows} vectors of ${flat.length} numbers; the first:` : `A vector of ${flat.length} numbers, of length ${length.toFixed(3)}:`), svg,
    element("p", "soft", flat.slice(0, 8).map((v) => v.toFixed(4)).join(", "), flat.length > 8 ? ", …" : "")];
}

function entities(found, text) {
  if (!found.length) return [element("p", "soft", "Nothing was found in this text.")];
  return [spans(text, found.map((x) => ({ ...x, label: x.entity_group ?? x.entity }))),
    scores(found.map((x) => ({ label: `${x.word}: ${x.entity_group ?? x.entity}`, score: x.score })))];
}

const drawers = {
  "fill-mask": (found) => [scores(found.flat().map((x) => ({ label: x.token_str, score: x.score })))],
  "text-classification": (found) => [scores(found.flat())],
  "zero-shot-classification": (found) => [scores(found)],
  "token-classification": (found, asked) => entities(found, asked.inputs),
  "question-answering": (found, asked) => {
    const best = Array.isArray(found) ? found[0] : found;
    return [element("p", "", element("strong", "", best.answer || "No answer in this text."), ` ${score(best.score)}`), spans(asked.inputs.context, [{ ...best, label: "answer" }])];
  },
  "sentence-similarity": (found, asked) => [scores(found.map((s, i) => ({ label: asked.inputs.sentences[i], score: s })))],
  "text-ranking": (found, asked) => [scores(found.map((x, i) => ({ label: asked.inputs.documents[x.index ?? x.corpus_id ?? i], score: x.score ?? x })))],
  "feature-extraction": (found) => vector(Array.isArray(found[0]?.[0]) ? found[0] : found),
};

export function draw(place, task, found, asked) {
  place.replaceChildren(...(drawers[task] ?? ((x) => [element("pre", "", JSON.stringify(x, null, 1))]))(found, asked));
}
