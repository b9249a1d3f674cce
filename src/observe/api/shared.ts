// Requests at the same time that share one answer.

/**
 * Makes a function that does not run twice at the same time. Calls during a run share the next run, so that
 * each result is newer than its call, and many calls cost no more than two.
 */
export function shared<T>(make: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  let next: Promise<T> | undefined;
  const run = () => {
    next = undefined;
    const own = running = make().finally(() => {
      if (running === own) running = undefined;
    });
    return own;
  };
  return () => {
    if (running === undefined) return run();
    return next ??= running.then(run, run);
  };
}
