// The view that lists, shows and removes people.

import { json, people, personAddress, sentence, showPortrait } from "./api.js";
import { addPortraitsTo, choosePortraits, setUpEnrolment } from "./enrolment.js";
import { copy, number } from "./faces.js";

export { choosePortraits };

const SHOWN = 60; // people whose portraits are fetched at once
const find = (id) => document.getElementById(id);
const facesWords = (count) => (count === 1 ? "1 photograph" : `${count.toLocaleString("en")} photographs`);
// Names are compared as the server stores them, whatever the case.
const folded = (text) => text.normalize("NFC").trim().toLocaleLowerCase();

let everybody = [];
let shown = SHOWN;
let drawn = "";
let loading = null; // {stop, pages, isRunning}: the requests for names, one per page
let isComplete = false;
let changed = async () => {};
let guarded = (run) => run();

export function setUpPeople(onChange, guard) {
  guarded = guard;
  changed = async () => {
    await Promise.all([onChange(), guarded(showPeople)]);
  };
  setUpEnrolment(() => changed());
  find("search").addEventListener("input", () => {
    shown = SHOWN;
    list();
    guarded(loadRest);
  });
  find("more").addEventListener("click", () => {
    shown += SHOWN;
    list();
    if (shown > everybody.length) guarded(loadRest);
  });
  find("person-close").addEventListener("click", () => find("person").close());
  find("remove-name").addEventListener("input", () => {
    find("remove-go").disabled = !isConfirmed();
  });
  find("remove").addEventListener("submit", (event) => {
    event.preventDefault();
    if (isConfirmed()) remove(find("person").dataset.name);
  });
  find("person-add").addEventListener("click", () => {
    find("person").close();
    addPortraitsTo(find("person").dataset.name);
  });
}

// Load the first names; the rest of a large gallery only for a search or to show more.
export async function showPeople() {
  loading?.stop.abort();
  const stop = new AbortController();
  const mine = (loading = { stop, pages: people(stop.signal), isRunning: true });
  const { value } = await mine.pages.next();
  mine.isRunning = false;
  if (mine !== loading) return;
  everybody = value.some;
  isComplete = value.isLast;
  list();
  if (find("search").value) await loadRest();
}

async function loadRest() {
  const mine = loading;
  if (isComplete || mine.isRunning) return;
  mine.isRunning = true;
  for await (const { some, isLast } of mine.pages) {
    if (mine !== loading) return;
    everybody = everybody.concat(some);
    isComplete = isLast;
    list();
  }
}

function list() {
  const wanted = folded(find("search").value);
  const found = wanted ? everybody.filter((person) => folded(person.name).includes(wanted)) : everybody;
  redraw(found.slice(0, shown));
  find("more").hidden = isComplete && found.length <= shown;
  find("found").textContent = howMany(found.length, wanted);
}

function howMany(found, wanted) {
  const words = (count) => count.toLocaleString("en");
  if (!everybody.length) return "Nobody is enrolled yet.";
  if (wanted && !isComplete) return `${words(found)} found, searching …`;
  if (!found) return "Nobody of that name.";
  if (wanted) return `${words(found)} of ${words(everybody.length)} people`;
  if (!isComplete) return `The first ${words(everybody.length)} people`;
  return everybody.length === 1 ? "1 person" : `${words(everybody.length)} people`;
}

// Names that come later leave what is shown alone, and its portraits are not fetched again.
function redraw(some) {
  const wanted = JSON.stringify(some);
  if (wanted === drawn) return;
  drawn = wanted;
  const focused = document.activeElement?.closest?.("#list button")?.dataset.name;
  find("list").replaceChildren(...some.map(entry));
  [...document.querySelectorAll("#list button")].find((button) => button.dataset.name === focused)?.focus();
}

function entry(person) {
  const line = copy("person-template");
  const button = line.querySelector("button");
  button.dataset.name = person.name;
  button.querySelector(".who").textContent = person.name;
  button.querySelector(".hint").textContent = facesWords(person.faces);
  button.addEventListener("click", () => guarded(() => open(person.name)));
  showPortrait(button.querySelector("img"), person.portrait);
  return line;
}

async function open(name) {
  const { faces } = await json("GET", personAddress(name));
  const dialog = find("person");
  dialog.dataset.name = name;
  find("person-name").textContent = name;
  find("person-status").textContent = "";
  find("remove-words").textContent =
    `This removes ${name} and ${facesWords(faces.length)} for good. Type the name to confirm:`;
  find("remove-name").value = "";
  find("remove-go").disabled = true;
  find("person-faces").replaceChildren(
    ...faces.map((face) => {
      const line = document.createElement("li");
      const image = document.createElement("img");
      image.alt = `Enrolled face ${face.number}`;
      const words = document.createElement("p");
      words.className = "hint";
      const day = new Date(face.enrolled).toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });
      const file = face.source.split(/[/\\]/).at(-1);
      words.textContent = `${number(face.width, 0)} pixels wide · ${day} · ${file}`;
      line.append(image, words);
      showPortrait(image, face.portrait);
      return line;
    }),
  );
  if (!dialog.open) dialog.showModal();
}

function isConfirmed() {
  return find("remove-name").value.normalize("NFC").trim() === find("person").dataset.name;
}

async function remove(name) {
  find("remove-go").disabled = true;
  try {
    const answer = await json("DELETE", personAddress(name));
    find("person").close();
    await changed();
    const words = `${name} and ${facesWords(answer.removed)} were removed.`;
    find("found").textContent = [words, ...answer.notes.map(sentence)].join(" ");
    find("search").focus();
  } catch (error) {
    find("person-status").textContent = error.message;
    find("remove-go").disabled = false;
  }
}
