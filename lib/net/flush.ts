/**
 * One flush for everybody: streams that have something to send are written once per turn of the
 * event loop, after all the input of that turn was handled. Many small stanzas become one write.
 */

export interface Flushable {
  flush(): void;
}

export class Flusher {
  #dirty: Flushable[] = [];
  #scheduled = false;

  /** Has `stream.flush()` called at the end of this turn. Call once per turn and stream. */
  add(stream: Flushable): void {
    this.#dirty.push(stream);
    if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(this.flush);
    }
  }

  readonly flush = (): void => {
    this.#scheduled = false;
    const dirty = this.#dirty;
    this.#dirty = [];
    for (let i = 0; i < dirty.length; i++) {
      try {
        dirty[i]!.flush();
      } catch (e) {
        reportError(e); // the others are not registered again: this is their turn
      }
    }
  };
}
