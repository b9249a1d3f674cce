// The allocations of a piece of code by function, including objects that are collected again, from V8's
// sampling heap profiler, which takes about one sample per allocated KiB.

import { Session } from "node:inspector";

/** The allocations of one function. */
export interface Allocation {
  /** The function's name, file and line. */
  where: string;
  bytes: number;
}

interface ProfileNode {
  callFrame: { functionName: string; url: string; lineNumber: number };
  selfSize: number;
  children: ProfileNode[];
}

/** Runs a function, and returns the allocations, the largest first. */
export async function allocationsOf(run: () => void): Promise<Allocation[]> {
  const session = new Session();
  session.connect();
  const post = (method: string, params: Record<string, unknown> = {}) =>
    new Promise<{ profile: { head: ProfileNode } }>((resolve, reject) =>
      session.post(
        method,
        params,
        (error: Error | null, result: unknown) =>
          error ? reject(error) : resolve(result as { profile: { head: ProfileNode } }),
      )
    );
  try {
    await post("HeapProfiler.startSampling", {
      samplingInterval: 1024,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    });
    run();
    const { profile } = await post("HeapProfiler.stopSampling");
    const byPlace = new Map<string, number>();
    add(profile.head, byPlace);
    return [...byPlace].map(([where, bytes]) => ({ where, bytes })).sort((a, b) =>
      b.bytes - a.bytes
    );
  } finally {
    session.disconnect();
  }
}

function add(node: ProfileNode, byPlace: Map<string, number>): void {
  const { functionName, url, lineNumber } = node.callFrame;
  const where = `${functionName} ${url.split("/").slice(-2).join("/")}:${lineNumber + 1}`;
  byPlace.set(where, (byPlace.get(where) ?? 0) + node.selfSize);
  for (const child of node.children) add(child, byPlace);
}
