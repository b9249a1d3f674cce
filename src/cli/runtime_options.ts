// The options that server and client share.

import { CaptureFile } from "../capture/capture_file.ts";
import { CAPTURE_FRAMES } from "../capture/recorder.ts";
import type { RuntimeOptions } from "../runtime.ts";
import type { LeveledLog } from "../observe/log.ts";
import { nameFault } from "../own_name.ts";
import { NAME_MAX } from "../wire/mod.ts";
import { logOf } from "./log.ts";
import { choice, type Given, integer, interfaceName, path, UsageError } from "./options.ts";
import { statusOptions } from "./status_flags.ts";

const MIB = 1 << 20;

/** Makes the options of both sides from the flags. */
export function runtimeOptions(given: Given): RuntimeOptions & { log: LeveledLog } {
  const idleSeconds = integer(given, "idle-timeout", 0, 1_000_000, "seconds");
  const deadSeconds = integer(given, "dead-timeout", 0, 1_000_000, "seconds");
  const graceSeconds = integer(given, "grace", 0, 3600, "seconds");
  const padiPerHost = integer(given, "padi-rate", 0, 1_000_000);
  const name = given.value("name");
  const ringFrames = integer(given, "ring-frames", 32, 65536);
  if (ringFrames !== undefined && !Number.isInteger(Math.log2(ringFrames))) {
    throw new UsageError(`--ring-frames must be a power of two, such as 4096, not "${ringFrames}"`);
  }
  const queueKib = integer(given, "queue-kib", 64, 65536, "KiB");
  const batchKib = integer(given, "batch-kib", 8, 1024, "KiB");
  const captureMib = integer(given, "capture-size", 1, 65536, "MiB");
  const fault = name === undefined ? undefined : nameFault(name);
  if (fault !== undefined) {
    throw new UsageError(`--name must be 1 to ${NAME_MAX} bytes of printable UTF-8: it ${fault}`);
  }
  if (given.has("legacy") && given.value("key-file") !== undefined) {
    throw new UsageError(
      "--legacy cannot be used with --key-file, because an older pppoeproxy encrypts nothing; run another " +
        "pppoe-proxy for it, with a port of its own",
    );
  }
  return {
    interface: interfaceName(given),
    mac: choice(given, "mac", ["own", "per-host", "transparent"]),
    name,
    ...statusOptions(given),
    legacy: given.has("legacy"),
    idleTimeoutMs: idleSeconds === undefined ? undefined : idleSeconds * 1000,
    deadTimeoutMs: deadSeconds === undefined ? undefined : deadSeconds * 1000,
    graceMs: graceSeconds === undefined ? undefined : graceSeconds * 1000,
    stateDir: path(given, "state-dir"),
    limits: { padiPerHost },
    capture: {
      file: path(given, "capture"),
      frames: choice(given, "capture-frames", CAPTURE_FRAMES),
      maxBytes: captureMib === undefined ? undefined : captureMib * MIB,
      secrets: given.has("capture-secrets"),
    },
    captureDir: path(given, "capture-dir"),
    ringFrames,
    queueBytes: queueKib === undefined ? undefined : queueKib * 1024,
    batchBytes: batchKib === undefined ? undefined : batchKib * 1024,
    congestion: given.value("congestion"),
    ...logOf(given),
  };
}

/** Returns the files and directories that captures are written to. */
export function capturePaths(
  { capture, captureDir }: Pick<RuntimeOptions, "capture" | "captureDir">,
): (string | undefined)[] {
  const { file } = capture ?? {};
  return [...file === undefined ? [] : CaptureFile.paths(file), captureDir];
}
