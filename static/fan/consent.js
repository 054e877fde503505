/* Asks whether a campaign's trackers may learn of the visit. Before a "yes" nothing of theirs is asked for. */
"use strict";

(() => {
  const bar = document.querySelector("[data-consent]");
  const foot = document.querySelector("[data-consent-foot]");
  const key = `monoql-consent ${bar.dataset.consent}`;
  const tags = JSON.parse(bar.dataset.tags);
  const days = 180;
  /* An address with anything else in it may name a person; trackers read it, so they stay out. */
  const harmless = /^(locale|utm_\w+|gclid|gbraid|wbraid|fbclid|ttclid|twclid|ScCid)$/;
  const theirCookies = /^(_ga|_gid|_gat|_gcl|_fb|_tt|_scid|_sctr|_twclid|_twpid|_scsrid)/;

  /* What each kind of tag wants to find on the page before its script, which reads the queue, is there. */

  const google = () => {
    window.dataLayer ||= [];
    window.gtag ||= function gtag() { window.dataLayer.push(arguments); };
    return window.gtag;
  };

  const kinds = {
    ga4(id) {
      google()("js", new Date());
      google()("config", id);
    },
    gtm() {
      google();
      window.dataLayer.push({ "gtm.start": Date.now(), event: "gtm.js" });
    },
    meta(id) {
      window.fbq ||= Object.assign(
        function fbq(...words) { if (window.fbq.callMethod) window.fbq.callMethod(...words); else window.fbq.queue.push(words); },
        { queue: [], loaded: true, version: "2.0" },
      );
      window.fbq.push = window._fbq = window.fbq;
      // It reads fields of forms only where it is told to.
      window.fbq("set", "autoConfig", false, id);
      window.fbq("init", id);
      window.fbq("trackSingle", id, "PageView");
    },
    tiktok(id) {
      const methods = ["page", "track", "identify", "instances", "debug", "on", "off", "once", "ready", "alias", "group"];
      methods.push("enableCookie", "disableCookie", "holdConsent", "revokeConsent", "grantConsent");
      window.TiktokAnalyticsObject = "ttq";
      const stub = (name) => {
        const calls = [];
        for (const method of methods) calls[method] = (...words) => { calls.push([method, ...words]); };
        return Object.assign(calls, { _u: name });
      };
      const ttq = (window.ttq ||= Object.assign(stub(), { methods, _i: {}, _t: {}, _o: {} }));
      ttq.instance = (name) => ttq._i[name];
      ttq._i[id] = stub("https://analytics.tiktok.com/i18n/pixel/events.js");
      ttq._t[id] = Date.now();
      ttq._o[id] = {};
      ttq.page();
    },
    x(id) {
      window.twq ||= Object.assign(
        function twq(...words) { if (window.twq.exe) window.twq.exe(...words); else window.twq.queue.push(words); },
        { version: "1.1", queue: [] },
      );
      window.twq("config", id);
    },
    snap(id) {
      window.snaptr ||= Object.assign(
        function snaptr(...words) { if (window.snaptr.handleRequest) window.snaptr.handleRequest(...words); else window.snaptr.queue.push(words); },
        { queue: [] },
      );
      window.snaptr("init", id, {});
      window.snaptr("track", "PAGE_VIEW");
    },
  };

  const load = ({ kind, id, script, image }) => {
    if (image) {
      const pixel = new Image(1, 1);
      pixel.referrerPolicy = "no-referrer";
      pixel.src = image;
      return;
    }
    kinds[kind](id);
    const element = document.createElement("script");
    element.async = true;
    element.referrerPolicy = "no-referrer";
    element.src = script;
    document.head.append(element);
  };

  let isLoaded = false;
  const loadAll = () => {
    if (isLoaded || [...new URLSearchParams(location.search).keys()].some((name) => !harmless.test(name))) return;
    isLoaded = true;
    tags.forEach(load);
  };

  /* The answer, for this campaign and these trackers: a further one is asked about anew. */

  const answered = () => {
    try {
      const kept = JSON.parse(localStorage.getItem(key));
      const known = new Set(kept.tags);
      const isOld = Date.now() - kept.at > days * 24 * 3600e3;
      return isOld || (kept.answer === "yes" && tags.some(({ id }) => !known.has(id))) ? "" : kept.answer;
    } catch {
      return "";
    }
  };

  const keep = (answer) => {
    try {
      localStorage.setItem(key, JSON.stringify({ answer, at: Date.now(), tags: tags.map(({ id }) => id) }));
    } catch {
      /* Storage may be forbidden; then the answer holds for this page. */
    }
  };

  const forgetTheirCookies = () => {
    const names = document.cookie.split("; ").map((cookie) => cookie.split("=")[0]).filter((name) => theirCookies.test(name));
    const labels = location.hostname.split(".");
    const domains = ["", ...labels.map((label, at) => `; domain=${labels.slice(at).join(".")}`)];
    for (const name of names) for (const domain of domains) document.cookie = `${name}=; max-age=0; path=/${domain}`;
  };

  /* Global Privacy Control and Do Not Track are a "no" that was given beforehand. */
  const isRefusedByBrowser = navigator.globalPrivacyControl === true || navigator.doNotTrack === "1";

  const show = (answer) => {
    const { textYes, textNo, textAsked } = bar.dataset;
    bar.hidden = Boolean(answer);
    document.documentElement.classList.toggle("is-asked", !bar.hidden);
    foot.hidden = !answer;
    const said = { yes: textYes, no: isRefusedByBrowser && !answered() ? textAsked : textNo };
    foot.querySelector("[data-consent-state]").textContent = said[answer] || "";
  };

  bar.addEventListener("click", ({ target }) => {
    const answer = target.closest("[data-consent-answer]")?.dataset.consentAnswer;
    if (!answer) return;
    keep(answer);
    show(answer);
    foot.querySelector("button").focus({ preventScroll: true });
    if (answer === "yes") return void loadAll();
    forgetTheirCookies();
    if (isLoaded) location.reload();
  });
  foot.querySelector("[data-consent-change]").addEventListener("click", () => {
    show("");
    document.getElementById("consent-title").focus();
  });

  const answer = answered() || (isRefusedByBrowser ? "no" : "");
  show(answer);
  if (answer === "yes") loadAll();
})();
