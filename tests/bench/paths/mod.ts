// All paths, in the order of the table's columns.

import { bridgePath } from "./bridge.ts";
import { openvpnPath } from "./openvpn.ts";
import { oursCubicPath, oursKeysPath, oursPath } from "./ours.ts";
import type { Path } from "./path.ts";
import { relayPath } from "./relay.ts";
import { vxlanPath } from "./vxlan.ts";

export type { Path, RunningPath } from "./path.ts";

/** All paths. */
export const PATHS: readonly Path[] = [
  oursPath,
  oursKeysPath,
  oursCubicPath,
  openvpnPath,
  vxlanPath,
  relayPath,
  bridgePath,
];
