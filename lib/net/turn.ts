/** Turns of the event loop, for work that is done in slices. */

/**
 * Calls `f` when the event loop has looked at its connections again, in about 2 ms.
 *
 * While an immediate, a message or a promise is due the runtime looks at them only in every 61st turn
 * (Deno 2.9): a chain of `setImmediate`, a few ms each, would keep all input waiting. It looks
 * whenever it has to wait, and for a timer it always has to.
 */
export function afterInput(f: () => void): void {
  setTimeout(f, 0);
}
