// A button to copy each piece of code.  Without it, as where the page did not come by https, the code is there all the same.
export function copyable(pre) {
  const around = document.createElement("div"), button = document.createElement("button");
  around.className = "copyable";
  around.append(pre);
  if (!navigator.clipboard) return around;
  button.className = "copy";
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    const said = await navigator.clipboard.writeText(pre.querySelector("code").textContent).then(() => "Copied", () => "Not allowed");
    button.textContent = said;
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  around.append(button);
  return around;
}

// What is wider than its place scrolls, for the keyboard too.
for (const wide of document.querySelectorAll(".prose :is(table, math[display=block])")) if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0;

for (const pre of navigator.clipboard ? document.querySelectorAll("pre:has(> code)") : []) {
  const place = document.createComment("");
  pre.replaceWith(place);
  place.replaceWith(copyable(pre));
}
