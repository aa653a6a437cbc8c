// A text editor that stays a text area: numbers beside the lines, Tab for indentation, a preview, and a word before work is lost.
import { post, refusal } from "./api.js";

const area = document.querySelector(".code-edit textarea");

// Tab indents; who moves by keyboard leaves with Escape and then Tab.
let leaves = false;

function insert(text) {
  area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
  area.dispatchEvent(new Event("input"));
}

// Indents, or takes a step back, in every line that the selection touches.
function shift(back) {
  const from = area.value.lastIndexOf("\n", area.selectionStart - 1) + 1, to = area.selectionEnd;
  const lines = area.value.slice(from, to).split("\n");
  const text = lines.map((l) => (back ? l.replace(/^(\t| {1,4})/, "") : l && `${unit()}${l}`)).join("\n");
  area.setRangeText(text, from, to, "select");
  area.dispatchEvent(new Event("input"));
}

// As the file does it already.
function unit() {
  const first = /^(\t| {2,8})\S/m.exec(area.value)?.[1] ?? "    ";
  return first.length === 3 || first.length > 4 ? "    " : first;
}

function on_key(event) {
  if (event.key === "Escape") leaves = true;
  else if (event.key === "Tab" && !leaves && !event.altKey && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    const several = area.value.slice(area.selectionStart, area.selectionEnd).includes("\n");
    if (several || event.shiftKey) shift(event.shiftKey);
    else insert(unit());
  } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    const line = area.value.slice(area.value.lastIndexOf("\n", area.selectionStart - 1) + 1, area.selectionStart);
    const indent = /^[\t ]*/.exec(line)[0];
    if (indent) { event.preventDefault(); insert(`\n${indent}`); }
  }
  if (event.key !== "Escape" && event.key !== "Shift") leaves = false;
}

function number_lines() {
  const gutter = document.querySelector(".gutter");
  const count = area.value.split("\n").length;
  if (Number(gutter.dataset.count) !== count) {
    gutter.textContent = `${Array.from({ length: count }, (_, i) => i + 1).join("\n")}\n\n`;
    gutter.dataset.count = count;
  }
  gutter.scrollTop = area.scrollTop;
}

function preview_tabs() {
  const tabs = document.querySelector(".tabs-of-two"), pane = document.querySelector(".preview");
  const name = document.querySelector("#name");
  const fits = () => { tabs.hidden = !/\.(md|markdown)$/i.test(name.value); };
  fits();
  name.addEventListener("input", fits);
  tabs.addEventListener("click", async (event) => {
    const show = event.target.dataset.show;
    if (!show) return;
    for (const b of tabs.children) b.setAttribute("aria-pressed", String(b === event.target));
    document.querySelector(".code-edit").hidden = show === "preview";
    pane.hidden = show !== "preview";
    if (show !== "preview") return;
    pane.textContent = "…";
    try {
      const answer = await post(`${tabs.dataset.markdown}/${name.value.split("/").map(encodeURIComponent).join("/")}`, { text: area.value });
      // What comes is made safe by the server, as cards are; the policy of this page runs nothing in any case.
      if (answer.ok) pane.innerHTML = (await answer.json()).html;
      else pane.textContent = `This cannot be shown as a page: ${await refusal(answer)}`;
    } catch {
      pane.textContent = "The server did not answer. Your text is still here, under Edit.";
    }
  });
}

if (area) {
  const first = document.querySelector(".problem") ? null : area.value; // what was refused is saved nowhere
  let sent = false;
  area.addEventListener("keydown", on_key);
  area.addEventListener("input", number_lines);
  area.addEventListener("scroll", number_lines);
  new ResizeObserver(number_lines).observe(area);
  number_lines();
  area.form.addEventListener("submit", () => { sent = true; });
  addEventListener("beforeunload", (event) => { if (!sent && area.value !== first) event.preventDefault(); });
  preview_tabs();
}
