/**
 * What waits to be written to a stream, as text.
 *
 * Copies of what goes to very many (`ModuleHost.broadcast`) are remembered as what they are copies of,
 * and made into text when they are written: then the text of one stream is made in one go, in memory
 * that is near, and is garbage at once.
 */

import type { AddressText, Stanza } from "../stanza.ts";

export class Output {
  #text = "";
  /** All of the text is known to be ASCII. */
  #isAscii = true;
  /** Copies behind the text, and their characters. */
  #copies: Stanza[] | undefined = undefined;
  #size = 0;
  #to: AddressText | undefined = undefined;

  /** Characters. */
  get length(): number {
    return this.#text.length + this.#size;
  }

  add(text: string, isAscii: boolean): void {
    if (this.#copies !== undefined) this.#write();
    this.#text += text;
    if (!isAscii) this.#isAscii = false;
  }

  /** A copy for the one address that the stream's session has. */
  addCopy(stanza: Stanza, to: AddressText): void {
    if (this.#copies === undefined) this.#copies = [stanza];
    else this.#copies.push(stanza);
    this.#to = to;
    this.#size += stanza.length + to.text.length;
  }

  /** True if what {@link take} gives is known to be ASCII. */
  get isAscii(): boolean {
    if (this.#copies !== undefined) this.#write();
    return this.#isAscii;
  }

  /** Makes text of the copies. */
  #write(): void {
    const { text: to, isAscii } = this.#to!;
    const copies = this.#copies!;
    let text = this.#text;
    let ascii = this.#isAscii && isAscii;
    for (let i = 0; i < copies.length; i++) {
      const stanza = copies[i]!;
      text += stanza.wireWith(to);
      if (ascii && !stanza.isAscii) ascii = false;
    }
    this.#text = text;
    this.#isAscii = ascii;
    this.#copies = undefined;
    this.#size = 0;
  }

  /** All of it; nothing waits after that. */
  take(): string {
    if (this.#copies !== undefined) this.#write();
    const text = this.#text;
    this.clear();
    return text;
  }

  clear(): void {
    this.#text = "";
    this.#isAscii = true;
    this.#copies = undefined;
    this.#size = 0;
  }
}
