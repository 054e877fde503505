/* Checks a fan's receipt against the draw of this page. Nothing is asked of anybody and nothing is sent: what is needed
   stands in the page. The rules are those of verify_draw.py, of which this shares no line. */
"use strict";

(() => {
  const section = document.querySelector("[data-check]");
  if (!section) return;
  const words = section.dataset;
  const facts = JSON.parse(document.getElementById("draw-facts").textContent);
  const { draw } = facts;
  const MOST_BYTES = 512 * 1024;
  const language = document.documentElement.lang;

  class Unfit extends Error {}
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
  const expect = (holds, text, values = {}) => {
    if (!holds) throw new Unfit(fill(text, values));
  };

  /* Bytes */

  const utf8 = new TextEncoder();
  const isHex = (text, digits) => typeof text === "string" && text.length === digits && /^[0-9a-f]*$/.test(text);
  const bytesOf = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  const hexOf = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const joined = (...parts) => {
    const pieces = parts.map((part) => (typeof part === "string" ? utf8.encode(part) : part));
    const whole = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0));
    let at = 0;
    for (const piece of pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  };
  const sha256 = async (...parts) => new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)));

  /* Numbers as the page writes them */

  const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, facts.thousands);
  const lotOf = (ticket) => (Number(BigInt(`0x${ticket}`)) / 2 ** 64).toFixed(4).replace(".", facts.decimal);
  const isolated = (name) => `\u2068${name}\u2069`;
  const listed = (names) => new Intl.ListFormat(language).format(names.map(isolated));
  const moment = (date) => new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "short", numberingSystem: "latn" }).format(date);

  /* What both kinds of receipt have */

  const checkRef = async (receipt) => {
    const { identifier, fan_key: key, ref } = receipt;
    expect(typeof identifier === "string" && isHex(key, 64) && isHex(ref, 32), words.textRef);
    const found = await sha256("monoql-ref/1\n", bytesOf(key), identifier);
    expect(hexOf(found.slice(0, 16)) === ref, words.textRef);
  };

  /* The receipt of a draw */

  const rootFrom = async (line, index, count, proof) => {
    let node = await sha256(Uint8Array.of(0), line);
    const steps = [...proof];
    for (let last = count - 1; last > 0; last = Math.floor(last / 2), index = Math.floor(index / 2)) {
      const isRight = index % 2 === 1;
      if (!isRight && index === last) continue; // A lone last node goes up as it is.
      const step = steps.shift();
      expect(step && step.side === (isRight ? "left" : "right") && isHex(step.hash, 64), words.textProof);
      const other = bytesOf(step.hash);
      node = await (isRight ? sha256(Uint8Array.of(1), other, node) : sha256(Uint8Array.of(1), node, other));
    }
    expect(steps.length === 0, words.textProof);
    return hexOf(node);
  };

  const checkLine = async (receipt) => {
    const { line, index, proof, ref } = receipt;
    const form = /^([0-9a-f]{32}),([a-z_]*),(\d{1,3}),((?:[A-Za-z0-9._-]+(?:\|[A-Za-z0-9._-]+)*)?)$/;
    const parts = typeof line === "string" ? form.exec(line) : null;
    expect(parts && parts[1] === ref, words.textLine);
    expect(Number.isInteger(index) && index >= 0 && index < draw.entries && Array.isArray(proof), words.textProof);
    expect((await rootFrom(line, index, draw.entries, proof)) === draw.root, words.textProof);
    return { reason: parts[2], tier: Number(parts[3]), choices: parts[4] ? parts[4].split("|") : [] };
  };

  const checkTicket = async (receipt) => {
    const secret = bytesOf(draw.secret);
    expect(hexOf(await sha256(secret)) === facts.commitments[draw.number - 1], words.textSecret);
    const rules = await sha256(draw.rules);
    const key = await sha256("monoql-draw/1\n", secret, bytesOf(draw.root), rules, draw.public_value);
    const ticket = hexOf((await sha256(key, receipt.ref)).slice(0, 8));
    expect(receipt.ticket === ticket, words.textTicket);
  };

  /* Whether a wish came before the last one that a city had room for, or was that one; null where the city did not
     fill, so that there was room for everybody. */
  const isInTime = (city, choice, tier, ticket, ranking) => {
    const { cutoff } = draw.markets[city];
    if (!cutoff) return null;
    for (const criterion of ranking) {
      const ahead = criterion === "score" ? tier - cutoff.tier : cutoff.choice - choice;
      if (ahead !== 0) return ahead > 0;
    }
    return ticket === cutoff.ticket ? choice <= cutoff.choice : ticket < cutoff.ticket;
  };

  const hasRoom = (city, choice, line, ticket, rules) => {
    if (rules.markets[city].places === 0) return false;
    return isInTime(city, choice, line.tier, ticket, rules.ranking) ?? true;
  };

  /* Of all her wishes for which there was room when her turn came, the earliest in the order of the draw is hers. */
  const wishesWithRoom = (line, ticket, rules) =>
    line.choices.map((city, place) => ({ city, choice: place + 1 })).filter(({ city, choice }) => hasRoom(city, choice, line, ticket, rules));

  const eventAt = (market, position) => {
    if (market.split === "concurrent") return "";
    let end = 0;
    for (const { event, places } of market.events) {
      end += places;
      if (position <= end) return event;
    }
    return null;
  };

  const checkOutcome = (receipt, line) => {
    const rules = JSON.parse(draw.rules);
    expect(line.choices.every((city) => city in draw.markets), words.textLine);
    if (line.reason) {
      expect(receipt.outcome === line.reason && !("market" in receipt), words.textOutcome);
      return;
    }
    const [first] = wishesWithRoom(line, receipt.ticket, rules);
    if (!first) {
      expect(receipt.outcome === "markets_full" && !("market" in receipt), words.textOutcome);
      return;
    }
    const { outcome, market, choice, event, position } = receipt;
    expect(outcome === "placed" && market === first.city && choice === first.choice, words.textOutcome);
    expect(Number.isInteger(position) && position >= 1 && position <= draw.markets[market].placed, words.textOutcome);
    expect(event === eventAt(rules.markets[market], position), words.textOutcome);
  };

  const wordsOfOutcome = (receipt, line) => {
    const values = { line: grouped(receipt.index + 1), entries: grouped(draw.entries), number: lotOf(receipt.ticket) };
    const found = [fill(words.textInList, values)];
    if (receipt.outcome === "placed") {
      const city = isolated(draw.markets[receipt.market].city);
      found.push(fill(words.textPlaced, { city, choice: receipt.choice }));
    } else {
      found.push(line.reason ? fill(words.textReason, { reason: draw.reasons[line.reason] ?? line.reason }) : words.textFull);
    }
    return found;
  };

  const checkDraw = async (receipt) => {
    const { campaign, wave, number, entries, root } = receipt;
    expect(campaign === facts.campaign, words.textCampaign, { found: isolated(campaign) });
    if (!draw || wave !== draw.wave) {
      expect(!draw, words.textWave, { found: isolated(wave) });
      return { title: words.textElsewhere, draw: wave };
    }
    expect(draw.state === "triggered", words.textSealed);
    expect(number === draw.number, words.textNumber);
    expect(entries === draw.entries, words.textEntries);
    expect(root === draw.root, words.textRoot);
    await checkRef(receipt);
    const line = await checkLine(receipt);
    await checkTicket(receipt);
    checkOutcome(receipt, line);
    const lasts = line.reason ? [] : line.choices.map((city) => `${isolated(draw.markets[city].city)}: ${draw.markets[city].last}`);
    return { title: words.textFits, sentences: wordsOfOutcome(receipt, line), lines: lasts };
  };

  /* The receipt of a registration */

  const isSigned = async (text, signature) => {
    let key;
    try {
      key = await crypto.subtle.importKey("raw", bytesOf(facts.signing_key), { name: "Ed25519" }, false, ["verify"]);
    } catch {
      return null; // A browser that does not know this kind of signature.
    }
    return crypto.subtle.verify("Ed25519", key, bytesOf(signature), utf8.encode(text));
  };

  const checkRegistration = async ({ receipt: text, signature, signing_key: key }) => {
    expect(typeof text === "string" && isHex(signature, 128) && key === facts.signing_key, words.textSignature);
    const signed = await isSigned(text, signature);
    expect(signed !== false, words.textSignature);
    const receipt = read(text);
    expect(receipt, words.textNoReceipt);
    expect(receipt.campaign === facts.campaign, words.textCampaign, { found: isolated(receipt.campaign) });
    await checkRef(receipt);
    const lines = facts.commitments.map((one) => `${one}\n`).join("");
    expect(receipt.commitments_sha256 === hexOf(await sha256(lines)), words.textCommitments);
    const time = new Date(receipt.time);
    const cities = receipt.choices.map((code) => draw?.markets[code]?.city ?? code);
    const values = { who: isolated(receipt.identifier), time: moment(time), cities: listed(cities) };
    const sentences = [fill(words.textRegistered, values)];
    if (draw) sentences.push(time.getTime() / 1000 > draw.frozen_at ? words.textAfter : words.textBefore);
    return { title: signed ? words.textFits : words.textUnsigned, sentences };
  };

  /* Reading, and saying what was found */

  const read = (text) => {
    try {
      const value = JSON.parse(text);
      return value && typeof value === "object" && !Array.isArray(value) ? value : null;
    } catch {
      return null;
    }
  };

  const kindOf = (text) => {
    const receipt = read(text);
    if (receipt && "signature" in receipt) return { check: checkRegistration, receipt, bad: words.textRegistrationBad };
    if (receipt && "ticket" in receipt) return { check: checkDraw, receipt, bad: words.textFitsNot };
    return null;
  };

  const element = (name, text, className = "") => {
    const made = document.createElement(name);
    made.textContent = text;
    made.className = className;
    return made;
  };

  const verdict = section.querySelector("[data-verdict]");
  const say = ({ isGood, title, sentences = [], lines = [], draw: elsewhere = "" }) => {
    const box = element("div", "", isGood ? "notice notice-good" : "notice notice-bad");
    box.append(element("p", title, "verdict-title"), ...sentences.map((sentence) => element("p", sentence)));
    if (lines.length) {
      const list = document.createElement("ul");
      list.append(...lines.map((line) => element("li", line)));
      box.append(list);
    }
    if (/^[\d-]{10}T\d\d:\d\db?$/.test(elsewhere)) {
      const link = element("a", elsewhere);
      link.href = `${elsewhere}/`;
      const way = document.createElement("p");
      way.append(link);
      box.append(way);
    }
    verdict.replaceChildren(box);
  };

  const check = async (text) => {
    const found = kindOf(text);
    if (!found) return say({ isGood: false, title: words.textNoReceipt });
    try {
      return say({ isGood: true, ...(await found.check(found.receipt)) });
    } catch (error) {
      if (error instanceof Unfit) return say({ isGood: false, title: found.bad, sentences: [error.message] });
      // Something in it is not of the kind that it has to be: no receipt of ours is like that.
      return say({ isGood: false, title: words.textNoReceipt });
    }
  };

  const checkFile = async (file) => {
    if (!file) return undefined;
    if (file.size > MOST_BYTES) return say({ isGood: false, title: words.textTooLarge });
    return check(await file.text());
  };

  if (!globalThis.crypto?.subtle) {
    say({ isGood: false, title: words.textInsecure });
    return;
  }
  const form = section.querySelector("[data-check-form]");
  const input = form.querySelector("[data-file]");
  const drop = form.querySelector("[data-drop]");
  form.hidden = false;
  input.addEventListener("change", () => {
    checkFile(input.files[0]);
    input.value = ""; // So that the same file can be chosen again.
  });
  form.querySelector("[data-check-text]").addEventListener("click", () => {
    const { value } = form.querySelector("[data-text]");
    if (value.length > MOST_BYTES) say({ isGood: false, title: words.textTooLarge });
    else check(value);
  });
  for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle("is-over", name === "dragenter" || name === "dragover");
      if (name === "drop") checkFile(event.dataTransfer.files[0]);
    });
  }
})();
