/* What the pages need of the browser beside NiceGUI: the theme, files sent up, text copied, looks at what is live. */
const talktime = {
  otherTheme() {
    const isDark = document.body.classList.contains("body--dark");
    document.cookie = `talktime_theme=${isDark ? "light" : "dark"};path=/;max-age=31536000;samesite=lax`;
    location.reload();
  },

  /* Reads out a sentence to those who cannot see what changed. */
  say(sentence) {
    const place = document.getElementById("tt-live");
    if (place) { place.textContent = ""; setTimeout(() => { place.textContent = sentence; }, 50); }
  },

  focus(id) { setTimeout(() => { const found = document.getElementById(id); if (found) found.focus(); }, 30); },

  async copy(text) {
    try { await navigator.clipboard.writeText(text); talktime.say("copied"); return true; }
    catch { return false; }
  },

  /* Sends the chosen file as the body of a request; tells progress (0 to 100) and the answer to the page. */
  upload(input, address, tell) {
    const file = input.files[0];
    if (!file) return;
    const request = new XMLHttpRequest();
    request.open("POST", address);
    request.setRequestHeader("Content-Type", input.dataset.kind || "application/octet-stream");
    request.setRequestHeader("X-File-Name", encodeURIComponent(file.name));
    let shown = -1;
    request.upload.onprogress = (event) => {
      const part = Math.floor(100 * event.loaded / Math.max(1, event.total));
      if (part !== shown) { shown = part; tell({progress: part}); }
    };
    request.onload = () => tell({status: request.status, name: file.name, answer: request.responseText.slice(0, 2000000)});
    request.onerror = () => tell({status: 0, name: file.name, answer: ""});
    request.send(file);
  },
};
window.talktime = talktime;

/* Before the connection stands, each event of NiceGUI waits for it by itself, and the last key of a word may be told
   before the one ahead of it. Here they are taken at once, and wait in their order. */
const waiting = [];
Object.defineProperty(window, "did_handshake", {
  get: () => window.socket !== undefined,
  set(isDone) {
    const socket = window.socket;
    if (isDone) {
      delete socket.emit;
      for (const said of waiting.splice(0)) socket.emit(...said);
      return;
    }
    const emit = socket.emit.bind(socket);
    socket.emit = (...said) => (said[0] === "handshake" ? emit(...said) : waiting.push(said));
  },
});

/* What the page before wanted to be said here (kit.act.tell_then). */
window.addEventListener("load", () => {
  const said = sessionStorage.getItem("tt-said");
  if (!said) return;
  sessionStorage.removeItem("tt-said");
  const place = document.createElement("div");
  place.className = "tt-toast";
  place.setAttribute("role", "status");
  document.body.append(place);
  setTimeout(() => { place.textContent = said; }, 50);
  setTimeout(() => place.remove(), 8000);
});

/* Quasar gives the paddings of an open list a tabindex; a list may hold nothing but its options. */
new MutationObserver(() => {
  for (const padding of document.querySelectorAll(".q-virtual-scroll__padding[tabindex]")) padding.removeAttribute("tabindex");
}).observe(document.documentElement, {childList: true, subtree: true});

/* The menu on a narrow screen: opened by its button, closed by Escape, by a press beside it, by going somewhere. */
function showMenu(isOpen) {
  document.body.classList.toggle("tt-open", isOpen);
  const button = document.querySelector('[data-tt="menu"]');
  if (button) button.setAttribute("aria-expanded", String(isOpen));
}
document.addEventListener("click", (event) => {
  if (event.target.closest('[data-tt="menu"]')) showMenu(!document.body.classList.contains("tt-open"));
  else if (!event.target.closest(".tt-drawer")) showMenu(false);
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !document.body.classList.contains("tt-open")) return;
  showMenu(false);
  document.querySelector('[data-tt="menu"]').focus();
});
