// The page's views, the key, and what is dropped or pasted anywhere.

import { forgetKey, hasKey, onServer } from "./api.js";
import { isClip, isPicture, look, setUpIdentify } from "./identify.js";
import { choosePortraits, setUpPeople, showPeople } from "./people.js";
import { showRates } from "./rates.js";

const VIEWS = { identify: "Identify", people: "People" };
const find = (id) => document.getElementById(id);

const view = () => (location.hash === "#people" ? "people" : "identify");

function showView() {
  const shown = view();
  for (const [id, title] of Object.entries(VIEWS)) {
    find(id).hidden = id !== shown;
    const link = document.querySelector(`nav a[href="#${id}"]`);
    if (id === shown) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    if (id === shown) document.title = `${title} · cshml_tf`;
  }
  find("problem").textContent = "";
  if (shown === "people") guarded(showPeople);
}

// Run something that asks the server; what goes wrong is said in one sentence.
async function guarded(run) {
  try {
    return await run();
  } catch (error) {
    if (error.name !== "AbortError") find("problem").textContent = error.message;
    return undefined;
  } finally {
    find("forget-key").hidden = !hasKey();
  }
}

function askForKey(words) {
  const dialog = find("key");
  const value = find("key-value");
  find("key-words").textContent = words;
  value.value = "";
  dialog.showModal();
  return new Promise((resolve) => {
    const end = (key) => {
      value.value = "";
      dialog.close();
      resolve(key);
    };
    find("key-form").onsubmit = (event) => {
      event.preventDefault();
      const key = value.value.trim();
      // Anything else cannot stand in a header.
      if (/^[\x21-\x7e]+$/.test(key)) end(key);
      else find("key-words").textContent = "A key consists of letters, digits and signs, without blanks.";
    };
    find("key-cancel").onclick = () => end(null);
    dialog.oncancel = () => end(null);
  });
}

function take(files) {
  const some = [...files].filter((file) => isPicture(file) || isClip(file));
  find("problem").textContent = "";
  if (!some.length) {
    if (files.length) find("problem").textContent = "Expected a picture, got another kind of file.";
  } else if (view() === "people") {
    choosePortraits(some.filter(isPicture));
  } else {
    look(some[0], enrolFrom);
    if (some.length > 1) find("problem").textContent = `One at a time: of ${some.length} files, the first is shown.`;
  }
}

// Take a picture whose person is unknown over to the enrolment.
function enrolFrom(file) {
  location.hash = "#people";
  // The event comes later, and what is hidden takes no focus.
  showView();
  choosePortraits([file]);
  find("name").focus();
}

function setUpDropping() {
  let depth = 0;
  const light = (isOn) => document.body.classList.toggle("dropping", isOn);
  const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => {
    if (!holdsFiles(event)) return;
    depth += 1;
    light(true);
  });
  addEventListener("dragleave", (event) => {
    if (!holdsFiles(event)) return;
    depth = Math.max(0, depth - 1);
    light(depth > 0);
  });
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    light(false);
    if (!document.querySelector("dialog[open]")) take(event.dataTransfer.files);
  });
  addEventListener("paste", (event) => {
    if (event.clipboardData.files.length && !document.querySelector("dialog[open]")) take(event.clipboardData.files);
  });
}

onServer({
  ask: askForKey,
  busy: (seconds) => {
    find("status").textContent = `The server is busy; trying again in ${seconds} s …`;
  },
});
find("forget-key").addEventListener("click", () => {
  forgetKey();
  location.reload();
});
addEventListener("hashchange", () => {
  if (location.hash === "#main") return;
  showView();
  if (!find(view()).contains(document.activeElement)) find("main").focus({ preventScroll: true });
  scrollTo(0, 0);
});
setUpDropping();
setUpPeople(() => guarded(showRates), guarded);
showView();
guarded(showRates);
guarded(() => setUpIdentify(enrolFrom));
