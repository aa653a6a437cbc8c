// Finding things from the head of every page while one types.  The form works without it.
const input = document.getElementById("find"), form = input.form;
const box = document.createElement("div");
const kinds = [
  ["models", "Models", (r) => [`/${r.id}`, r.id, r.pipeline_tag]],
  ["datasets", "Datasets", (r) => [`/datasets/${r.id}`, r.id]],
  ["spaces", "Spaces", (r) => [`/spaces/${r.id}`, r.id]],
  ["buckets", "Buckets", (r) => [`/buckets/${r.id}`, r.id]],
  ["users", "People", (r) => [`/${r.user ?? r.name}`, r.user ?? r.name, r.fullname]],
  ["orgs", "Organisations", (r) => [`/${r.name}`, r.name, r.fullname]],
];
let asked = "", under_way = null, timer = 0;

box.id = "found";
box.className = "found";
box.hidden = true;
box.setAttribute("role", "listbox");
box.setAttribute("aria-label", "Found");
form.append(box);
for (const [name, value] of [["role", "combobox"], ["aria-expanded", "false"], ["aria-controls", "found"], ["aria-autocomplete", "list"]])
  input.setAttribute(name, value);

const options = () => [...box.querySelectorAll("[role=option]")];
const chosen = () => box.querySelector("[aria-selected=true]");

function choose(option) {
  chosen()?.setAttribute("aria-selected", "false");
  option?.setAttribute("aria-selected", "true");
  option?.scrollIntoView({ block: "nearest" });
  if (option) input.setAttribute("aria-activedescendant", option.id);
  else input.removeAttribute("aria-activedescendant");
}

function open(yes) {
  box.hidden = !yes;
  input.setAttribute("aria-expanded", String(yes));
  if (!yes) choose(null);
}

function option(href, name, more, n) {
  const link = document.createElement("a");
  link.href = encodeURI(href);
  link.id = `found-${n}`;
  link.tabIndex = -1;
  link.setAttribute("role", "option");
  link.setAttribute("aria-selected", "false");
  link.append(name);
  if (more && more !== name) {
    const small = document.createElement("small");
    small.textContent = more;
    link.append(" ", small);
  }
  return link;
}

function show(answer) {
  let n = 0;
  const groups = [];
  for (const [key, title, read] of kinds) {
    if (!answer[key]?.length) continue;
    const group = document.createElement("div"), head = document.createElement("p");
    group.setAttribute("role", "group");
    group.setAttribute("aria-labelledby", head.id = `found-${key}`);
    head.textContent = title;
    group.append(head, ...answer[key].map((r) => option(...read(r).concat(undefined).slice(0, 3), n++)));
    groups.push(group);
  }
  const all = option(`/search?q=${encodeURIComponent(asked)}`, n ? `All that is found for “${asked}”` : `Nothing is called “${asked}”`, "", n);
  all.href = `/search?q=${encodeURIComponent(asked)}`;
  all.className = "all";
  box.replaceChildren(...groups, all);
  open(true);
}

async function ask() {
  const q = input.value.trim();
  if (q === asked) {
    if (q && box.childElementCount) open(true);
    return;
  }
  asked = q;
  under_way?.abort();
  if (!q) {
    open(false);
    return;
  }
  under_way = new AbortController();
  try {
    const answer = await fetch(`/api/quicksearch?limit=5&q=${encodeURIComponent(q)}`, { signal: under_way.signal });
    if (answer.ok && q === asked) show(await answer.json());
  } catch (error) {
    if (error.name !== "AbortError") open(false);
  }
}

input.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(ask, 80);
});
input.addEventListener("focus", () => { if (input.value.trim() && input.value.trim() === asked) open(true); });
input.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    open(false);
  } else if (event.key === "Enter" && !box.hidden && chosen()) {
    event.preventDefault();
    chosen().click();
  } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && !box.hidden) {
    event.preventDefault();
    const all = options(), step = event.key === "ArrowDown" ? 1 : -1;
    choose(all[(all.indexOf(chosen()) + step + all.length + (chosen() || step > 0 ? 0 : 1)) % all.length]);
  }
});
form.addEventListener("focusout", (event) => { if (!form.contains(event.relatedTarget)) open(false); });
box.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus, and the click arrives
document.addEventListener("keydown", (event) => {
  const at = document.activeElement;
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName) || at.isContentEditable) return;
  event.preventDefault();
  input.focus();
  input.select();
});
