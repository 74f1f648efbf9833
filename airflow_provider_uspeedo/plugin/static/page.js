// SPDX-License-Identifier: Apache-2.0
// What a page does without being loaded anew: it follows a campaign that runs, goes on with a search that has found
// nothing yet, and copies a query. All of it can be done without a script, too.
(function () {
  "use strict";

  function follow() {
    const live = document.getElementById("live");
    if (live && live.dataset.poll) {
      window.setTimeout(look, 1000 * Number(live.dataset.seconds || 5), live.dataset.poll);
    }
  }

  function isInUse(live) {
    const chosen = window.getSelection();
    return document.hidden || live.contains(document.activeElement) || (chosen && !chosen.isCollapsed);
  }

  async function look(address) {
    const live = document.getElementById("live");
    if (isInUse(live)) {
      follow();
      return;
    }
    try {
      const answer = await fetch(address, { credentials: "same-origin", headers: { accept: "text/html" } });
      if (answer.ok) {
        const made = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
        if (made) {
          keepOpen(live, made);
          live.replaceWith(document.adoptNode(made));
          document.dispatchEvent(new CustomEvent("uspeedo-shown"));
        }
      } else if (answer.status < 500) {
        return; // signed out: the next click says so
      }
    } catch {
      // The server is away for a moment.
    }
    follow();
  }

  function keepOpen(before, after) {
    for (const details of before.querySelectorAll("details[open][id]")) {
      const same = after.querySelector("#" + details.id);
      if (same) {
        same.open = true;
      }
    }
  }

  async function searchOn() {
    let form = document.querySelector("#found form[data-go-on]");
    while (form) {
      const asked = { method: "POST", credentials: "same-origin", body: new URLSearchParams(new FormData(form)) };
      let found = null;
      try {
        const answer = await fetch(form.action, asked);
        found = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("found");
      } catch {
        // The server is away: the button is still there.
      }
      if (!found) {
        return;
      }
      document.getElementById("found").replaceWith(document.adoptNode(found));
      form = found.querySelector("form[data-go-on]");
    }
  }

  for (const button of document.querySelectorAll("button[data-copy]")) {
    if (!navigator.clipboard) {
      continue; // not there on plain http: the text can still be selected
    }
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      document.getElementById("copied").textContent = button.dataset.copied;
    });
  }

  follow();
  searchOn();
})();
