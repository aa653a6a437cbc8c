// A button to copy each piece of code, and one for the name of a repository, which programs want in one piece.
//
// Where the page did not come by https, as in many a house, browsers have no navigator.clipboard, and the older way is taken.
export async function put(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea");
  field.className = "unseen";
  field.value = text;
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  if (!done) throw new Error("not allowed");
}

// Of a session in a terminal, what was typed: lines behind a prompt, and those that a line goes on in.
function typed(code) {
  if (!code.classList.contains("language-console")) return code.textContent;
  let goes_on = false;
  const lines = code.textContent.split("\n").filter((line) => {
    const is_typed = goes_on || /^[$#] /.test(line);
    goes_on = is_typed && line.endsWith("\\");
    return is_typed;
  });
  return lines.length ? lines.map((line) => line.replace(/^[$#] /, "")).join("\n") : code.textContent;
}

function copier(label, text) {
  const button = document.createElement("button");
  button.className = "copy";
  button.type = "button";
  button.textContent = label;
  button.addEventListener("click", async () => {
    button.textContent = await put(text()).then(() => "Copied", () => "Not allowed");
    button.focus();
    setTimeout(() => { button.textContent = label; }, 1500);
  });
  return button;
}

export function copyable(pre) {
  const around = document.createElement("div");
  around.className = "copyable";
  around.append(pre, copier("Copy", () => typed(pre.querySelector("code"))));
  return around;
}

for (const name of document.querySelectorAll("[data-copy]")) name.after(copier("Copy name", () => name.dataset.copy));

// What is wider than its place scrolls, for the keyboard too.
for (const wide of document.querySelectorAll(".prose :is(table, math[display=block])")) if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0;

for (const pre of document.querySelectorAll("pre:has(> code)")) {
  const place = document.createComment("");
  pre.replaceWith(place);
  place.replaceWith(copyable(pre));
}
