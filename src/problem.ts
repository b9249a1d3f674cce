// Problems around the program: what keeps it from its job, or hinders it, and what to do about it.

/**
 * The kinds of problems, by their ids, which stay the same from version to version. `code` is the number by
 * which one side tells the other of it (docs/PROTOCOL.md); problems without a code concern one side only.
 * `title` follows "The server NAME reports: ".
 */
export const PROBLEMS = {
  "link-down": { title: "its interface is down" },
  "far-link-down": { title: "the interface of its peer is down" },
  "no-server": { title: "it has no tunnel to its server" },
  "server-refuses": { title: "its server refuses it" },
  "no-client": { title: "it has no client" },
  "far-problem": { title: "its peer has a problem" },
  "no-ac": { title: "no AC answers" },
  "ac-refuses": { title: "an AC refuses its hosts" },
  "no-pads": { title: "an AC offers sessions, and grants none" },
  "lcp-silent": { title: "one end of a session does not answer" },
  "auth-failed": { title: "an AC refuses the user name or the password" },
  "short-sessions": { title: "sessions end soon after their start" },
  "sides-swapped": { title: "it hears the stations that should be at the other side", code: 1 },
  "quiet-link": { title: "it has heard no host" },
  "loop": { title: "a PADI came back to it, so the two segments are joined", code: 2 },
  "wrong-ac": { title: "a station answers PADRs that are for an AC", code: 3 },
  "second-ac": { title: "several ACs answer" },
  "slow-ac": { title: "an AC answers only some of the hosts that dial at once" },
  "address-in-use": { title: "a host has the address of another station" },
  "other-pppoe": { title: "another PPPoE program uses its interface", code: 4 },
  "local-pppd": { title: "a PPPoE program of its own machine uses its interface", code: 5 },
  "small-mtu": { title: "the MTU of its interface is too small", code: 6 },
  "joined-frames": { title: "its interface joins frames (GRO)", code: 7 },
  "frame-too-large": { title: "frames are too large for its interface", code: 8 },
  "path-mtu": { title: "large packets are lost on the path of its tunnel" },
  "vlan": { title: "frames come with VLAN tags, which it does not carry", code: 9 },
  "macvlan-mode": { title: "its macvlan is in the wrong mode", code: 10 },
  "link-failure": { title: "it cannot use its interface", code: 11 },
  "state-unwritable": { title: "it cannot write its state" },
  "slow-path": { title: "the path of its tunnel is slow" },
  "congestion-control": { title: "its congestion control is bad for a path with losses" },
  "bandwidth": { title: "a client has reached the bandwidth of its key" },
  "key-unused": { title: "a key has never been used" },
  "clock": { title: "the clock of its machine was changed" },
  "memory": { title: "its machine has little memory left" },
  "descriptors": { title: "it has few descriptors left" },
} as const satisfies { readonly [id: string]: { readonly title: string; readonly code?: number } };

/** The id of a kind of problem. */
export type ProblemId = keyof typeof PROBLEMS;

/** A problem that the operator can solve. */
export interface Problem {
  /** The kind of the problem, such as `loop`. */
  id: ProblemId;
  /** What distinguishes problems of one kind, such as the name of a peer; by default the words. */
  subject?: string;
  /** The problem in words: what is seen, and what it means. */
  what: string;
  /** The advice on how to solve it. */
  advice: string;
  /** True if the program cannot do its job. */
  blocks?: boolean;
  /** The tunnel that it concerns; undefined if it concerns all. It explains no problem of another tunnel. */
  tunnel?: number;
}

/**
 * Finds the kind of a problem by its code.
 *
 * @param code The code
 * @returns The id; undefined if the code is unknown, as one of a newer version
 */
export function problemOfCode(code: number): ProblemId | undefined {
  for (const [id, kind] of Object.entries(PROBLEMS)) {
    if ("code" in kind && kind.code === code) return id as ProblemId;
  }
  return undefined;
}

/**
 * Describes an interface that is down, or missing. The subject is the same, so that one of them replaces the other.
 *
 * @param name The name of the interface
 * @param isMissing True if it does not exist
 * @param reason The reason with the remedy, if it is known
 * @returns The problem
 */
export function linkDown(name: string, isMissing: boolean, reason?: string): Problem {
  return {
    id: "link-down",
    subject: name,
    what: `Interface ${name} ${isMissing ? "does not exist" : "is down"}`,
    advice: reason ??
      (isMissing
        ? "create it, or name another one with --interface; it is used as soon as it exists"
        : "check the cable, and the device at its other end"),
    blocks: true,
  };
}
