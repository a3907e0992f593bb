// Better with script, whole without: "/" goes to the search field, times can be shown in the reader's own zone.
"use strict";
document.addEventListener("keydown", (event) => {
  const inField = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (event.key === "/" && !inField && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    document.getElementById("find").focus();
  }
});

// A verification under way: move the bar, and show the page anew when it is done.
const bar = document.querySelector("progress[data-poll]");
if (bar) {
  const refresh = document.querySelector("meta[http-equiv=refresh]");
  if (refresh) refresh.remove();
  const look = async () => {
    const said = await (await fetch(bar.dataset.poll)).json();
    if (!said.running) { location.reload(); return; }
    bar.max = Math.max(said.total, 1);
    bar.value = said.done;
    setTimeout(look, 500);
  };
  setTimeout(look, 300);
}

// An upload: show how much of it has gone; without script the form does the same, silently.
const upload = document.querySelector("form[data-upload]");
if (upload) {
  upload.addEventListener("submit", (event) => {
    event.preventDefault();
    const sent = document.getElementById("uploaded");
    const request = new XMLHttpRequest();
    sent.hidden = false;
    request.upload.addEventListener("progress", (e) => { if (e.lengthComputable) sent.value = (100 * e.loaded) / e.total; });
    request.addEventListener("load", () => {
      const page = new DOMParser().parseFromString(request.responseText, "text/html");
      document.querySelector("main").replaceWith(page.querySelector("main"));
    });
    request.open("POST", upload.action);
    request.send(new FormData(upload));
  });
}
