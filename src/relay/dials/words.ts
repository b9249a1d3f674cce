// The words for what goes wrong in dials: what is seen, and what to do.

import type { Side } from "../../side.ts";
import { type DiscoveryPacket, formatMac, TAG, type Tag, tagName } from "../../wire/mod.ts";
import { decodePrintable, formatHex, nameInText, quote } from "../../wire/text.ts";
import type { DialProblem } from "./dial_problem.ts";
import type { HostDial } from "./host_dial.ts";
import type { Silence } from "./session_start.ts";

/** The maximum number of bytes of a text from the network that are shown. */
const TEXT_BYTES = 120;
/** The mark of a text that comes from the program at the other end of the tunnel, and not from an AC. */
const PROGRAM = "pppoe-proxy: ";

/** The subject of a problem of all hosts. */
export const ALL_HOSTS = "all hosts";

const ERRORS: ReadonlySet<number> = new Set([
  TAG.SERVICE_NAME_ERROR,
  TAG.AC_SYSTEM_ERROR,
  TAG.GENERIC_ERROR,
]);

/** A host, with the peer whose host it is. */
export type Host = Pick<HostDial, "peer" | "hostMac">;

/** The circumstances of a dial. */
export interface Place {
  side: Side;
  /** The name of the link's interface; empty if it is unknown. */
  interfaceName: string;
}

/** Decodes text from the network, up to a maximum length, for one line. */
export function shortText(bytes: Uint8Array): string {
  const text = decodePrintable(bytes.subarray(0, TEXT_BYTES)).trim();
  return bytes.length > TEXT_BYTES ? `${text}...` : text;
}

/** Finds the tag with which an AC refuses something; undefined if there is none. */
export function findError(tags: readonly Tag[]): Tag | undefined {
  return tags.find(({ type }) => ERRORS.has(type));
}

/** Returns the subject of a host's problems, which tells hosts apart. */
export function subjectOf({ side }: Place, { peer, hostMac }: Host): string {
  return side === "server" ? `${formatMac(hostMac)} ${peer.name}` : formatMac(hostMac);
}

/** Names a host for the operator. */
function hostName({ side }: Place, { peer, hostMac }: Host): string {
  const host = `host ${formatMac(hostMac)}`;
  return side === "server" ? `${host} of client ${nameInText(peer.name)}` : host;
}

/** Says where the ACs are. */
function where({ side, interfaceName }: Place, serverName: string): string {
  if (side === "server") return interfaceName === "" ? "on the link" : `on ${interfaceName}`;
  return `at the far side (server ${nameInText(serverName)})`;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}

function counted(count: number, what: string): string {
  return count === 1 ? `1 ${what}` : `${count} ${what}s`;
}

/** The PADIs without an answer, for {@linkcode noAc}. */
export interface Unheard {
  count: number;
  forMs: number;
  /** The host that has sent the last one. */
  last: Host;
  /** The service that all of them ask for; undefined if some ask for any service. */
  service: string | undefined;
  /** The number of answers of ACs that fit none of these PADIs. */
  strays: number;
  /** The number of sessions that are open. */
  sessions: number;
}

/** Says that no AC answers anybody. */
export function noAc(place: Place, unheard: Unheard): DialProblem {
  const { count, forMs, last, service, strays, sessions } = unheard;
  const at = where(place, last.peer.name);
  // A line may not have more sessions than those that are open, so that nothing is wrong with the AC.
  const blocks = sessions === 0;
  const seen = `${counted(count, "PADI")} in ${seconds(forMs)} without a PADO, the last one from ` +
    hostName(place, last);
  if (strays > 0) {
    return {
      id: "no-ac",
      subject: ALL_HOSTS,
      what: `No AC ${at} returns the tags of a PADI: ${counted(strays, "PADO")} ` +
        `belonged to nobody, and there were ${seen}`,
      advice:
        "the AC must return Host-Uniq and Relay-Session-Id unchanged; if it wants a certain " +
        "Host-Uniq, set it with --host-uniq",
      blocks,
    };
  }
  const what = `No AC answers ${at}: ${seen}`;
  const asked = service === undefined
    ? ""
    : `; the hosts ask for the service ${quote(service)}, which may be unknown`;
  if (place.side === "client") {
    return {
      id: "no-ac",
      subject: ALL_HOSTS,
      what,
      advice: `see the server's log and status: its interface may be on the wrong segment, ` +
        `or its AC may be down${asked}`,
      blocks,
    };
  }
  const advice = sessions > 0
    ? `${counted(sessions, "session")} with an AC ${
      sessions === 1 ? "is" : "are"
    } open, so it may ` +
      "limit the sessions or the addresses of the line; otherwise look at cable and AC"
    : "check that the AC is up and on this segment: interface (--interface), cable, VLAN" +
      (place.interfaceName === "" ? "" : ` (tcpdump -eni ${place.interfaceName} pppoed)`);
  return { id: "no-ac", subject: ALL_HOSTS, what, advice: advice + asked, blocks };
}

/** Says that ACs answer others, but not a host that asks for a service by name. */
export function unknownService(place: Place, dial: HostDial, forMs: number): DialProblem {
  const { padis: { count }, peer, service = "" } = dial;
  return {
    id: "no-ac",
    subject: subjectOf(place, dial),
    what: `No AC ${where(place, peer.name)} answers ${hostName(place, dial)}, which asks for the ` +
      `service ${quote(service)}: ${counted(count, "PADI")} in ${seconds(forMs)} without a PADO, ` +
      "while hosts that ask for any service get offers",
    advice: "the service name may be unknown: correct it in the host's settings, or leave it empty",
  };
}

/** Says that an AC does not answer a PADR. */
export function noPads(place: Place, dial: HostDial, forMs: number): DialProblem {
  const { padrs: { count }, acMac } = dial;
  return {
    id: "no-pads",
    subject: subjectOf(place, dial),
    what: `${acName(place, dial, acMac)} offers a session to ${hostName(place, dial)}, but does ` +
      `not open it: ${counted(count, "PADR")} in ${seconds(forMs)} without a PADS`,
    advice: "the AC may be overloaded, or still have an earlier session of this host, which can " +
      "take minutes to end; if it lasts, ask the provider",
  };
}

/** Says that an AC refuses a host, from the answer with the refusal. */
export function refusalBy(place: Place, dial: HostDial, answer: DiscoveryPacket): DialProblem {
  const subject = subjectOf(place, dial);
  const error = findError(answer.tags);
  const host = hostName(place, dial);
  const text = error === undefined ? "" : shortText(error.value);
  if (text.startsWith(PROGRAM)) {
    const server = place.side === "client"
      ? `Server ${nameInText(dial.peer.name)}`
      : "Another pppoe-proxy on the AC's segment";
    return {
      id: "ac-refuses",
      subject,
      what: `${server} refuses ${host}: ${quote(text.slice(PROGRAM.length))}`,
      advice: "look at the log of that server, and at its limits",
    };
  }
  const reason = error === undefined
    ? "session id 0 and no reason"
    : tagName(error.type) + (text === "" ? " and no text" : ` ${quote(text)}`);
  return {
    id: "ac-refuses",
    subject,
    what: `${acName(place, dial, answer.source)} refuses ${host} with ${reason}`,
    advice: error?.type === TAG.SERVICE_NAME_ERROR
      ? "correct the service name in the host's settings, or leave it empty"
      : "the AC may have too many sessions of this line, or one that was not closed, which can " +
        "take minutes to end; if it lasts, ask the provider",
  };
}

/** Says that a station does not negotiate LCP in a session. */
export function lcpSilent(
  place: Place,
  dial: HostDial,
  session: { id: number; acMac: Uint8Array },
  { who, isMute }: Silence,
): DialProblem {
  const subject = subjectOf(place, dial);
  const id = "lcp-silent";
  const ac = acName(place, dial, session.acMac);
  const host = hostName(place, dial);
  const number = formatHex(session.id, 4);
  if (who === "both") {
    return {
      id,
      subject,
      what:
        `${ac} and ${host} do not answer each other's LCP Configure-Requests in session ${number}`,
      advice: "look whether frames of the session get lost on either segment; a capture at " +
        "host and AC shows where",
    };
  }
  if (who === "ac") {
    const silent = isMute ? "but sends no LCP" : "but does not answer its LCP Configure-Requests";
    return {
      id,
      subject,
      what: `${ac} opened session ${number} for ${host}, ${silent}`,
      advice: "the PPP part of the AC does not work, or does not get the host's frames: ask the " +
        "provider; with --mac transparent or per-host, check that the segment carries foreign addresses",
    };
  }
  const silent = isMute ? "but sends no LCP" : "but does not answer LCP Configure-Requests";
  return {
    id,
    subject,
    what: `${capital(host)} has session ${number} with ${ac}, ${silent}`,
    advice: "look at the host's PPPoE log: it may not have got the PADS, or not the AC's frames",
  };
}

/** Says that an AC has rejected the credentials of a host. */
export function authFailed(
  place: Place,
  dial: HostDial,
  acMac: Uint8Array,
  protocol: string,
  text: string,
): DialProblem {
  return {
    id: "auth-failed",
    subject: subjectOf(place, dial),
    what: `${acName(place, dial, acMac)} rejects the user name or password of ` +
      `${hostName(place, dial)} (${protocol})${text === "" ? "" : `: ${quote(text)}`}`,
    advice: "correct user name and password in the host's settings; if they are right, the " +
      "account may be locked or in use: ask the provider",
  };
}

/** Says that sessions of a host end within seconds, again and again. */
export function shortSessions(
  place: Place,
  dial: HostDial,
  lastedMs: number,
  end: string,
): DialProblem {
  return {
    id: "short-sessions",
    subject: subjectOf(place, dial),
    what: `Sessions of ${hostName(place, dial)} end within seconds: ${dial.shortEnds} in a row, ` +
      `the last one after ${seconds(lastedMs)} (${end})`,
    advice: "look at the PPP log of the host, and at its settings (authentication, addresses, " +
      "MTU); a host that redials too soon may be locked out by the provider",
  };
}

/** Names an AC for the operator. */
function acName({ side }: Place, { peer }: Host, acMac: Uint8Array | undefined): string {
  const ac = acMac === undefined ? "The AC" : `AC ${formatMac(acMac)}`;
  return side === "client" ? `${ac} at server ${nameInText(peer.name)}` : ac;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
