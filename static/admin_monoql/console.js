// Small helps for the staff pages. Everything works without them too.

document.addEventListener("DOMContentLoaded", () => {
  // On a phone each row of a list becomes a card: every cell then says what it is.
  const list = document.getElementById("result_list");
  if (list) {
    const names = [...list.querySelectorAll("thead th")].map((head) => head.textContent.trim());
    for (const row of list.querySelectorAll("tr.data-row")) {
      [...row.children].forEach((cell, place) => { cell.dataset.label = names[place] || ""; });
    }
    list.classList.add("mq-labelled");
  }
});

// An icon is a word in a font; a link of the menu has its own words beside it.
document.addEventListener("DOMContentLoaded", () => {
  for (const icon of document.querySelectorAll("#nav-sidebar a .material-symbols-outlined")) icon.setAttribute("aria-hidden", "true");
});

// The library writes the name of a chosen file into the nearest text input: its own widget's, but beside one of our plain
// inputs it finds none and fails, or another field's. So a plain one's change does not come to it.
document.addEventListener("change", (event) => {
  if (event.target.matches("input.mq-file")) event.stopPropagation();
}, { capture: true });

// A step that was asked for is not asked for twice by a double press; the server refuses the second in any case.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[data-once]")) return;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "yes";
  for (const button of form.querySelectorAll("button[type=submit]")) {
    button.setAttribute("aria-disabled", "true");
  }
});

// Coming back with the browser's arrow finds the form ready again.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-once]")) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("button[aria-disabled]")) button.removeAttribute("aria-disabled");
  }
});

// A menu that searches as one types takes its field's label for its name; the library names it by its empty choice.
const nameMenus = () => {
  for (const select of document.querySelectorAll("select.select2-hidden-accessible")) {
    const label = select.labels[0] || select.closest(".form-row, .field-row, .group")?.querySelector("label");
    const menu = select.parentElement.querySelector(".select2-container");
    if (!label || !menu) continue;
    for (const part of menu.querySelectorAll("[role=combobox], [role=textbox]")) {
      part.removeAttribute("aria-labelledby");
      part.setAttribute("aria-label", label.textContent.trim());
    }
  }
};
// The library makes its menus at its own time, and more with each row that is added.
document.addEventListener("DOMContentLoaded", () => {
  nameMenus();
  new MutationObserver(nameMenus).observe(document.body, { childList: true, subtree: true });
});

// A link that is to be sent to somebody is copied whole.
document.addEventListener("DOMContentLoaded", () => {
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
      button.textContent = "Copied";
    });
  }
});
