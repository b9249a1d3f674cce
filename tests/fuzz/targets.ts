// All targets.

import type { Parts } from "./parts.ts";
import type { Target } from "./target.ts";
import { clientHandshake, proxyHeader, serverHandshake, strangers } from "./targets/handshake.ts";
import { netlinkAnswers, procTexts, tcpStatistics } from "./targets/kernel.ts";
import { keyFiles } from "./targets/keys.ts";
import { clientPlane, serverPlane } from "./targets/plane.ts";
import { stateDir, stateLines } from "./targets/state.ts";
import { tunnelStream } from "./targets/stream.ts";
import { tlsHandshakes } from "./targets/tls.ts";
import { addressTexts, commandLine, configFile } from "./targets/text.ts";
import { discoveryFrames, sessionFrames, tunnelPayloads } from "./targets/wire.ts";

/** A function for each target, which makes it with the given parts. */
const TARGETS: readonly ((parts: Parts) => Target)[] = [
  discoveryFrames,
  sessionFrames,
  tunnelPayloads,
  tunnelStream,
  serverHandshake,
  clientHandshake,
  proxyHeader,
  strangers,
  serverPlane,
  clientPlane,
  configFile,
  commandLine,
  addressTexts,
  keyFiles,
  tlsHandshakes,
  stateLines,
  stateDir,
  netlinkAnswers,
  procTexts,
  tcpStatistics,
];

/** Makes all targets. */
export function makeTargets(parts: Parts): Target[] {
  return TARGETS.map((make) => make(parts));
}
