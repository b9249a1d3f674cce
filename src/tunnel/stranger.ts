// Recognizes a program that answers, or connects, instead of another pppoe-proxy, by the first bytes that it
// sends. Many begin with a line of text, which is quoted in the log; the others with a few fixed bytes.
// The result does not depend on how the bytes are split on their way.

import type { Side } from "../side.ts";
import { FRAME } from "../wire/mod.ts";
import { quoteBytes } from "../wire/text.ts";

/** The kinds of programs that are recognized. */
export type StrangerKind =
  | "ssh"
  | "http"
  | "tls"
  | "smtp"
  | "ftp"
  | "pop3"
  | "imap"
  | "vnc"
  | "telnet"
  /** A proxy that sends the client's address first, in a line of text. */
  | "proxy-v1"
  /** The same, in the binary form. */
  | "proxy-v2"
  /** A pppoe-proxy with `--legacy`, which sends a ping at once; the original program does so only rarely. */
  | "legacy-ping"
  /** The original Go pppoeproxy, or a pppoe-proxy with `--legacy`. */
  | "legacy"
  /** A pppoe-proxy that greets as a client. */
  | "greeting-client"
  /** A pppoe-proxy that greets as a server. */
  | "greeting-server"
  | "unknown";

/** A program that is not the expected peer. */
export interface Stranger {
  readonly kind: StrangerKind;
  /** The start of what it sent, quoted, on one line; empty if the kind says it all. */
  readonly said: string;
}

/** The length beyond which no end of a line is waited for. */
const LINE_MAX = 128;
/** The number of bytes that are quoted of a line, and of bytes that are no text. */
const QUOTED = { line: 48, bytes: 8 } as const;

const LF = 0x0a;
const CR = 0x0d;

/** Fixed first bytes. A list has the values that are possible at its place. */
const BYTES: readonly { kind: StrangerKind; start: readonly (number | readonly number[])[] }[] = [
  { kind: "legacy-ping", start: [0, FRAME.PING] },
  { kind: "legacy", start: [0, [FRAME.PONG, FRAME.DISCOVERY, FRAME.SESSION]] },
  { kind: "greeting-client", start: [0, FRAME.HELLO] },
  { kind: "greeting-server", start: [0, [FRAME.WELCOME, FRAME.GOODBYE]] },
  // RFC 8446, section 5.1: the type of a record, and the version, whose first byte has always been 3.
  { kind: "tls", start: [[0x14, 0x15, 0x16, 0x17], 3] },
  // RFC 854: IAC, then SB, WILL, WONT, DO or DONT.
  { kind: "telnet", start: [0xff, [0xfa, 0xfb, 0xfc, 0xfd, 0xfe]] },
  { kind: "proxy-v2", start: [CR, LF, CR, LF, 0, CR, LF, 0x51, 0x55, 0x49, 0x54, LF] },
];

/** First lines. */
const LINES: readonly { kind: StrangerKind; line: RegExp }[] = [
  { kind: "ssh", line: /^SSH-/ },
  { kind: "http", line: /^HTTP\/\d|^<(?:!DOCTYPE )?html\b|^[A-Z]{3,16} \S+ HTTP\/\d/i },
  // The address may be so long that the end of the line is not waited for.
  { kind: "http", line: /^(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|CONNECT|TRACE) / },
  { kind: "proxy-v1", line: /^PROXY (?:TCP4|TCP6|UNKNOWN)\b/ },
  { kind: "smtp", line: /^220[ -].*(?:SMTP|mail)/i },
  { kind: "smtp", line: /^(?:EHLO|HELO) / },
  { kind: "ftp", line: /^220[ -]/ },
  { kind: "pop3", line: /^\+OK\b/ },
  { kind: "imap", line: /^\* (?:OK|PREAUTH|BYE)\b/ },
  { kind: "vnc", line: /^RFB \d/ },
];

/**
 * Recognizes a program by the first bytes that it sent.
 *
 * @param bytes The bytes so far
 * @param whole True if there is no need to wait for more bytes
 * @returns The program; undefined if more bytes are needed, or there are none
 */
export function recognize(bytes: Uint8Array, whole: boolean): Stranger | undefined {
  if (bytes.length === 0) return undefined;
  let mayBe = false;
  for (const { kind, start } of BYTES) {
    const length = Math.min(start.length, bytes.length);
    if (!start.slice(0, length).every((value, at) => isOneOf(bytes[at], value))) continue;
    if (length === start.length) return { kind, said: "" };
    mayBe = true;
  }
  if (mayBe && !whole) return undefined;
  if (isText(bytes)) return recognizeLine(bytes, whole);
  if (bytes.length < QUOTED.bytes && !whole) return undefined;
  return { kind: "unknown", said: quoteBytes(bytes.subarray(0, QUOTED.bytes)) };
}

function isOneOf(byte: number, value: number | readonly number[]): boolean {
  return typeof value === "number" ? byte === value : value.includes(byte);
}

/** Returns true if bytes begin like text, which two of them have to show. */
function isText(bytes: Uint8Array): boolean {
  return bytes.subarray(0, 2).every((byte) => byte >= 0x20 && byte < 0x7f);
}

function recognizeLine(bytes: Uint8Array, whole: boolean): Stranger | undefined {
  const searched = bytes.subarray(0, LINE_MAX);
  let end = searched.findIndex((byte) => byte === LF || byte === CR);
  if (end < 0) {
    if (!whole && bytes.length < LINE_MAX) return undefined;
    end = searched.length;
  }
  const line = searched.subarray(0, end);
  // Takes each byte for one character, because the patterns are ASCII.
  const text = String.fromCharCode(...line);
  const known = LINES.find((known) => known.line.test(text));
  return { kind: known?.kind ?? "unknown", said: quoteStart(line) };
}

function quoteStart(line: Uint8Array): string {
  const quoted = quoteBytes(line.subarray(0, QUOTED.line));
  return line.length <= QUOTED.line ? quoted : `${quoted}...`;
}

/** The protocols that are recognized, as the log names them. */
const PROTOCOLS: Partial<Record<StrangerKind, string>> = {
  ssh: "an SSH",
  http: "an HTTP",
  tls: "a TLS",
  smtp: "an SMTP",
  ftp: "an FTP",
  pop3: "a POP3",
  imap: "an IMAP",
  vnc: "a VNC",
  telnet: "a Telnet",
};

/** The words for a handshake that fails because of the peer. */
export interface HandshakeWords {
  /** For a peer that is something else. */
  stranger(stranger: Stranger): string;
  /** For a peer that has said nothing in time. */
  readonly silent: string;
  /** For a peer that has said nothing before the end of the connection, which it has `closed` or `reset`. */
  ended(how: "closed" | "reset"): string;
}

/** The advice to a client that has reached another program. */
export const CHECK_ADDRESS = "check the address and port in --connect";

/** The words of a client about its server. */
const ABOUT_SERVER: HandshakeWords = {
  stranger({ kind, said }) {
    switch (kind) {
      case "legacy-ping":
        return "The server does not greet, because it runs with --legacy: remove it there, or " +
          "give it to this client as well";
      case "legacy":
        return "The server is the original Go pppoeproxy, or runs with --legacy: " +
          "give this client --legacy as well";
      case "greeting-client":
        return `The server sends back what it receives, like an echo service: ${CHECK_ADDRESS}`;
      case "proxy-v1":
      case "proxy-v2":
        return "The server begins with a PROXY header, which only a client's side may send: " +
          "configure the proxy in between to send it to the server only";
      case "http":
        return `${
          answers(kind, said)
        }: ${CHECK_ADDRESS}, which are those of the server's --listen, ` +
          "not of its --status";
      case "tls":
        return `${
          answers(kind, said)
        }: if it is a pppoe-proxy server with keys, give this client ` +
          `its --key-file; otherwise ${CHECK_ADDRESS}`;
      default:
        return `${answers(kind, said)}: ${CHECK_ADDRESS}`;
    }
  },
  silent: "No greeting in time: the server accepts the connection and says nothing. " +
    "If it is the original Go pppoeproxy, give this client --legacy; otherwise " +
    CHECK_ADDRESS,
  ended: (how) =>
    `The server ${how} the connection without a greeting: is this machine on its --allow list? ` +
    "A server with keys does so too, to a client without --key-file, and a proxy that cannot reach " +
    "the server",
};

/** The words of a server about a client, which gets them as well, in a goodbye. */
const ABOUT_CLIENT: HandshakeWords = {
  stranger({ kind, said }) {
    switch (kind) {
      case "legacy-ping":
      case "legacy":
        return "The client does not greet. If it is the original Go pppoeproxy, give the server " +
          "--legacy; otherwise remove --legacy at the client";
      case "greeting-server":
        return "The client greets like a server: a client has to run there";
      case "http":
        return `${connects(kind, said)}: the status is on the port of --status, not of --listen`;
      case "tls":
        return `${connects(kind, said)}: if it is a pppoe-proxy client with --key-file, ` +
          "give this server its keys; otherwise this port is not for it";
      case "proxy-v1":
        return "The connection begins with a PROXY header of version 1. If it comes from a proxy of " +
          "yours, set send-proxy-v2 there, and give the server --proxy-protocol with its address";
      case "proxy-v2":
        return "The connection begins with a PROXY header. If it comes from a proxy of yours, give " +
          "the server --proxy-protocol with its address";
      default:
        return `${connects(kind, said)}: this port is for pppoe-proxy clients`;
    }
  },
  silent: "No greeting in time. Health checks and port scanners say nothing, and so does the " +
    "original Go pppoeproxy, for which the server needs --legacy",
  ended: (how) =>
    `The client ${how} the connection without a greeting, as health checks and port scanners do`,
};

/** The words of a client with a key about its server. */
const ABOUT_KEYED_SERVER: HandshakeWords = {
  stranger(stranger) {
    switch (stranger.kind) {
      case "greeting-server":
        return "The server has no keys, so nothing would be encrypted: give it --key-file with this " +
          "client's key";
      case "legacy":
      case "legacy-ping":
        return "The server is the original Go pppoeproxy, or runs with --legacy, so nothing would be " +
          "encrypted: a key needs a server with --key-file";
      case "tls":
        return "A TLS server with a certificate answers instead of a pppoe-proxy server with keys: " +
          CHECK_ADDRESS;
      default:
        return ABOUT_SERVER.stranger(stranger);
    }
  },
  silent:
    "No greeting in time: the server accepts the connection and says nothing. It may be the " +
    `original Go pppoeproxy, which knows no keys; otherwise ${CHECK_ADDRESS}`,
  ended: (how) =>
    `The server ${how} the connection without an answer: is this machine on its --allow list? ` +
    "A proxy that cannot reach the server does so too",
};

/** The words of a server with keys about a client, which does not get them. */
const ABOUT_KEYED_CLIENT: HandshakeWords = {
  stranger(stranger) {
    const { kind } = stranger;
    switch (kind) {
      case "greeting-client":
        return "The client has no key: give it --key-file";
      case "legacy":
      case "legacy-ping":
        return "The client does not greet, like the original Go pppoeproxy or a client with --legacy, " +
          "and has no key: it needs a server of its own, without keys";
      case "tls":
        return "It is not TLS, although it begins like it";
      default:
        return ABOUT_CLIENT.stranger(stranger);
    }
  },
  silent: "No greeting in time. Health checks and port scanners say nothing, and so does the " +
    "original Go pppoeproxy, which knows no keys",
  ended: ABOUT_CLIENT.ended,
};

function answers(kind: StrangerKind, said: string): string {
  const protocol = PROTOCOLS[kind];
  const who = protocol === undefined ? "Another program" : capital(`${protocol} server`);
  return `${who} answers instead of pppoe-proxy${inParentheses(said)}`;
}

function connects(kind: StrangerKind, said: string): string {
  const protocol = PROTOCOLS[kind];
  const who = protocol === undefined ? "Another program" : capital(`${protocol} client`);
  return `${who} connects instead of pppoe-proxy${inParentheses(said)}`;
}

function capital(text: string): string {
  return text[0].toUpperCase() + text.slice(1);
}

function inParentheses(said: string): string {
  return said === "" ? "" : ` (${said})`;
}

/** The messages about a server, for a client's log, and about a client, for a server's log. */
export const WORDS_ABOUT: Readonly<Record<Side, HandshakeWords>> = {
  server: ABOUT_SERVER,
  client: ABOUT_CLIENT,
};

/** The same messages where both sides must have a key. */
export const KEYED_WORDS_ABOUT: Readonly<Record<Side, HandshakeWords>> = {
  server: ABOUT_KEYED_SERVER,
  client: ABOUT_KEYED_CLIENT,
};

/**
 * Makes the messages about a peer that has proved a key, and then does not greet within TLS. It has the right
 * key, so that neither its address nor its flags are to blame.
 *
 * @param peer The side of the peer
 * @param key The name of the key
 * @returns The messages, for the log of the other side
 */
export function wordsAboutProved(peer: Side, key: string): HandshakeWords {
  const who = `The ${peer} has proved the key ${key}`;
  const advice = `is it a pppoe-proxy ${peer}, or another program that has the key?`;
  return {
    stranger: ({ said }) => `${who}, and does not greet${inParentheses(said)}: ${advice}`,
    silent:
      `No greeting in time: the ${peer} has proved the key ${key}, and says nothing; ${advice}`,
    ended: (how) => `${who}, and ${how} the connection without a greeting`,
  };
}

/**
 * Describes a program that is not the older peer that `--legacy` announces.
 *
 * @param stranger The program
 * @returns The reason for the end of the tunnel; undefined for an older peer
 */
export function describeNotLegacy({ kind, said }: Stranger): string | undefined {
  switch (kind) {
    case "legacy":
    case "legacy-ping":
      return undefined;
    case "greeting-client":
      return "the client greets, so it is not the original Go pppoeproxy: remove --legacy at the server";
    case "greeting-server":
      return "the server is not the original Go pppoeproxy: remove --legacy at the client";
    case "proxy-v1":
    case "proxy-v2":
      return "the connection begins with a PROXY header: give the server --proxy-protocol with the " +
        "proxy's address";
  }
  const protocol = PROTOCOLS[kind];
  const what = protocol === undefined ? "another program" : `${protocol} server or client`;
  return `the peer is ${what}, not pppoe-proxy${inParentheses(said)}: ${CHECK_ADDRESS}`;
}
