// Menus close when one goes elsewhere: by Escape, which leads back to where the menu was opened, and by a press or a step beside them.
const open_ones = () => document.querySelectorAll(":is(.menu, .react)[open]");

addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of open_ones()) {
    if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
    menu.open = false;
  }
});

// After the press, not with it: what a closing menu moves would slip away from under the pointer.
function leave(event) {
  for (const menu of open_ones()) if (!menu.contains(event.target)) menu.open = false;
}
addEventListener("click", leave);
addEventListener("keyup", (event) => { if (event.key === "Tab") leave(event); });
