// The flags that server and client share.

import type { RuntimeOptions } from "../runtime.ts";
import type { LeveledLog } from "../observe/log.ts";
import { nameFault } from "../own_name.ts";
import { NAME_MAX } from "../wire/mod.ts";
import { logOf } from "./log.ts";
import {
  choice,
  endpoint,
  type Flags,
  type Given,
  integer,
  required,
  UsageError,
} from "./options.ts";

/** The flags of both sides. */
export const RUNTIME_FLAGS: Flags = {
  name: {
    value: "NAME",
    help: "Name of this side, shown to the other, 1 to 64 bytes of printable UTF-8 (the\n" +
      "machine's host name, or a name made from the interface's address if the host\n" +
      "name is unusable).",
  },
  mac: {
    value: "own|per-host|transparent",
    help: "MAC addresses used on the link: this machine's own (default), a made-up one for\n" +
      "each station beyond the tunnel, or the stations' own. The last two make the\n" +
      "interface promiscuous.",
  },
  status: {
    value: "HOST:PORT",
    help: "Serve /healthz, /api/status and /metrics on this address, without authentication.\n" +
      "Use a loopback address unless you know who can reach it.",
  },
  grace: {
    value: "SECONDS",
    help: "Time to hold sessions while their tunnel is down (20; 0: close them at once).",
  },
  "state-dir": {
    value: "DIR",
    help: "Directory to keep the sessions in, so that they survive a kill and a quick\n" +
      "restart. One process at a time can use it. Created if missing.",
  },
  "idle-timeout": {
    value: "SECONDS",
    help: "Close a session after a station has been silent for this time (14400; 0: never).",
  },
  "dead-timeout": {
    value: "SECONDS",
    help: "Close a session if a station that used to answer LCP echo has left three or more\n" +
      "requests unanswered for this time and sent nothing else (180; 0: never).",
  },
  "padi-rate": {
    value: "N",
    help: "Limit for dialling per host: PADIs per second, with bursts of ten times as many.\n" +
      "PADRs have a limit of their own (100; 0: no limit).",
  },
  "ring-frames": {
    value: "N",
    help: "Number of data frames that can wait to be read from the interface, a power of two\n" +
      "(4096). Each takes 2 KiB of memory, or more if the MTU is larger.",
  },
  "queue-kib": {
    value: "N",
    help: "KiB of data that can wait for a tunnel that is slower than the link (256).",
  },
  "batch-kib": { value: "N", help: "KiB of data given to a tunnel's socket at once (64)." },
  congestion: {
    value: "NAME",
    help: "TCP congestion control of the tunnel, or `system` for the system's default (bbr,\n" +
      "or the system's default with a warning if bbr is not available).",
  },
  legacy: { help: "The peer is an older pppoeproxy: frame types 0 to 3, no handshake." },
  "log-level": { value: "debug|info|warning|error", help: "Minimum level of the log (info)." },
  "log-format": { value: "text|json", help: "Format of the log on standard error (text)." },
};

/** Makes the options of both sides from the flags. */
export function runtimeOptions(given: Given): RuntimeOptions & { log: LeveledLog } {
  const status = given.value("status");
  const idleSeconds = integer(given, "idle-timeout", 0, 1_000_000);
  const deadSeconds = integer(given, "dead-timeout", 0, 1_000_000);
  const graceSeconds = integer(given, "grace", 0, 3600);
  const padiPerHost = integer(given, "padi-rate", 0, 1_000_000);
  const name = given.value("name");
  const ringFrames = integer(given, "ring-frames", 32, 65536);
  if (ringFrames !== undefined && !Number.isInteger(Math.log2(ringFrames))) {
    throw new UsageError(`--ring-frames must be a power of two, such as 4096, not "${ringFrames}"`);
  }
  const queueKib = integer(given, "queue-kib", 64, 65536);
  const batchKib = integer(given, "batch-kib", 8, 1024);
  const fault = name === undefined ? undefined : nameFault(name);
  if (fault !== undefined) {
    throw new UsageError(`--name must be 1 to ${NAME_MAX} bytes of printable UTF-8: it ${fault}`);
  }
  return {
    interface: required(given, "interface", "eth1"),
    mac: choice(given, "mac", ["own", "per-host", "transparent"]),
    name,
    status: status === undefined ? undefined : endpoint("status", status),
    legacy: given.has("legacy"),
    idleTimeoutMs: idleSeconds === undefined ? undefined : idleSeconds * 1000,
    deadTimeoutMs: deadSeconds === undefined ? undefined : deadSeconds * 1000,
    graceMs: graceSeconds === undefined ? undefined : graceSeconds * 1000,
    stateDir: given.value("state-dir"),
    limits: { padiPerHost },
    ringFrames,
    queueBytes: queueKib === undefined ? undefined : queueKib * 1024,
    batchBytes: batchKib === undefined ? undefined : batchKib * 1024,
    congestion: given.value("congestion"),
    ...logOf(given),
  };
}
