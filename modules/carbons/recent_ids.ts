/**
 * The last messages of an account that were eligible for copies, for telling which errors answer one
 * (XEP-0280 §6.1). Only hashes are kept: an error that hits one by chance is copied for nothing.
 */

import { mix } from "../../lib/xml/intern.ts";

const KEPT = 64;

export class RecentIds {
  readonly #hashes = new Int32Array(KEPT);
  #next = 0;

  /** `peer` is the bare JID of the other side. */
  add(id: string, peer: string): void {
    this.#hashes[this.#next] = hash(id, peer);
    this.#next = (this.#next + 1) % KEPT;
  }

  has(id: string, peer: string): boolean {
    return this.#hashes.includes(hash(id, peer));
  }
}

function hash(id: string, peer: string): number {
  let h = 17;
  for (let i = 0; i < id.length; i++) h = mix(h, id.charCodeAt(i));
  h = mix(h, 0);
  for (let i = 0; i < peer.length; i++) h = mix(h, peer.charCodeAt(i));
  // 0 is an empty place.
  return h === 0 ? 1 : h;
}
