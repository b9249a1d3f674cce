// Which TCP congestion control a tunnel uses.
//
// What most systems use, cubic, takes every loss for a full queue and halves what it sends, so a path
// that loses a little for other reasons (radio, a bad cable, a shared uplink) starves the tunnel. bbr
// goes by the rate at which the path delivers.

import {
  congestionControlFault,
  ERRNO,
  systemCongestionControl,
  systemError,
} from "../../ffi/mod.ts";
import { ConfigurationError } from "../configuration_error.ts";

/** What is used when nothing is asked for. */
const PREFERRED = "bbr";

/** What is asked for to leave the system's default alone. */
export const SYSTEM_CONGESTION = "system";

/** What to do with a tunnel's socket. */
export interface CongestionChoice {
  /** The congestion control to set; nothing is set without it. */
  name?: string;
  /** What the operator should know: what it costs, and what to do about it. */
  warning?: string;
}

/**
 * Decides which congestion control is used.
 *
 * @param asked What the operator asked for; undefined for the best there is
 * @param system The system's default
 * @param faultOf Why a congestion control cannot be used, as errno(3); 0: it can be. It is called only
 * where the answer matters, since it may load a module
 * @throws {ConfigurationError} If what was asked for cannot be used
 */
export function chooseCongestion(
  asked: string | undefined,
  system: string,
  faultOf: (name: string) => number,
): CongestionChoice {
  if (asked === SYSTEM_CONGESTION) return {};
  if (asked !== undefined) {
    const fault = faultOf(asked);
    if (fault === 0) return { name: asked };
    throw new ConfigurationError(`Cannot use the congestion control ${asked}: ${refusal(fault)}`);
  }
  // Later versions have names of their own, such as bbr2.
  if (system.startsWith(PREFERRED)) return {};
  const fault = faultOf(PREFERRED);
  if (fault === 0) return { name: PREFERRED };
  return {
    warning: `Tunnels use the congestion control ${system}, which is slow on a path that loses ` +
      `packets: where 1 % is lost, it carries a sixth of what ${PREFERRED} does, or less. ` +
      `${remedy(fault)} (--congestion ${SYSTEM_CONGESTION} leaves it so, without this warning)`,
  };
}

function refusal(fault: number): string {
  return fault === ERRNO.EPERM
    ? "it takes CAP_NET_ADMIN, or a place in net.ipv4.tcp_allowed_congestion_control"
    : "the system does not have it, see net.ipv4.tcp_available_congestion_control";
}

function remedy(fault: number): string {
  switch (fault) {
    case ERRNO.EPERM:
      return `This process may not use ${PREFERRED}: add it to ` +
        "net.ipv4.tcp_allowed_congestion_control, or give the process CAP_NET_ADMIN";
    case ERRNO.ENOENT:
      return `The kernel has not loaded ${PREFERRED}: run modprobe tcp_${PREFERRED}, or give the ` +
        "process CAP_NET_ADMIN, for which the kernel loads it";
    default:
      return systemError(`The kernel refuses ${PREFERRED}`, fault).message;
  }
}

/** What a system says of its congestion controls. */
export interface CongestionSystem {
  /** The name of the one that a socket has when none was set. */
  default(): string;
  /** Why one cannot be used, as errno(3); 0: it can be. */
  faultOf(name: string): number;
}

const KERNEL: CongestionSystem = {
  default: systemCongestionControl,
  faultOf: congestionControlFault,
};

/**
 * The congestion control of a process's tunnels. It is chosen anew for each, since a module may be
 * loaded, and a sysctl changed, while the process runs.
 *
 * It is set on a connection that stands, the client's as the server's: nothing about it is negotiated,
 * so whatever the SYN was sent with, bbr starts to measure the path from there.
 */
export class CongestionControl {
  readonly #asked: string | undefined;
  readonly #warn: (message: string) => void;
  readonly #system: CongestionSystem;
  #told: string | undefined;

  /**
   * Nothing is looked at yet.
   *
   * @param asked What the operator asked for, if anything
   * @param warn Hears what the operator should know
   * @param system What is asked
   */
  constructor(
    asked: string | undefined,
    warn: (message: string) => void,
    system: CongestionSystem = KERNEL,
  ) {
    this.#asked = asked;
    this.#warn = warn;
    this.#system = system;
  }

  /**
   * What the next tunnel uses.
   *
   * @throws {ConfigurationError} If what was asked for cannot be used
   */
  choose(): CongestionChoice {
    return chooseCongestion(this.#asked, this.#system.default(), this.#system.faultOf);
  }

  /** Warns, once for each thing that there is to say. */
  tell({ warning }: CongestionChoice): void {
    if (warning !== undefined && warning !== this.#told) this.#warn(warning);
    this.#told = warning;
  }
}
