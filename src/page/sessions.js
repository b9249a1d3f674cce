// The table of sessions: one page of them, followed every two seconds, and the dialog that closes one.

import { Refusal, requestJson } from "./api.js";
import { byId, el, follow, setAttribute, setText, show } from "./dom.js";
import { formatCount, formatDuration, formatNumberOf, formatRate } from "./format.js";

const PAGE = 100;
const EVERY_MS = 2000;
/** The time to wait for more events before the list is asked for again. */
const SOON_MS = 150;
/** The number of sessions from which one can search. */
const MANY = 8;
const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;
const ID = /^0x[0-9a-f]{1,4}$/i;

/**
 * Makes the query of a search.
 *
 * @param {string} text What somebody has typed: a host's address, a session id or the name of a peer
 * @returns {Record<string, string>} The parameters
 */
export function queryOf(text) {
  const words = text.trim();
  if (words === "") return {};
  if (MAC.test(words)) return { host: words.toLowerCase() };
  return ID.test(words) ? { id: words } : { tunnel: words };
}

/**
 * Computes the rates of a session between two looks at it.
 *
 * @param {object | undefined} before The session as it was, with the time; undefined if it is new
 * @param {object} session The session
 * @param {number} nowMs The time
 * @returns {{ fromLink: number, fromTunnel: number } | undefined} The rates in bit/s; undefined if they are unknown
 */
export function ratesOf(before, session, nowMs) {
  if (before === undefined || nowMs <= before.atMs) return undefined;
  const seconds = (nowMs - before.atMs) / 1000;
  const rate = (name) => Math.max(0, session[name] - before.session[name]) * 8 / seconds;
  return { fromLink: rate("bytesFromLink"), fromTunnel: rate("bytesFromTunnel") };
}

/** Returns what identifies a session. */
function keyOf({ id, host, ac, tunnel }) {
  return [id, host, ac, tunnel].join(" ");
}

/** The section of the sessions. */
export class Sessions {
  #ask;
  #news;
  #body = byId("sessions").tBodies[0];
  #isServer = false;
  #after = [0];
  #next = null;
  #before = new Map();
  #rates = new Map();
  #timer;
  #isAsking = false;
  #asksAgain = false;
  #closing;

  /**
   * @param {(refusal: Refusal) => Promise<boolean>} ask Asks for a token, and tells if there is a new one
   * @param {(text: string) => void} news Tells something to those who cannot see it
   */
  constructor(ask, news) {
    this.#ask = ask;
    this.#news = news;
    byId("find").addEventListener("input", () => this.#from([0]));
    byId("find-form").addEventListener("submit", (event) => event.preventDefault());
    byId("first-page").addEventListener("click", () => this.#from([0]));
    byId("next-page").addEventListener("click", () => this.#from([...this.#after, this.#next]));
    byId("close-cancel").addEventListener("click", () => byId("close-dialog").close());
    byId("close-dialog").querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#close();
    });
    document.addEventListener("visibilitychange", () => this.soon());
  }

  /** Sets the side, which decides which columns there are. */
  setSide(side) {
    this.#isServer = side === "server";
    document.body.classList.toggle("server", this.#isServer);
  }

  /** Asks for the sessions again, together with what else happens in the next moment. */
  soon() {
    this.#schedule(SOON_MS);
  }

  #from(after) {
    this.#after = after;
    this.#schedule(SOON_MS);
  }

  #schedule(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), ms);
  }

  async #look() {
    // A page that nobody sees need not be up to date.
    if (document.hidden) return;
    if (this.#isAsking) {
      this.#asksAgain = true;
      return;
    }
    this.#isAsking = true;
    this.#asksAgain = false;
    const query = { ...queryOf(byId("find").value), limit: PAGE, after: this.#after.at(-1) };
    try {
      this.#show(await requestJson(`/api/sessions?${new URLSearchParams(query)}`));
    } catch {
      // The events tell if there is no contact.
    }
    this.#isAsking = false;
    this.#schedule(this.#asksAgain ? SOON_MS : EVERY_MS);
  }

  #show({ sessions, total, next }) {
    const nowMs = performance.now();
    const before = this.#before;
    this.#before = new Map();
    this.#rates = new Map();
    for (const session of sessions) {
      const key = keyOf(session);
      this.#rates.set(key, ratesOf(before.get(key), session, nowMs));
      this.#before.set(key, { session, atMs: nowMs });
    }
    this.#next = next;
    const focused = this.#body.contains(document.activeElement);
    follow(
      this.#body,
      sessions,
      keyOf,
      (session) => this.#makeRow(session),
      (row, session) => this.#updateRow(row, session),
    );
    // The row with the focus may be gone.
    if (focused && !this.#body.contains(document.activeElement)) byId("sessions-title").focus();
    const isSearch = byId("find").value.trim() !== "";
    show(byId("sessions"), sessions.length > 0);
    show(byId("no-sessions"), sessions.length === 0);
    setText(
      byId("no-sessions"),
      isSearch
        ? "No session matches. Type a whole host address, a session id such as 0x0011, or the name of a peer."
        : "There is no session. One appears here as soon as a host has dialled.",
    );
    show(byId("find-form"), isSearch || total >= MANY);
    const shown = total > sessions.length ? `${formatCount(sessions.length)} of ` : "";
    setText(
      byId("sessions-hint"),
      total === 0 ? "" : `${shown}${formatNumberOf(total, "session")}`,
    );
    show(byId("pages"), next !== null || this.#after.length > 1);
    byId("next-page").disabled = next === null;
    byId("first-page").disabled = this.#after.length === 1;
  }

  #makeRow(session) {
    const button = el("button", {
      type: "button",
      "aria-label": `Close session ${session.id} of host ${session.host}`,
    }, "Close");
    button.addEventListener("click", () => this.#confirm(session));
    const cell = (label, attributes = {}, ...children) =>
      el("td", { "data-label": label, ...attributes }, ...children);
    return el(
      "tr",
      {},
      el("th", { scope: "row", class: "mono" }),
      cell("Host", { class: "mono" }),
      cell("AC", { class: "mono" }),
      cell("Peer", { class: "of-server" }),
      cell("State", {}, el("span", { class: "state" })),
      cell("Age", { class: "number" }),
      cell("From link", { class: "number" }),
      cell("From tunnel", { class: "number" }),
      el("td", { class: "action" }, button),
    );
  }

  #updateRow({ children }, session) {
    const { id, host, ac, tunnel, state, ageSeconds } = session;
    const rates = this.#rates.get(keyOf(session));
    const texts = [
      id,
      host,
      ac,
      tunnel,
      undefined,
      formatDuration(ageSeconds),
      rates === undefined ? "–" : formatRate(rates.fromLink),
      rates === undefined ? "–" : formatRate(rates.fromTunnel),
    ];
    for (const [at, text] of texts.entries()) {
      if (text !== undefined) setText(children[at], text);
    }
    setText(children[4].firstChild, state);
    setAttribute(children[4].firstChild, "data-state", state === "open" ? "good" : "poor");
  }

  #confirm(session) {
    this.#closing = session;
    setText(
      byId("close-text"),
      `Session ${session.id} of host ${session.host} with AC ${session.ac} ends at both stations. ` +
        "The host can dial again.",
    );
    setText(byId("close-error"), "");
    byId("close-confirm").disabled = false;
    byId("close-dialog").showModal();
  }

  async #close() {
    const { id, host, ac, tunnel } = this.#closing;
    const confirm = byId("close-confirm");
    confirm.disabled = true;
    setText(byId("close-error"), "");
    try {
      await this.#post({ id, host, ac, tunnel });
      byId("close-dialog").close();
      this.#news(`Session ${id} is closed.`);
    } catch (error) {
      setText(byId("close-error"), `${error instanceof Error ? error.message : error}.`);
    }
    confirm.disabled = false;
    this.soon();
  }

  async #post(content) {
    for (;;) {
      try {
        return await requestJson("/api/sessions/close", content);
      } catch (error) {
        if (!(error instanceof Refusal) || error.status !== 401) throw error;
        if (!await this.#ask(error)) throw error;
      }
    }
  }
}
