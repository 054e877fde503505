// The sign-in's pages: the admin's light or dark, and what passkeys and copying need. All else works without it.

(() => {
  const chosen = (() => {
    try { return JSON.parse(localStorage.getItem("adminTheme")) || "auto"; } catch { return "auto"; }
  })();
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const paint = () => document.documentElement.classList.toggle("dark", chosen === "dark" || (chosen === "auto" && system.matches));
  system.addEventListener("change", paint);
  paint();
})();

document.addEventListener("DOMContentLoaded", () => {
  if (window.PublicKeyCredential) {
    for (const button of document.querySelectorAll("[data-passkey]")) button.hidden = false;
  }
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", async () => {
      const lines = [...document.getElementById(button.dataset.copy).children].map((line) => line.textContent.trim());
      await navigator.clipboard.writeText(lines.join("\n"));
      button.textContent = "Copied";
    });
  }
});

// Whatever keeps a passkey from being used, mostly that the person pressed Cancel.
document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  const place = document.getElementById("passkey_error");
  const isKnown = event.detail.exception && event.detail.exception.name === "InvalidStateError";
  place.textContent = isKnown
    ? "This device holds a passkey for your account already."
    : "No passkey was used. Try again, or take another way.";
  place.hidden = false;
});
