// Menus close when one goes elsewhere: by Escape, which leads back to where the menu was opened, and by a press or a step beside them.
const open_ones = () => document.querySelectorAll(":is(.menu, .react)[open]");

addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of open_ones()) {
    if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
    menu.open = false;
  }
});
for (const type of ["pointerdown", "focusin"])
  addEventListener(type, (event) => {
    for (const menu of open_ones()) if (!menu.contains(event.target)) menu.open = false;
  });
