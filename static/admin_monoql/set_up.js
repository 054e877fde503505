// Helps for the set-up's pages: rows to be dragged, and forms that show what applies. Everything works without them too.

document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("[data-order]");
  if (form) orderRows(form);
  const type = document.querySelector("select[data-applies]");
  if (type) showWhatApplies(type);
});

// The order of a list: the handle is a button that is dragged, or moved with the arrow keys.

function orderRows(form) {
  const inputs = [...document.querySelectorAll("[data-place]")];
  if (inputs.length < 2) return;
  const rowOf = (input) => input.closest("#result_list tbody");
  const table = rowOf(inputs[0]).parentElement;
  const numbers = inputs.map((input) => Number(input.value)).sort((one, other) => one - other);
  const save = form.querySelector("[data-save]");
  const status = form.querySelector("[data-status]");
  const inOrder = () => [...table.querySelectorAll("[data-place]")];

  const renumber = () => {
    inOrder().forEach((input, place) => { input.value = numbers[place]; });
    save.classList.add("mq-button-main");
  };
  const say = (input) => {
    const place = inOrder().indexOf(input) + 1;
    status.textContent = `${input.dataset.name} is now number ${place} of ${inputs.length}. It is not saved yet.`;
  };

  const move = (input, step) => {
    const all = inOrder();
    const other = all[all.indexOf(input) + step];
    if (!other) return;
    // The neighbour moves, not the row, so that the handle keeps the focus.
    if (step < 0) rowOf(input).after(rowOf(other));
    else rowOf(input).before(rowOf(other));
    renumber();
    say(input);
  };

  const drag = (event, input, handle) => {
    if (event.button !== 0) return;
    event.preventDefault();
    handle.focus();
    handle.setPointerCapture(event.pointerId);
    const row = rowOf(input);
    row.classList.add("mq-dragged");
    const follow = ({ clientY }) => {
      const all = inOrder();
      const place = all.indexOf(input);
      const middle = (other) => { const box = rowOf(other).getBoundingClientRect(); return box.top + box.height / 2; };
      if (place > 0 && clientY < middle(all[place - 1])) row.after(rowOf(all[place - 1]));
      else if (place < all.length - 1 && clientY > middle(all[place + 1])) row.before(rowOf(all[place + 1]));
      else return;
      renumber();
    };
    handle.addEventListener("pointermove", follow);
    handle.addEventListener("lostpointercapture", () => {
      handle.removeEventListener("pointermove", follow);
      row.classList.remove("mq-dragged");
      say(input);
    }, { once: true });
  };

  for (const input of inputs) {
    const handle = document.createElement("button");
    handle.type = "button";
    handle.className = "mq-handle";
    handle.setAttribute("aria-label", `Move ${input.dataset.name}: arrow up, arrow down`);
    handle.innerHTML = '<svg viewBox="0 0 12 20" width="12" height="20" fill="currentColor" aria-hidden="true"><circle cx="3" cy="4" r="1.6"/><circle cx="9" cy="4" r="1.6"/><circle cx="3" cy="10" r="1.6"/><circle cx="9" cy="10" r="1.6"/><circle cx="3" cy="16" r="1.6"/><circle cx="9" cy="16" r="1.6"/></svg>';
    handle.addEventListener("pointerdown", (event) => drag(event, input, handle));
    handle.addEventListener("keydown", (event) => {
      const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      move(input, step);
    });
    input.before(handle);
    input.addEventListener("input", () => save.classList.add("mq-button-main"));
  }
  form.querySelector("[data-without-script]").hidden = true;
  form.querySelector("[data-with-script]").hidden = false;
}

// A form's select names for each of its values the other inputs that apply. What does not is hidden and not sent.

function showWhatApplies(select) {
  const applies = JSON.parse(select.dataset.applies);
  const all = new Set(Object.values(applies).flat());
  const rowOf = (input) => input.closest(`.field-${input.name}`) || input.parentElement;
  const options = JSON.parse(select.dataset.options || "{}");

  const show = () => {
    const shown = new Set(applies[select.value] || []);
    for (const name of all) {
      for (const input of document.getElementsByName(name)) {
        input.disabled = !shown.has(name);
        rowOf(input).hidden = !shown.has(name);
      }
    }
    for (const [name, fitting] of Object.entries(options)) showFitting(name, fitting[select.value] || []);
  };

  const showFitting = (name, values) => {
    for (const other of document.getElementsByName(name)) {
      for (const option of other.options) option.hidden = option.disabled = Boolean(option.value) && !values.includes(option.value);
      const usable = values.length === 1 ? values[0] : "";
      if (other.selectedOptions[0]?.disabled || !other.value) other.value = usable;
    }
  };

  select.addEventListener("change", show);
  show();
}
