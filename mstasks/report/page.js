"use strict";
// Tabs: without this script, and on paper, all of them are shown one below the other.
for (const tabs of document.querySelectorAll(".tabs")) {
  const buttons = [...tabs.querySelectorAll("[role=tab]")];
  const show = (chosen) => {
    for (const button of buttons) {
      const isChosen = button === chosen;
      button.setAttribute("aria-selected", String(isChosen));
      button.tabIndex = isChosen ? 0 : -1;
      document.getElementById(button.getAttribute("aria-controls")).hidden = !isChosen;
    }
  };
  for (const [index, button] of buttons.entries()) {
    button.addEventListener("click", () => show(button));
    button.addEventListener("keydown", (event) => {
      const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!move) return;
      const next = buttons[(index + move + buttons.length) % buttons.length];
      show(next);
      next.focus();
    });
  }
  if (buttons.length > 1) {
    tabs.querySelector("[role=tablist]").hidden = false;
    tabs.classList.add("chosen");
    show(buttons[0]);
  }
}
// On paper, what is folded is shown.
addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll("details:not([open])")) {
    part.open = true;
    part.dataset.folded = "";
  }
});
addEventListener("afterprint", () => {
  for (const part of document.querySelectorAll("details[data-folded]")) {
    part.open = false;
    delete part.dataset.folded;
  }
});
