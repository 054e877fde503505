/* What the fan pages do better with JavaScript. Without it every page works all the same. */
"use strict";

(() => {
  const { textOwnTime, textSameTime } = document.body.dataset;
  const language = document.documentElement.lang;
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));

  /* The fan's own time beside the campaign's. */

  const formatter = (options) => new Intl.DateTimeFormat(language, { numberingSystem: "latn", ...options });
  const inFull = { weekday: "long", day: "numeric", month: "long", hour: "numeric", minute: "2-digit" };

  const addOwnTime = (element, start, text) => {
    const zone = element.querySelector(".zone");
    if (-start.getTimezoneOffset() === Number(element.dataset.offset)) {
      if (zone) zone.textContent = `(${textSameTime})`;
      return;
    }
    const own = document.createElement("span");
    own.className = "own-time";
    own.textContent = fill(textOwnTime, { time: text });
    element.after(own);
  };

  const showOwnTimes = () => {
    for (const element of document.querySelectorAll("[data-moment]")) {
      const start = new Date(element.dateTime);
      addOwnTime(element, start, formatter(inFull).format(start));
    }
    for (const element of document.querySelectorAll("[data-window]")) {
      const start = new Date(element.dataset.start);
      const end = element.dataset.end ? new Date(element.dataset.end) : null;
      addOwnTime(element, start, end ? formatter(inFull).formatRange(start, end) : formatter(inFull).format(start));
    }
  };

  /* A page that waits for the opening looks again by itself, at slightly different times for different fans. */

  const reloadAtOpening = () => {
    const waiting = document.querySelector("[data-reload-at]");
    if (!waiting) return;
    const rest = Number(waiting.dataset.reloadAt) * 1000 - Date.now();
    if (rest > 0 && rest < 24 * 3600e3) setTimeout(() => location.reload(), rest + 3000 + Math.random() * 10000);
  };

  /* The ranking: the selects of the page become one list to order. It outlives a reload, until it is sent. */

  const draftOf = (base) => `monoql-ranking ${base}`;

  const forgetDraft = () => {
    const sent = document.querySelector("[data-sent]");
    try {
      if (sent) sessionStorage.removeItem(draftOf(sent.dataset.sent));
    } catch {
      /* Storage may be forbidden; then there is nothing to forget. */
    }
  };

  class Ranking {
    constructor(root) {
      this.root = root;
      this.words = root.dataset;
      this.find = (name) => root.querySelector(`[data-${name}]`);
      this.list = this.find("list");
      this.adder = this.find("add");
      this.status = this.find("status");
      const slots = this.find("slots");
      const selects = [...slots.querySelectorAll("select")];
      this.cities = new Map(
        [...selects[0].options].filter((option) => option.value).map((option) => {
          const [city, ...venue] = option.label.split(" · ");
          return [option.value, { city, venue: venue.join(" · "), label: option.label }];
        }),
      );
      const sent = selects.map((select) => select.value).filter(Boolean);
      const form = root.closest("form");
      this.draft = draftOf(form.dataset.draft);
      const isAnswer = Boolean(form.dataset.focus || sent.length);
      slots.remove();
      this.find("picker").hidden = false;
      for (const code of isAnswer ? sent : this.readDraft()) this.append(code);
      this.listen();
      this.refresh();
    }

    get items() {
      return [...this.list.children];
    }

    cityOf(item) {
      return this.cities.get(item.dataset.code);
    }

    append(code) {
      if (!this.cities.has(code) || this.items.some((item) => item.dataset.code === code)) return;
      const item = this.find("item").content.firstElementChild.cloneNode(true);
      const { city, venue } = this.cities.get(code);
      item.dataset.code = code;
      item.querySelector("[data-city]").textContent = city;
      item.querySelector("[data-venue]").textContent = venue;
      item.querySelector("input").value = code;
      for (const [name, text] of [["up", this.words.textUp], ["down", this.words.textDown], ["remove", this.words.textRemove]]) {
        item.querySelector(`[data-${name}]`).setAttribute("aria-label", fill(text, { city }));
      }
      this.list.append(item);
    }

    refresh() {
      const items = this.items;
      items.forEach((item, index) => {
        item.querySelector("[data-up]").disabled = index === 0;
        item.querySelector("[data-down]").disabled = index === items.length - 1;
      });
      const chosen = new Set(items.map((item) => item.dataset.code));
      const first = this.adder.options[0];
      this.adder.replaceChildren(first, ...[...this.cities].filter(([code]) => !chosen.has(code)).map(([code, { label }]) => new Option(label, code)));
      this.adder.value = "";
      const isFull = chosen.size === this.cities.size;
      this.find("empty").hidden = items.length > 0;
      this.find("clear").hidden = items.length < 2;
      this.find("any").hidden = isFull;
      this.adder.parentElement.hidden = isFull;
      try {
        sessionStorage.setItem(this.draft, JSON.stringify([...chosen]));
      } catch {
        /* Storage may be forbidden; then nothing is kept over a reload. */
      }
    }

    readDraft() {
      try {
        return JSON.parse(sessionStorage.getItem(this.draft)) || [];
      } catch {
        return [];
      }
    }

    say(text, item) {
      const items = this.items;
      const city = item ? this.cityOf(item).city : "";
      this.status.textContent = fill(text, { city, place: items.indexOf(item) + 1, count: items.length });
    }

    move(item, button, step) {
      const neighbour = step < 0 ? item.previousElementSibling : item.nextElementSibling;
      if (!neighbour) return;
      // The neighbour moves, not the item, so that the item keeps the focus.
      if (step < 0) item.after(neighbour);
      else item.before(neighbour);
      this.refresh();
      this.say(this.words.textMoved, item);
      const target = button.disabled ? item.querySelector(step < 0 ? "[data-down]" : "[data-up]") : button;
      target.focus();
    }

    remove(item) {
      const next = item.nextElementSibling || item.previousElementSibling;
      this.say(this.words.textRemoved, item);
      item.remove();
      this.refresh();
      (next ? next.querySelector("[data-remove]") : this.adder).focus();
    }

    add() {
      const code = this.adder.value;
      if (!code) return this.adder.focus();
      this.append(code);
      this.refresh();
      this.say(this.words.textAdded, this.items.at(-1));
      return this.adder.parentElement.hidden ? this.find("clear").focus() : this.adder.focus();
    }

    listen() {
      this.list.addEventListener("click", ({ target }) => {
        const button = target.closest("button");
        if (!button) return;
        const item = button.closest("li");
        if ("up" in button.dataset) this.move(item, button, -1);
        else if ("down" in button.dataset) this.move(item, button, 1);
        else this.remove(item);
      });
      this.list.addEventListener("keydown", (event) => {
        const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
        const button = event.target.closest("button");
        if (!step || !button) return;
        event.preventDefault();
        this.move(button.closest("li"), button, step);
      });
      this.list.addEventListener("pointerdown", (event) => this.drag(event));
      // A finger or mouse picks once; with the keyboard a closed list changes at each arrow, so there the button adds.
      let isPointing = false;
      this.adder.addEventListener("pointerdown", () => { isPointing = true; });
      this.adder.addEventListener("keydown", () => { isPointing = false; });
      this.adder.addEventListener("change", () => { if (isPointing) this.add(); });
      this.find("add-button").addEventListener("click", () => this.add());
      this.find("any").addEventListener("click", () => {
        for (const code of this.words.order.split(" ")) this.append(code);
        this.refresh();
        this.say(this.words.textFilled);
        this.find("clear").focus();
      });
      this.find("clear").addEventListener("click", () => {
        this.list.replaceChildren();
        this.refresh();
        this.say(this.words.textCleared);
        this.adder.focus();
      });
    }

    drag(event) {
      const grip = event.target.closest("[data-grip]");
      if (!grip || event.button !== 0) return;
      event.preventDefault();
      const item = grip.closest("li");
      grip.setPointerCapture(event.pointerId);
      item.classList.add("is-dragged");
      const follow = ({ clientY }) => {
        const { previousElementSibling: before, nextElementSibling: after } = item;
        const middle = (other) => { const box = other.getBoundingClientRect(); return box.top + box.height / 2; };
        if (before && clientY < middle(before)) item.after(before);
        else if (after && clientY > middle(after)) item.before(after);
        if (clientY < 60) scrollBy(0, -12);
        else if (clientY > innerHeight - 60) scrollBy(0, 12);
      };
      const end = () => {
        grip.removeEventListener("pointermove", follow);
        item.classList.remove("is-dragged");
        this.refresh();
        this.say(this.words.textMoved, item);
      };
      grip.addEventListener("pointermove", follow);
      grip.addEventListener("lostpointercapture", end, { once: true });
    }
  }

  /* A form is sent once, and its first error has the focus. */

  const focusFirstError = () => {
    const form = document.querySelector("[data-focus]");
    if (!form) return;
    const adder = document.querySelector("[data-add]");
    const target = document.getElementById(form.dataset.focus) || (adder?.offsetParent ? adder : null);
    if (target && !target.autofocus) target.focus();
    for (const link of document.querySelectorAll('.notice a[href="#choice-1"]')) {
      link.addEventListener("click", (event) => { event.preventDefault(); adder?.focus(); });
    }
  };

  const sendOnce = (form) => {
    const button = form.querySelector("[data-submit]");
    const text = button.textContent;
    let isSent = false;
    form.addEventListener("submit", (event) => {
      if (isSent) event.preventDefault();
      isSent = true;
      button.setAttribute("aria-disabled", "true");
      button.textContent = button.dataset.textBusy;
    });
    // A page that comes back from the browser's memory can be sent again.
    addEventListener("pageshow", () => {
      isSent = false;
      button.removeAttribute("aria-disabled");
      button.textContent = text;
    });
  };

  const offerCopy = (button) => {
    const code = document.getElementById(button.dataset.copy);
    const text = button.textContent;
    if (!navigator.clipboard) return;
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(code.textContent.trim());
      } catch {
        getSelection().selectAllChildren(code);
        return;
      }
      button.textContent = button.dataset.textCopied;
      setTimeout(() => { button.textContent = text; }, 2500);
    });
  };

  const closeMenus = ({ target, key }) => {
    for (const menu of document.querySelectorAll("[data-menu][open]")) {
      if (key === "Escape") menu.querySelector("summary").focus();
      if (key === "Escape" || (!key && !menu.contains(target))) menu.open = false;
    }
  };

  const openNamed = () => {
    const named = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (named instanceof HTMLDetailsElement) named.open = true;
  };

  /* A question that hangs on another one's answer is hidden while that is not given. The server decides all the same. */

  const answersOf = (form, name) => {
    const inputs = [...form.elements].filter((input) => input.name === name);
    const asked = inputs.filter((input) => !input.closest("[data-shown-if][hidden]"));
    const [first] = asked;
    if (first && first.type === "checkbox" && first.value === "on" && asked.length === 1) return [first.checked ? "yes" : "no"];
    return asked.filter((input) => input.checked || !["checkbox", "radio"].includes(input.type)).map((input) => input.value);
  };

  const showAsked = (form) => {
    const hanging = [...form.querySelectorAll("[data-shown-if]")];
    // Once more for each link of a chain, since a question may stand before the one that it hangs on.
    for (let round = 0; round < hanging.length; round += 1) {
      for (const question of hanging) question.hidden = !answersOf(form, question.dataset.shownIf).includes(question.dataset.shownValue);
    }
  };

  const followConditions = (form) => {
    if (!form.querySelector("[data-shown-if]")) return;
    form.classList.add("has-script");
    form.addEventListener("input", () => showAsked(form));
    showAsked(form);
  };

  document.querySelectorAll("[data-ranking]").forEach((root) => new Ranking(root));
  document.querySelectorAll("[data-form]").forEach(followConditions);
  document.querySelectorAll("[data-form]").forEach(sendOnce);
  document.querySelectorAll("[data-copy]").forEach(offerCopy);
  document.addEventListener("click", closeMenus);
  document.addEventListener("keydown", closeMenus);
  addEventListener("hashchange", openNamed);
  openNamed();
  forgetDraft();
  focusFirstError();
  showOwnTimes();
  reloadAtOpening();
})();
