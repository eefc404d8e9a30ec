/**
 * What has been archived and is not on the disk yet. Messages are written in groups: a commit costs as
 * much as the writing of dozens of messages. Nobody waits for a group but acknowledgements, queries of
 * the same archive, rooms before they pass a message on, and everybody once too much is waiting.
 */

/** A message with its place. */
export interface Row {
  readonly host: string;
  readonly owner: string;
  readonly id: number;
  /** Bare JID of the other party, and its resource. */
  readonly peer: string;
  readonly resource: string;
  readonly xml: string;
}

/** A group is written when it is so old, or has so many messages. */
const GROUP_MS = 40;
const GROUP_ROWS = 256;

/** What may wait while another group is being written, in messages and in characters. */
const MOST_ROWS = 10_000;
const MOST_SIZE = 16 << 20;

class Group {
  readonly rows: Row[] = [];
  readonly owners = new Set<string>();
  size = 0;
  /** One for all who wait: true if it was kept. */
  readonly written: Promise<boolean>;
  done!: (kept: boolean) => void;

  constructor() {
    this.written = new Promise((resolve) => this.done = resolve);
  }

  add(row: Row): void {
    this.rows.push(row);
    this.owners.add(row.owner);
    this.size += row.xml.length;
  }
}

export interface BufferOptions {
  /** Writes a group for good; rejects when that has failed and was dealt with. */
  write(rows: readonly Row[]): Promise<void>;
  /** Told of each group when it is begun. */
  pledge(written: Promise<unknown>): void;
}

export class Buffer {
  readonly #options: BufferOptions;
  /** Being filled, and being written. */
  #open: Group | undefined;
  #writing: Group | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Somebody waits for the open group. */
  #urgent = false;

  constructor(options: BufferOptions) {
    this.#options = options;
  }

  /** Takes a message; a promise if too much is waiting already, but the message is taken all the same. */
  add(row: Row): Promise<unknown> | undefined {
    let group = this.#open;
    if (group === undefined) {
      group = this.#open = new Group();
      this.#options.pledge(group.written);
    }
    group.add(row);
    if (this.#writing !== undefined) {
      const full = group.rows.length >= MOST_ROWS || group.size >= MOST_SIZE;
      return full ? this.#writing.written : undefined;
    }
    if (group.rows.length >= GROUP_ROWS || group.size >= MOST_SIZE) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), GROUP_MS);
  }

  /**
   * Comes when all that is here of an archive is written, true if the newest of it was kept; undefined
   * if nothing is here. The group is written at once, or right behind the one that is being written.
   */
  settled(owner: string): Promise<boolean> | undefined {
    if (this.#open?.owners.has(owner) === true) {
      const { written } = this.#open;
      this.#hurry();
      return written;
    }
    if (this.#writing?.owners.has(owner) === true) return this.#writing.written;
  }

  /** Writes everything. */
  async drain(): Promise<void> {
    for (;;) {
      const last = this.#open ?? this.#writing;
      if (last === undefined) return;
      this.#hurry();
      await last.written;
    }
  }

  #hurry(): void {
    if (this.#writing === undefined) this.#flush();
    else this.#urgent = true;
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#urgent = false;
    const group = this.#writing = this.#open;
    if (group === undefined) return;
    this.#open = undefined;
    const end = (kept: boolean) => {
      this.#writing = undefined;
      group.done(kept);
      if (this.#open === undefined) return;
      if (this.#urgent || this.#open.rows.length >= GROUP_ROWS) this.#flush();
      else this.#timer ??= setTimeout(() => this.#flush(), GROUP_MS);
    };
    this.#options.write(group.rows).then(() => end(true), () => end(false));
  }
}
