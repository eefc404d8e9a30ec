/**
 * One object for each bare JID that is in use: a thousand accounts that have the same contact share
 * it, and to compare two is to compare pointers. Those out of use are let go.
 */

import { Jid, parseJid } from "../../lib/jid.ts";

const FIRST_SWEEP = 1024;

export class JidPool {
  readonly #refs = new Map<string, WeakRef<Jid>>();
  #sweepAt = FIRST_SWEEP;

  /** The object for a bare JID; undefined if the text is none. */
  get(bare: string): Jid | undefined {
    const known = this.#refs.get(bare)?.deref();
    if (known !== undefined) return known;
    const jid = parseJid(bare)?.toBare();
    if (jid === undefined) return undefined;
    if (jid.bare !== bare) return this.get(jid.bare);
    if (this.#refs.size >= this.#sweepAt) this.#sweep();
    this.#refs.set(jid.bare, new WeakRef(jid));
    return jid;
  }

  /** The object, if anybody holds it. */
  peek(bare: string): Jid | undefined {
    return this.#refs.get(bare)?.deref();
  }

  get size(): number {
    return this.#refs.size;
  }

  #sweep(): void {
    for (const [bare, ref] of this.#refs) if (ref.deref() === undefined) this.#refs.delete(bare);
    this.#sweepAt = Math.max(FIRST_SWEEP, 2 * this.#refs.size);
  }
}
