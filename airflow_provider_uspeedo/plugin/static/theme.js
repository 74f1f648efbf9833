// SPDX-License-Identifier: Apache-2.0
// Before anything is drawn: light or dark, and the language, as Airflow's own pages have them. It keeps both in the
// browser's storage, which a page of the same origin may read.
(function () {
  "use strict";
  const html = document.documentElement;
  function stored(name) {
    try {
      return window.localStorage.getItem(name) || "";
    } catch {
      return "";
    }
  }
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  function paint() {
    const wanted = stored("theme");
    const dark = wanted === "dark" || (wanted !== "light" && system.matches);
    html.dataset.theme = dark ? "dark" : "light";
    html.dispatchEvent(new CustomEvent("uspeedo-theme"));
  }
  paint();
  system.addEventListener("change", paint);
  window.addEventListener("storage", paint);

  const language = { en: "en", zh: "zh" }[stored("i18nextLng").split("-")[0].toLowerCase()];
  if (language && language !== html.dataset.language) {
    const cookie = "uspeedo_language=" + language;
    if (!document.cookie.split("; ").includes(cookie)) {
      document.cookie = cookie + "; path=" + html.dataset.root + "; SameSite=Lax";
      // The answer to a form is not asked for again; without cookies it would be asked for without end.
      if (document.cookie.split("; ").includes(cookie) && html.dataset.method !== "POST") {
        window.location.reload();
      }
    }
  }
})();
