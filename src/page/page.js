// The page: follows the events of the program and shows them.

import { hasToken, Refusal, request, requestJson, setToken } from "./api.js";
import { Chart } from "./chart.js";
import { byId, el, follow, setAttribute, setSentence, setText, show } from "./dom.js";
import { chunksOf, readEvents } from "./events.js";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatMs,
  formatNumberOf,
  formatRate,
} from "./format.js";
import { describePath } from "./path.js";
import { Sessions } from "./sessions.js";

const DROPS_EVERY_MS = 5000;
/** The time without an event after which the contact counts as lost: the program sends one every second. */
const SILENT_MS = 6000;
const AGAIN_MS = 1500;
const REFUSED_AGAIN_MS = 10_000;
/** The events after which the list of sessions may be another one. */
const OF_SESSIONS = ["session-opened", "session-closed", "held", "resumed", "restored"];

/** The stations at both ends of each direction, by the side. */
const WAYS = {
  client: { fromLink: "hosts → server", fromTunnel: "server → hosts" },
  server: { fromLink: "AC → clients", fromTunnel: "clients → AC" },
};

/** What is known of the program: its side, its version and its interface. */
let about;
/** The time of the last event. */
let heardMs = performance.now();
/** True while what is shown is not up to date. */
let isStale = false;
/** The problems that were shown last, by what identifies them. */
let knownProblems;
/** The time since which the program does not work for a reason that it does not know. */
let unexplainedSince;

const chart = new Chart(byId("chart"), ["From link", "From tunnel"]);
const sessions = new Sessions(askForToken, news);

/** Tells something to those who cannot see it. */
function news(text) {
  setText(byId("news"), text);
}

// The token.

let asking;

/** Asks for a token; several requests that need one share the question. Returns false if nobody gave one. */
function askForToken(refusal) {
  return asking ??= new Promise((resolve) => {
    const dialog = byId("token-dialog");
    const input = byId("token");
    setText(byId("token-error"), hasToken() ? `${refusal.message}.` : "");
    setToken("");
    input.value = "";
    dialog.returnValue = "";
    dialog.addEventListener("close", () => {
      asking = undefined;
      const isGiven = dialog.returnValue === "use";
      if (isGiven) setToken(input.value);
      input.value = "";
      resolve(isGiven);
    }, { once: true });
    dialog.showModal();
  });
}

byId("token-cancel").addEventListener("click", () => byId("token-dialog").close("cancel"));

// The contact with the program.

async function followProgram() {
  for (;;) {
    let waitMs = AGAIN_MS;
    try {
      await followOnce();
      loseContact();
    } catch (error) {
      if (error instanceof Refusal) waitMs = await refused(error);
      else loseContact();
    }
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}

async function followOnce() {
  const ending = new AbortController();
  const watch = setInterval(() => {
    if (performance.now() - heardMs > SILENT_MS) ending.abort();
  }, 1000);
  heardMs = performance.now();
  try {
    const response = await request("/api/events", undefined, ending.signal);
    // The program may be another one than before.
    const { mode, version, interface: link } = await requestJson("/api/status");
    showAbout({ mode, version, link });
    for await (const { type, data } of readEvents(chunksOf(response.body))) {
      heardMs = performance.now();
      if (type === "status") showStatus(JSON.parse(data));
      else if (OF_SESSIONS.includes(type)) sessions.soon();
    }
  } finally {
    clearInterval(watch);
    ending.abort();
  }
}

/** Shows why the program refuses, and returns the time after which to try again. */
async function refused(refusal) {
  const needsToken = refusal.status === 401;
  if (needsToken && await askForToken(refusal)) return 0;
  beStale("Refused", `The program refuses: ${sentence(refusal.message)}`);
  if (!needsToken) return REFUSED_AGAIN_MS;
  // Whoever has closed the dialog should not get it again every few seconds.
  const button = byId("ask-again");
  show(button, true);
  await new Promise((resolve) => button.addEventListener("click", resolve, { once: true }));
  show(button, false);
  return 0;
}

function loseContact() {
  if (isStale) return;
  beStale(
    "No contact",
    `No contact with the program since ${
      new Date().toLocaleTimeString()
    }. It may have ended, or its ` +
      "address cannot be reached. Everything below is from then; this page tries again by itself.",
  );
}

/** Shows that what is on the page is no longer up to date. */
function beStale(short, text) {
  isStale = true;
  document.body.classList.add("stale");
  setAttribute(byId("health"), "data-state", "unknown");
  setText(byId("health"), short);
  document.title = `${short} – pppoe-proxy`;
  show(byId("contact"), true);
  setText(byId("contact-text"), text);
}

function showAbout(seen) {
  about = seen;
  const side = about.mode === "client" ? "Client" : "Server";
  setText(byId("who"), `${side} on ${about.link}`);
  setText(byId("from-link-way"), WAYS[about.mode].fromLink);
  setText(byId("from-tunnel-way"), WAYS[about.mode].fromTunnel);
  sessions.setSide(about.mode);
  sessions.soon();
  void showDrops();
}

// The status of each second.

function showStatus(status) {
  if (isStale) {
    isStale = false;
    document.body.classList.remove("stale");
    show(byId("contact"), false);
  }
  showHealth(status);
  showProblems(status);
  showPath(status);
  showRates(status);
  showTunnels(status);
  setText(
    byId("version"),
    `pppoe-proxy ${about.version}, running for ${formatDuration(status.uptimeSeconds)}`,
  );
}

function showHealth({ healthy, problems }) {
  const state = !healthy ? "bad" : problems.length > 0 ? "poor" : "good";
  const text = { bad: "Not working", poor: "Works, with problems", good: "Working" }[state];
  setAttribute(byId("health"), "data-state", state);
  setText(byId("health"), text);
  const count = problems.length === 0 ? "" : `(${problems.length}) `;
  const title = `${count}${text} – ${about.mode} on ${about.link}`;
  if (document.title !== title) document.title = title;
}

/** Returns the problems, and one in place of none if the program does not work. */
function problemsOf({ healthy, problems, tunnels, interfaceState, time }) {
  if (healthy || problems.length > 0) return problems;
  const what = interfaceState === "up" && !tunnels.some(({ state }) => state === "up")
    ? "There is no tunnel, so nothing is carried"
    : "The program cannot do its job at the moment";
  unexplainedSince ??= time;
  const advice = "If this lasts, look for the reason in the log";
  return [{ id: "", since: unexplainedSince, what, advice, blocks: true }];
}

function showProblems(status) {
  const problems = problemsOf(status);
  if (problems.every(({ id }) => id !== "")) unexplainedSince = undefined;
  const { time: now } = status;
  const nowMs = Date.parse(now);
  const keyOf = ({ id, since, what }) => `${id} ${since} ${what}`;
  follow(
    byId("problems"),
    problems,
    keyOf,
    ({ id }) =>
      el(
        "li",
        {},
        el("p", { class: "problem-what" }),
        el("p", { class: "problem-advice" }),
        el("p", { class: "problem-facts" }, el("span"), el("code", {}, id)),
      ),
    (item, { what, advice, blocks, since }) => {
      const [whatPart, advicePart, facts] = item.children;
      setAttribute(item, "data-state", blocks ? "bad" : "poor");
      setSentence(whatPart, sentence(what));
      setSentence(advicePart, sentence(advice));
      const time = `for ${formatDuration((nowMs - Date.parse(since)) / 1000)}`;
      setText(facts.firstChild, blocks ? `Keeps the program from its job, ${time}` : capital(time));
    },
  );
  show(byId("no-problems"), problems.length === 0);
  tellProblems(new Map(problems.map((problem) => [keyOf(problem), problem])));
}

/** Reads out the problems that are new, and those that are solved. */
function tellProblems(now) {
  if (knownProblems !== undefined) {
    const texts = [];
    for (const [key, { what, advice }] of now) {
      if (!knownProblems.has(key)) texts.push(`Problem: ${sentence(what)} ${sentence(advice)}`);
    }
    for (const [key, { what }] of knownProblems) {
      if (!now.has(key)) texts.push(`Solved: ${sentence(what)}`);
    }
    if (texts.length > 0) news(texts.join(" "));
  }
  knownProblems = now;
}

function capital(text) {
  const [first = ""] = text;
  return first.toUpperCase() + text.slice(first.length);
}

function sentence(text) {
  return capital(text) + (/[.!?]$/.test(text) ? "" : ".");
}

const STATE_WORDS = {
  good: "works",
  poor: "has a problem",
  bad: "does not work",
  unknown: "unknown",
};

function showPath(status) {
  follow(
    byId("path"),
    describePath(about.mode, about.link, status),
    ({ key }) => key,
    ({ key }) =>
      el(
        "li",
        { class: `step-${key}` },
        el("span", { class: "dot", "aria-hidden": "true" }),
        el("span", { class: "step-name" }),
        el("span", { class: "step-detail" }),
        el("span", { class: "hidden" }),
      ),
    (item, { name, detail, state, own }) => {
      setAttribute(item, "data-state", state);
      item.classList.toggle("own", own);
      setText(item.children[1], name);
      setText(item.children[2], detail);
      setText(item.children[3], `(${STATE_WORDS[state]})`);
    },
  );
}

function showRates({ rates, droppedPerSecond }) {
  if (rates === null) return;
  const { fromLink, fromTunnel } = rates;
  for (const [id, rate] of [["from-link", fromLink], ["from-tunnel", fromTunnel]]) {
    setText(byId(`${id}-rate`), formatRate(rate.bitsPerSecond));
    setText(byId(`${id}-frames`), `${formatCount(rate.framesPerSecond)} frames/s`);
  }
  chart.add(performance.now(), [fromLink.bitsPerSecond, fromTunnel.bitsPerSecond]);
  setText(byId("traffic-hint"), capital(chart.rangeText));
  setText(
    byId("drops-hint"),
    droppedPerSecond > 0 ? `${formatCount(droppedPerSecond)} a second now` : "",
  );
  if (droppedPerSecond > 0) void showDrops();
}

function showTunnels({ tunnels, tunnelCount }) {
  follow(
    byId("tunnels").tBodies[0],
    tunnels,
    ({ name, peer }) => `${name} ${peer}`,
    () => {
      const cell = (label, attributes = {}, ...children) =>
        el("td", { "data-label": label, ...attributes }, ...children);
      return el(
        "tr",
        {},
        el("th", { scope: "row" }, el("span"), el("small", { class: "mono" })),
        cell("State", {}, el("span", { class: "state" })),
        cell("Round trip", { class: "number" }),
        cell("Waiting", { class: "number" }),
        cell("Sent again", { class: "number" }),
        cell("Encryption"),
      );
    },
    ({ children: [peer, state, rtt, waiting, again, encryption] }, tunnel) => {
      const isUp = tunnel.state === "up";
      setText(peer.children[0], tunnel.name === "" ? tunnel.peer : tunnel.name);
      setText(peer.children[1], tunnel.name === "" ? "" : tunnel.peer);
      setText(state.firstChild, tunnel.state);
      setAttribute(state.firstChild, "data-state", isUp ? "good" : "bad");
      setText(rtt, isUp ? formatMs(tunnel.rttMs) : "–");
      setText(waiting, isUp ? formatBytes(tunnel.queuedBytes) : "–");
      setText(again, isUp ? formatCount(tunnel.retransmits) : "–");
      setText(encryption, isUp ? encryptionOf(tunnel) : "–");
    },
  );
  show(byId("tunnels"), tunnels.length > 0);
  show(byId("no-tunnels"), tunnels.length === 0);
  setText(byId("no-tunnels"), "No client is connected.");
  setText(
    byId("tunnels-hint"),
    tunnelCount > tunnels.length
      ? `${tunnels.length} of ${formatNumberOf(tunnelCount, "tunnel")}`
      : "",
  );
}

function encryptionOf({ encryption }) {
  if (encryption === null) return "none";
  return encryption.kernel ? `${encryption.cipher}, by the kernel` : encryption.cipher;
}

// The dropped frames.

/** How much a drop reason should worry, those first that should most. */
const WORRIES = {
  "yes": { state: "bad", words: "yes" },
  "if-many": { state: "poor", words: "if many" },
  "none": { state: "good", words: "none" },
};

function rankOf({ worry }) {
  return Object.keys(WORRIES).indexOf(worry);
}

async function showDrops() {
  let drops;
  try {
    ({ drops } = await requestJson("/api/drops"));
  } catch {
    return;
  }
  const met = drops.filter(({ count }) => count > 0)
    .sort((a, b) => rankOf(a) - rankOf(b) || b.count - a.count);
  follow(
    byId("drops").tBodies[0],
    met,
    ({ reason }) => reason,
    ({ reason }) =>
      el(
        "tr",
        {},
        el("th", { scope: "row" }, el("code", {}, reason)),
        el("td", { class: "number", "data-label": "Frames" }),
        el("td", { "data-label": "Worry" }, el("span", { class: "state" })),
        el("td", { class: "meaning" }, el("p"), el("p", { class: "hint" })),
      ),
    ({ children: [, count, worry, meaning] }, drop) => {
      const { state, words } = WORRIES[drop.worry] ?? WORRIES["if-many"];
      setText(count, formatCount(drop.count));
      setAttribute(worry.firstChild, "data-state", state);
      setText(worry.firstChild, words);
      setSentence(meaning.children[0], sentence(drop.meaning));
      setSentence(meaning.children[1], sentence(drop.advice));
    },
  );
  show(byId("drops"), met.length > 0);
  show(byId("no-drops"), met.length === 0);
}

setInterval(() => {
  if (!document.hidden && !isStale && about !== undefined) void showDrops();
}, DROPS_EVERY_MS);

// Light and dark.

const THEME_KEY = "pppoe-proxy-theme";

function setTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  byId("theme").value = theme;
}

byId("theme").addEventListener("change", ({ target }) => {
  setTheme(target.value);
  try {
    localStorage.setItem(THEME_KEY, target.value);
  } catch {
    // The browser keeps nothing for this page.
  }
});
// theme.js has read what was chosen before.
setTheme(document.documentElement.dataset.theme ?? "auto");

void followProgram();
