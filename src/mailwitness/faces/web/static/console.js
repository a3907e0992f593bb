// Better with script, whole without: "/" goes to the search field, rights can be slid through.
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

// Who can open a mailbox, slid through time: the table follows when the slider rests; an arrow key is a day. Without
// script the field does it.
const slide = () => {
  const form = document.querySelector("form[data-slide]");
  if (!form) return;
  const [range, said] = [form.querySelector("input"), form.querySelector("output")];
  const days = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 };
  let resting = 0;
  const written = () => new Date(1000 * Number(range.value)).toISOString().slice(0, 19);
  const words = () => (range.value === range.max ? "now" : written().replace("T", " "));
  const told = () => { said.value = words(); range.setAttribute("aria-valuetext", words()); };
  const show = async () => {
    const address = new URL(location.href);
    if (words() === "now") address.searchParams.delete("at");
    else address.searchParams.set("at", written() + "Z");
    const answer = await fetch(address);
    if (!answer.ok || answer.redirected) { location.href = address; return; }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    history.replaceState(null, "", address);
    document.querySelector("input[name=at]").value = page.querySelector("input[name=at]").value;
    document.getElementById("holders").closest("section").replaceWith(page.getElementById("holders").closest("section"));
    slide();
    document.getElementById("slide").focus();
  };
  form.hidden = false;
  told();
  range.addEventListener("input", told);
  range.addEventListener("keydown", (event) => {
    if (!(event.key in days)) return;
    event.preventDefault();
    range.value = Number(range.value) + 86400 * days[event.key];
    range.dispatchEvent(new Event("input"));
    range.dispatchEvent(new Event("change"));
  });
  range.addEventListener("change", () => { clearTimeout(resting); resting = setTimeout(show, 300); });
  form.addEventListener("submit", (event) => event.preventDefault());
};
slide();
