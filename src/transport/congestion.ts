// The choice of the TCP congestion control for tunnels.
//
// Most systems use cubic, which takes every loss as a sign of a full queue and slows down. A path that
// loses a few packets for other reasons (radio, a bad cable, a shared uplink) then starves the tunnel. bbr
// follows the rate at which the path delivers.

import {
  congestionControlFault,
  ERRNO,
  systemCongestionControl,
  systemError,
} from "../../ffi/mod.ts";
import { ConfigurationError } from "../configuration_error.ts";

/** The congestion control that is used by default. */
const PREFERRED = "bbr";

/** The option's value that leaves the system's default in place. */
export const SYSTEM_CONGESTION = "system";

/** The setting for a tunnel's socket. */
export interface CongestionChoice {
  /** The congestion control to set; undefined to leave the system's default. */
  name?: string;
  /** A warning for the operator, with advice. */
  warning?: string;
}

/**
 * Chooses a congestion control.
 *
 * @param requested The operator's choice; undefined for the default
 * @param system The system's default
 * @param faultOf Returns 0 if a congestion control can be used, or an errno(3). It is called only if the
 * answer matters, because it may load a module
 * @returns The choice
 * @throws {ConfigurationError} If the requested congestion control cannot be used
 */
export function chooseCongestion(
  requested: string | undefined,
  system: string,
  faultOf: (name: string) => number,
): CongestionChoice {
  if (requested === SYSTEM_CONGESTION) return {};
  if (requested !== undefined) {
    const fault = faultOf(requested);
    if (fault === 0) return { name: requested };
    throw new ConfigurationError(
      `Cannot use the congestion control ${requested}: ${refusal(fault)}`,
    );
  }
  // Later versions have other names, such as bbr2.
  if (system.startsWith(PREFERRED)) return {};
  const fault = faultOf(PREFERRED);
  if (fault === 0) return { name: PREFERRED };
  return {
    warning: `Tunnels use the congestion control ${system}, which is slow on a path that loses ` +
      `packets: at 1 % loss, it carries a sixth of what ${PREFERRED} does, or less. ` +
      `${remedy(fault)} (--congestion ${SYSTEM_CONGESTION} keeps it and silences this warning)`,
  };
}

function refusal(fault: number): string {
  return fault === ERRNO.EPERM
    ? "it needs CAP_NET_ADMIN, or an entry in net.ipv4.tcp_allowed_congestion_control"
    : "the system does not have it, see net.ipv4.tcp_available_congestion_control";
}

function remedy(fault: number): string {
  switch (fault) {
    case ERRNO.EPERM:
      return `This process may not use ${PREFERRED}: add it to ` +
        "net.ipv4.tcp_allowed_congestion_control, or give the process CAP_NET_ADMIN";
    case ERRNO.ENOENT:
      return `The kernel has not loaded ${PREFERRED}: run modprobe tcp_${PREFERRED}, or give the ` +
        "process CAP_NET_ADMIN, with which the kernel loads it on demand";
    default:
      return systemError(`The kernel refuses ${PREFERRED}`, fault).message;
  }
}

/** A system that has congestion controls. */
export interface CongestionSystem {
  /** Returns the name of its default. */
  default(): string;
  /** Returns 0 if a congestion control can be used, or an errno(3). */
  faultOf(name: string): number;
}

const KERNEL: CongestionSystem = {
  default: systemCongestionControl,
  faultOf: congestionControlFault,
};

/**
 * The congestion control of a process's tunnels. It is chosen for each tunnel again, because a module may be
 * loaded or a sysctl changed while the process runs.
 *
 * Both sides set it on an established connection. That is not too late: congestion control is not
 * negotiated, and bbr begins to measure the path from there.
 */
export class CongestionControl {
  readonly #requested: string | undefined;
  readonly #warn: (message: string) => void;
  readonly #system: CongestionSystem;
  #lastWarning: string | undefined;

  /**
   * Prepares for choices; nothing is read from the system yet.
   *
   * @param requested The operator's choice; undefined for the default
   * @param warn Takes warnings for the operator
   * @param system The system to query
   */
  constructor(
    requested: string | undefined,
    warn: (message: string) => void,
    system: CongestionSystem = KERNEL,
  ) {
    this.#requested = requested;
    this.#warn = warn;
    this.#system = system;
  }

  /**
   * Chooses for the next tunnel.
   *
   * @returns The choice
   * @throws {ConfigurationError} If the requested congestion control cannot be used
   */
  choose(): CongestionChoice {
    return chooseCongestion(this.#requested, this.#system.default(), this.#system.faultOf);
  }

  /** Passes the warning of a choice on, unless it is the same as the last one. */
  warn({ warning }: CongestionChoice): void {
    if (warning !== undefined && warning !== this.#lastWarning) this.#warn(warning);
    this.#lastWarning = warning;
  }
}
