// What a piece of code allocates, by the function that does, also what is collected again at once: V8's
// sampling heap profiler, which looks at about one allocated KiB in each.

import { Session } from "node:inspector";

/** One function's share. */
export interface Allocation {
  /** Its name and place. */
  where: string;
  bytes: number;
}

interface ProfileNode {
  callFrame: { functionName: string; url: string; lineNumber: number };
  selfSize: number;
  children: ProfileNode[];
}

/** Runs it, and tells what it allocated, most first. */
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
