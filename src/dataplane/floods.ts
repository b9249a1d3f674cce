// Stations that flood the link with PPP control frames, whose frames are sent to the data lane.
//
// The control lane is shared by all stations, and its ring holds a few thousand frames. A station that sends
// hundreds of thousands a second fills it whenever this thread is held up for a few ms, and the kernel would drop
// the frames of others. So the kernel is told to put the station's control frames where they belong: with data.

import { type Diverted, DIVERTED_MAX, type Lanes, type LinkDevice } from "../link/device.ts";
import type { Session } from "../relay/mod.ts";
import type { Side } from "../side.ts";
import { sameMac } from "../wire/mod.ts";

/** The number of frames beyond a session's budget in `WINDOW_MS` from which its station floods the link. */
const FLOOD_FRAMES = 256;
const WINDOW_MS = 100;
/** The time after which a diversion ends, unless the station still floods. */
const REVIEW_MS = 1000;

/** A station that floods. */
interface Flood extends Diverted {
  /** The time of the next review. */
  reviewMs: number;
  /** The number of its control frames since the last review. */
  frames: number;
}

/** Finds the stations that flood a link. Nothing is allocated for a frame. */
export class Floods {
  readonly #link: LinkDevice;
  readonly #side: Side;
  #lanes: Lanes | undefined;
  #floods: Flood[] = [];
  /** The time of the next review of any station. */
  #reviewMs = Infinity;

  constructor(link: LinkDevice, side: Side) {
    this.#link = link;
    this.#side = side;
  }

  /** The stations whose control frames go to the data lane. */
  get stations(): readonly Diverted[] {
    return this.#floods;
  }

  /** Notes a control frame from the link that was beyond its session's budget. */
  note(session: Session, nowMs: number): void {
    if (nowMs - session.floodSinceMs >= WINDOW_MS) {
      session.floodSinceMs = nowMs;
      session.floodFrames = 0;
    }
    if (++session.floodFrames === FLOOD_FRAMES) this.#divert(session, nowMs);
  }

  /** True if frames of some station are diverted. */
  get active(): boolean {
    return this.#floods.length > 0;
  }

  /** Notes a control frame in the data lane. */
  diverted(session: Session): void {
    const flood = this.#find(session);
    if (flood !== undefined) flood.frames++;
  }

  /** Ends the diversions of stations that flood no longer. */
  run(nowMs: number): void {
    if (nowMs < this.#reviewMs) return;
    const left = this.#floods.filter((flood) => {
      if (nowMs < flood.reviewMs) return true;
      const floods = flood.frames >= FLOOD_FRAMES;
      flood.frames = 0;
      flood.reviewMs = nowMs + REVIEW_MS;
      return floods;
    });
    if (left.length < this.#floods.length) this.#apply(left);
    this.#reviewMs = Math.min(Infinity, ...left.map(({ reviewMs }) => reviewMs));
  }

  #divert(session: Session, nowMs: number): void {
    const { lanes } = this.#link;
    // New lanes know of no diversion.
    if (lanes !== this.#lanes) this.#floods = [];
    this.#lanes = lanes;
    if (this.#floods.length >= DIVERTED_MAX || this.#find(session) !== undefined) return;
    const { nearMac: mac, linkId } = session;
    // An AC has sessions with other hosts, which must not suffer.
    const sessionId = this.#side === "client" ? undefined : linkId;
    const reviewMs = nowMs + REVIEW_MS;
    this.#apply([...this.#floods, { mac, sessionId, reviewMs, frames: 0 }]);
    this.#reviewMs = Math.min(this.#reviewMs, reviewMs);
  }

  #find({ nearMac, linkId }: Session): Flood | undefined {
    for (const flood of this.#floods) {
      const isSession = flood.sessionId === undefined || flood.sessionId === linkId;
      if (isSession && sameMac(flood.mac, 0, nearMac, 0)) return flood;
    }
    return undefined;
  }

  #apply(floods: Flood[]): void {
    this.#floods = floods;
    if (this.#link.lanes === this.#lanes) this.#link.divert(floods);
  }
}
