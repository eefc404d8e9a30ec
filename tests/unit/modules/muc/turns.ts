/** A room's turns and what happens in them, for tests. */

import type { Later } from "../../../../lib/later.ts";
import { type Saying, Turns } from "../../../../modules/muc/turns.ts";

/** A promise and what decides on it. */
export function open<T = void>() {
  let resolve!: (value: T) => void;
  let reject!: (e: unknown) => void;
  const promise = new Promise<T>((yes, no) => [resolve, reject] = [yes, no]);
  return { promise, resolve, reject };
}

/** Lets everything happen that is due. */
export const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A room that notes what happens in it. */
export function room({ crowded = false } = {}) {
  const seen: string[] = [];
  const failures: unknown[] = [];
  const slices: (() => void)[] = [];
  const state = { crowded };
  const turns = new Turns({
    crowded: () => state.crowded,
    slice: (step) => void slices.push(step),
    failed: (e) => void failures.push(e),
  });
  const act = (name: string, done?: Later<void>) =>
    turns.act(() => {
      seen.push(name);
      return done;
    });
  const aside = (name: string, done?: Later<void>) =>
    turns.aside(() => {
      seen.push(name);
      return done;
    });
  const say = (name: string, steps: Partial<Saying> = {}) =>
    turns.say({
      check: () => true,
      place: () => {},
      kept: true,
      tell: (kept) => void seen.push(kept ? name : `${name} lost`),
      ...steps,
    });
  /** Runs the slices that are due, and those that follow from them. */
  const slice = () => {
    for (let step = slices.shift(); step !== undefined; step = slices.shift()) step();
  };
  return { turns, state, seen, failures, slices, slice, act, aside, say };
}
