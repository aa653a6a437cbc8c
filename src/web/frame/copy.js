// A button to copy each piece of code.  Without it the code is there all the same.
if (navigator.clipboard) {
  for (const pre of document.querySelectorAll("pre:has(> code)")) {
    const button = document.createElement("button");
    button.className = "copy";
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(pre.querySelector("code").textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    const around = document.createElement("div");
    around.className = "copyable";
    pre.replaceWith(around);
    around.append(pre, button);
  }
}
