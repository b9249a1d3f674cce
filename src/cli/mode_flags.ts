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

/** Flags of both modes. */
export const MODE_FLAGS: Flags = {
  name: {
    value: "NAME",
    help:
      "What this side calls itself to the other, 1 to 64 bytes of printable UTF-8 (the machine's\n" +
      "host name, or one made from the interface's address where that will not do).",
  },
  mac: {
    value: "own|per-host|transparent",
    help: "Which addresses the link sees: this machine's own (default), one made up for\n" +
      "each station beyond the tunnel, or those of the stations themselves. But for\n" +
      "the first the interface is promiscuous.",
  },
  status: {
    value: "HOST:PORT",
    help: "Serve /healthz, /api/status and /metrics there, with no authentication:\n" +
      "loopback unless you know who can reach it.",
  },
  grace: {
    value: "SECONDS",
    help: "Hold sessions for so long while their tunnel is away (20; 0: close them at once).",
  },
  "state-dir": {
    value: "DIR",
    help: "Keep sessions there, so that they outlive a kill and a quick restart. For one\n" +
      "process at a time; made if it is not there.",
  },
  "idle-timeout": {
    value: "SECONDS",
    help: "Close a session in which a station was silent for so long (14400; 0: never).",
  },
  "dead-timeout": {
    value: "SECONDS",
    help: "Close a session in which a station that answered LCP echo before has left three\n" +
      "or more unanswered for so long, and sent nothing else (180; 0: never).",
  },
  "padi-rate": {
    value: "N",
    help: "How often a host may dial: PADIs a second, and ten times as many at once;\n" +
      "PADRs are counted apart (100; 0: any number).",
  },
  "ring-frames": {
    value: "N",
    help: "How many data frames can wait to be taken from the interface, a power of two\n" +
      "(4096); each takes 2 KiB of memory, more where the MTU is larger.",
  },
  "queue-kib": {
    value: "N",
    help: "How much data can wait for a tunnel that takes less than it gets (256).",
  },
  "batch-kib": { value: "N", help: "How much a tunnel's socket is given at once (64)." },
  congestion: {
    value: "NAME",
    help: "The tunnel's TCP congestion control; system for the system's own (bbr, or the\n" +
      "system's, with a warning, where bbr cannot be had).",
  },
  legacy: { help: "The peer is an older pppoeproxy: frame types 0 to 3, no handshake." },
  "log-level": { value: "debug|info|warning|error", help: "The least that is logged (info)." },
  "log-format": { value: "text|json", help: "How it is logged, to standard error (text)." },
};

/** The options that the shared flags make. */
export function modeOptions(given: Given): RuntimeOptions & { log: LeveledLog } {
  const status = given.value("status");
  const idleSeconds = integer(given, "idle-timeout", 0, 1_000_000);
  const deadSeconds = integer(given, "dead-timeout", 0, 1_000_000);
  const graceSeconds = integer(given, "grace", 0, 3600);
  const padiPerHost = integer(given, "padi-rate", 0, 1_000_000);
  const name = given.value("name");
  const ringFrames = integer(given, "ring-frames", 32, 65536);
  if (ringFrames !== undefined && !Number.isInteger(Math.log2(ringFrames))) {
    throw new UsageError(`--ring-frames is a power of two, such as 4096, not "${ringFrames}"`);
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
