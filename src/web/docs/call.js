// Operations of the API, tried from their page: the fields make the address, the session says who asks.
const SHOWN_MAX = 200_000;

function address(form) {
  let path = form.dataset.path;
  const query = new URLSearchParams();
  for (const field of form.querySelectorAll("[data-in]")) {
    const value = field.value.trim();
    if (field.dataset.in === "path") path = path.replace(`{${field.name}}`, () => (field.dataset.rest === undefined ? encodeURIComponent(value) : encodeURI(value)));
    else if (value) query.append(field.name, value);
  }
  return query.size ? `${path}?${query}` : path;
}

function example(form) {
  const code = form.querySelector("pre code"), base = location.origin;
  code.textContent = code.textContent.replace(/"https?:\/\/[^"]*"$/, () => `"${base}${address(form)}"`);
}

async function send(form) {
  const note = form.querySelector("output"), answer = form.querySelector(".answer"), began = performance.now();
  const empty = [...form.querySelectorAll("[data-in=path]")].find((field) => !field.value.trim());
  if (empty) {
    note.textContent = `Fill in “${empty.name}” first.`;
    empty.focus();
    return;
  }
  note.textContent = "Waiting …";
  answer.hidden = true;
  try {
    const response = await fetch(address(form), { headers: { Accept: "application/json" } });
    let text = await response.text();
    const type = response.headers.get("content-type") ?? "";
    if (type.includes("json")) text = JSON.stringify(JSON.parse(text), null, 2);
    note.textContent = `${response.status}, ${type || "no content"}, ${(performance.now() - began).toFixed(0)} ms`;
    answer.textContent = text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}\n… ${text.length - SHOWN_MAX} more characters` : text;
    answer.hidden = !text;
  } catch (error) {
    note.textContent = `That did not work: ${error.message}`;
  }
}

for (const form of document.querySelectorAll(".try-call[data-path]")) {
  form.querySelector("button:not(.copy)").hidden = false;
  form.addEventListener("input", () => example(form));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
}
for (const form of document.querySelectorAll(".try-call:not([data-path])")) form.addEventListener("submit", (event) => event.preventDefault());
if (location.hash) document.querySelector(`details${CSS.escape(location.hash).replace("\\#", "#")}`)?.setAttribute("open", "");
