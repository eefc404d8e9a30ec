/** Waiting, and not for ever. */

/** How long nothing may happen at all before a load has failed, in ms. */
export const PATIENCE_MS = 20_000;

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until something is so, looking every few ms; fails when `progress` stands still. */
export async function until(isSo: () => boolean, progress: () => number): Promise<void> {
  let last = progress();
  let since = performance.now();
  while (!isSo()) {
    await delay(5);
    const now = progress();
    if (now !== last) {
      last = now;
      since = performance.now();
    } else if (performance.now() - since > PATIENCE_MS) {
      throw new Error(`nothing has happened for ${PATIENCE_MS / 1000} s, at ${now}`);
    }
  }
}

/** Runs a task for each number below `count`, some at a time. */
export async function each(
  count: number,
  atOnce: number,
  task: (i: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await task(next++);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker));
}
