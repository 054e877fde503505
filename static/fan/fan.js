/* What the fan pages do better with JavaScript. Without it every page works all the same. */
"use strict";

(() => {
  const { textOwnTime, textSameTime } = document.body.dataset;
  const language = document.documentElement.lang;
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));

  /* The fan's own time beside the campaign's. */

  const formatter = (options) => new Intl.DateTimeFormat(language, { numberingSystem: "latn", ...options });
  const inFull = { weekday: language.startsWith("ja") ? "short" : "long", day: "numeric", month: "long", hour: "numeric", minute: "2-digit" };

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

  /* A page that waits for the opening counts down, and looks again by itself, at slightly different times for
     different fans. Without a connection it says so and tries again, rather than lose itself. */

  const showRest = (element, seconds) => {
    const units = [["day", 86400, 1e9], ["hour", 3600, 24], ["minute", 60, 60], ["second", 1, 60]];
    const parts = units.map(([unit, size, most]) => [unit, Math.floor(seconds / size) % most]);
    const first = Math.max(0, parts.findIndex(([, count]) => count > 0));
    element.replaceChildren(...parts.slice(Math.min(first, 1)).map(([unit, count]) => {
      const part = document.createElement("span");
      const format = { style: "unit", unit, unitDisplay: "long", numberingSystem: "latn" };
      for (const { type, value } of new Intl.NumberFormat(language, format).formatToParts(count)) {
        const piece = document.createElement(type === "integer" ? "strong" : "span");
        piece.textContent = value;
        part.append(piece);
      }
      return part;
    }));
  };

  const reloadWhenOpen = async (waiting) => {
    try {
      const answer = await fetch(location.href, { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(15000) });
      if (answer.ok) return location.reload();
    } catch {
      waiting.querySelector(".away")?.remove();
      const away = document.createElement("span");
      away.className = "away";
      away.setAttribute("role", "status");
      away.textContent = waiting.dataset.textAway;
      waiting.append(away);
    }
    return setTimeout(reloadWhenOpen, 5000 + Math.random() * 10000, waiting);
  };

  const waitForOpening = () => {
    const waiting = document.querySelector("[data-reload-at]");
    if (!waiting) return;
    const opening = Number(waiting.dataset.reloadAt) * 1000;
    const countdown = document.querySelector("[data-countdown]");
    const pause = 3000 + Math.random() * 10000;
    countdown.hidden = false;
    waiting.classList.add("is-counting");
    const tick = () => {
      showRest(countdown, Math.max(0, Math.ceil((opening - Date.now()) / 1000)));
      if (Date.now() < opening + pause) return;
      clearInterval(ticking);
      reloadWhenOpen(waiting);
    };
    const ticking = setInterval(tick, 1000);
    tick();
  };

  /* The ranking: the selects of the page become one list to order. It outlives a reload, until it is sent. */

  const draftOf = (base) => `monoql-ranking ${base}`;
  const answersDraftOf = (base) => `monoql-form ${base}`;

  const forgetDraft = () => {
    const sent = document.querySelector("[data-sent]");
    try {
      if (sent) for (const name of [draftOf, answersDraftOf]) sessionStorage.removeItem(name(sent.dataset.sent));
    } catch {
      /* Storage may be forbidden; then there is nothing to forget. */
    }
  };

  /* What is typed outlives a reload too, in this tab alone; the artist's password does not. */

  const keepAnswers = (form) => {
    const key = answersDraftOf(form.dataset.draft);
    const inputs = () => [...form.elements].filter(({ name, type }) => name && !["hidden", "submit"].includes(type) && !["password", "choices"].includes(name));
    const isTick = ({ type }) => type === "checkbox" || type === "radio";
    const idOf = (input) => (isTick(input) ? `${input.name} ${input.value}` : input.name);
    try {
      const kept = form.dataset.focus ? null : JSON.parse(sessionStorage.getItem(key));
      for (const input of kept ? inputs() : []) {
        const value = kept[idOf(input)];
        if (value === undefined) continue;
        if (isTick(input)) input.checked = value;
        else input.value = value;
      }
    } catch {
      /* Storage may be forbidden; then nothing was kept. */
    }
    form.addEventListener("input", () => {
      try {
        const values = inputs().map((input) => [idOf(input), isTick(input) ? input.checked : input.value]);
        sessionStorage.setItem(key, JSON.stringify(Object.fromEntries(values)));
      } catch {
        /* As above. */
      }
    });
  };

  /* Distances on the globe, for the fan who shares where she is: it is worked out here and told to nobody. */

  const kilometres = ([latitude, longitude], [otherLatitude, otherLongitude]) => {
    const [north, otherNorth, east] = [latitude, otherLatitude, otherLongitude - longitude].map((degrees) => (degrees * Math.PI) / 180);
    const half = Math.sin((otherNorth - north) / 2) ** 2 + Math.cos(north) * Math.cos(otherNorth) * Math.sin(east / 2) ** 2;
    return 2 * 6371 * Math.asin(Math.min(1, Math.sqrt(half)));
  };

  const distanceText = (length) => {
    const isInMiles = /-(US|GB|LR)$/.test(language);
    const format = { style: "unit", unit: isInMiles ? "mile" : "kilometer", maximumFractionDigits: 0, numberingSystem: "latn" };
    return new Intl.NumberFormat(language, format).format(Math.max(1, isInMiles ? length / 1.609344 : length));
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
      this.listenForPlace();
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

    listenForPlace() {
      const near = this.find("near");
      if (!near || !isSecureContext || !navigator.geolocation) return;
      const text = near.textContent;
      near.hidden = false;
      const done = () => {
        near.removeAttribute("aria-disabled");
        near.textContent = text;
      };
      const failed = ({ code }) => {
        const { textRefused, textAway, textSlow } = near.dataset;
        done();
        this.find("near-said").textContent = { 1: textRefused, 3: textSlow }[code] || textAway;
      };
      near.addEventListener("click", () => {
        if (near.hasAttribute("aria-disabled")) return;
        near.setAttribute("aria-disabled", "true");
        near.textContent = near.dataset.textBusy;
        const found = ({ coords }) => { done(); this.sortFrom([coords.latitude, coords.longitude]); };
        navigator.geolocation.getCurrentPosition(found, failed, { timeout: 15000, maximumAge: 600000 });
      });
    }

    sortFrom(here) {
      const places = JSON.parse(this.words.places);
      const far = new Map(Object.entries(places).map(([code, place]) => [code, kilometres(here, place)]));
      const rankOf = (code) => (far.has(code) ? far.get(code) : Infinity);
      const byDistance = (one, two) => (rankOf(one) === rankOf(two) ? 0 : rankOf(one) - rankOf(two));
      // Sorting keeps the order of those whose place is not known.
      const order = this.words.order.split(" ").filter((code) => this.cities.has(code)).sort(byDistance);
      this.root.dataset.order = order.join(" ");
      this.cities = new Map(order.map((code) => {
        const known = this.cities.get(code);
        const label = [known.city, known.venue, far.has(code) ? distanceText(far.get(code)) : ""].filter(Boolean).join(" · ");
        return [code, { ...known, label }];
      }));
      this.list.append(...this.items.sort((one, two) => byDistance(one.dataset.code, two.dataset.code)));
      this.refresh();
      const { textSorted, textUnknown } = this.find("near").dataset;
      const [nearest] = order;
      const said = [fill(textSorted, { city: this.cities.get(nearest).city, distance: distanceText(far.get(nearest)) })];
      if (order.some((code) => !far.has(code))) said.push(textUnknown);
      this.find("near-said").textContent = said.join(" ");
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
    if (target && target !== document.activeElement) target.focus();
    for (const link of document.querySelectorAll('.notice a[href="#choice-1"]')) {
      link.addEventListener("click", (event) => { event.preventDefault(); adder?.focus(); });
    }
  };

  const sendOnce = (form) => {
    const button = form.querySelector("[data-submit]");
    const text = button.textContent;
    let isSent = false;
    const canBeSentAgain = () => {
      isSent = false;
      button.removeAttribute("aria-disabled");
      button.textContent = text;
    };
    form.addEventListener("submit", (event) => {
      if (isSent || form.dataset.textLost) event.preventDefault();
      if (!isSent && form.dataset.textLost) sendPatiently(form, button, canBeSentAgain);
      isSent = true;
      button.setAttribute("aria-disabled", "true");
      button.textContent = button.dataset.textBusy;
    });
    // A page that comes back from the browser's memory can be sent again.
    addEventListener("pageshow", canBeSentAgain);
  };

  /* A form whose answer is lost on the way stays as it is, says so beside its button, and can be sent again. */

  const sendPatiently = async (form, button, canBeSentAgain) => {
    form.querySelector(".lost")?.remove();
    try {
      const body = new URLSearchParams(new FormData(form));
      const answer = await fetch(form.action, { method: "POST", body, signal: AbortSignal.timeout(40000) });
      if (answer.status >= 500) throw new Error("The server gave no answer of its own.");
      if (answer.redirected) return location.assign(answer.url);
      const page = await answer.text();
      document.open();
      document.write(page);
      document.close();
    } catch {
      canBeSentAgain();
      const lost = document.createElement("p");
      lost.className = "notice notice-bad lost";
      lost.setAttribute("role", "alert");
      lost.textContent = form.dataset.textLost;
      button.before(lost);
      button.focus();
    }
    return undefined;
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

  document.querySelectorAll("[data-draft]").forEach(keepAnswers);
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
  waitForOpening();
})();
