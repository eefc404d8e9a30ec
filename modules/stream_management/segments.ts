/**
 * The files of the journal: numbered segments of frames, of which only the newest counts.
 *
 * A frame is the length of its content and the CRC-32 of it (both 32 bits, little endian), and the
 * content, UTF-8. A frame that is not complete, or not intact, ends the segment: it was being written
 * when the process or the machine died. A segment begins with everything that is known at the time; it
 * is written under another name and takes its own when it is complete, and only then the one before
 * is removed. So whenever it happens, one complete segment is there.
 */

import { join } from "node:path";
import { crc32 } from "node:zlib";

const HEAD = 8;
const NAME = /^(\d{1,15})\.journal$/;
const MAGIC = "confab stream management 1\n";

/** `off` never comes here: `process` writes, `full` has the disk confirm it (fdatasync). */
export type Durability = "full" | "process";

/** What was found in a folder. */
export interface Found {
  /** The contents of the intact frames of the newest segment. */
  readonly frames: readonly string[];
  /** Bytes behind them that are no frame. */
  readonly damaged: number;
  /** Nothing in it can be read: it is damaged from the start, or of another version. */
  readonly foreign: boolean;
}

export class Segments {
  readonly #folder: string;
  readonly #durability: Durability;
  #number = 0;
  #file: Deno.FsFile | undefined = undefined;
  #lock: Deno.FsFile | undefined = undefined;
  /** Bytes in the newest segment. */
  size = 0;
  /** Bytes that it began with. */
  begun = 0;

  constructor(folder: string, durability: Durability) {
    this.#folder = folder;
    this.#durability = durability;
  }

  /** Makes sure that no other process writes here, until `close`. Makes the folder if it must. */
  async lock(): Promise<void> {
    await Deno.mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const lock = await Deno.open(join(this.#folder, "lock"), { write: true, create: true });
    if (await lock.tryLock(true)) {
      this.#lock = lock;
      return;
    }
    lock.close();
    throw new Error(`another program (perhaps another Confab) writes to ${this.#folder}`);
  }

  /** Makes the folder if it must. What is there stays as it is until the first `begin`. */
  async read(): Promise<Found> {
    await Deno.mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const numbers = await this.#numbers();
    if (numbers.length === 0) return { frames: [], damaged: 0, foreign: false };
    this.#number = Math.max(...numbers);
    return parseSegment(await Deno.readFile(this.#path(this.#number)));
  }

  async #numbers(): Promise<number[]> {
    const numbers: number[] = [];
    for await (const { name } of Deno.readDir(this.#folder)) {
      const match = NAME.exec(name);
      if (match !== null) numbers.push(Number(match[1]));
    }
    return numbers;
  }

  #path(number: number): string {
    return join(this.#folder, `${number}.journal`);
  }

  /**
   * Begins a new segment with what `write` appends to it. If anything fails, the old one stays the
   * newest, and nothing can be appended until `begin` succeeds.
   */
  async begin(write: (append: (content: string) => Promise<void>) => Promise<void>): Promise<void> {
    const number = this.#number + 1;
    const unfinished = this.#path(number) + ".new";
    this.#close();
    const file = await Deno.open(unfinished, { write: true, create: true, truncate: true });
    let size = 0;
    const append = async (content: string) => {
      size += await writeFrame(file, content);
    };
    try {
      await append(MAGIC);
      await write(append);
      if (this.#durability === "full") await file.syncData();
      await Deno.rename(unfinished, this.#path(number));
    } catch (e) {
      file.close();
      await Deno.remove(unfinished).catch(() => {});
      throw e;
    }
    if (this.#durability === "full") await this.#syncFolder();
    this.#file = file;
    this.size = this.begun = size;
    this.#number = number;
    for (const old of await this.#numbers()) {
      if (old < number) await Deno.remove(this.#path(old)).catch(() => {});
    }
  }

  /** The names in the folder, too, have to reach the disk. */
  async #syncFolder(): Promise<void> {
    const folder = await Deno.open(this.#folder);
    try {
      await folder.sync();
    } finally {
      folder.close();
    }
  }

  /** Appends a frame. After a failure the segment takes no more: begin another one. */
  async append(content: string): Promise<void> {
    const file = this.#file;
    if (file === undefined) throw new Error("the segment is closed");
    try {
      this.size += await writeFrame(file, content);
      if (this.#durability === "full") await file.syncData();
    } catch (e) {
      this.#close(); // it may end in half a frame
      throw e;
    }
  }

  get isOpen(): boolean {
    return this.#file !== undefined;
  }

  #close(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  /** Keeps the newest segment, which cannot be understood, under another name. */
  async setAside(): Promise<void> {
    const path = this.#path(this.#number);
    await Deno.rename(path, path.replace(/journal$/, "damaged"));
  }

  /** Removes everything: nobody reads it any more. */
  async clear(): Promise<void> {
    this.close();
    await Deno.remove(this.#folder, { recursive: true });
  }

  /** As `clear`, unless another program writes here. */
  async forget(): Promise<void> {
    try {
      await this.lock();
      await this.clear();
    } catch {
      // It is in use, or cannot be removed: what is in it is no worse than before.
    }
  }

  /** Closes the file; it is read again at the next start. */
  close(): void {
    this.#close();
    this.#lock?.close();
    this.#lock = undefined;
  }
}

const encoder = new TextEncoder();

async function writeFrame(file: Deno.FsFile, content: string): Promise<number> {
  const frame = makeFrame(content);
  for (let at = 0; at < frame.length;) at += await file.write(frame.subarray(at));
  return frame.length;
}

/** A frame as it stands in the file. */
export function makeFrame(content: string): Uint8Array {
  const frame = new Uint8Array(HEAD + content.length * 3);
  const { written } = encoder.encodeInto(content, frame.subarray(HEAD));
  const view = new DataView(frame.buffer);
  view.setUint32(0, written, true);
  view.setUint32(4, crc32(frame.subarray(HEAD, HEAD + written)), true);
  return frame.subarray(0, HEAD + written);
}

/** The frames of a segment's bytes, up to the first that is not intact. */
export function parseSegment(bytes: Uint8Array): Found {
  const frames: string[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decoder = new TextDecoder();
  let at = 0;
  while (bytes.length - at >= HEAD) {
    const length = view.getUint32(at, true);
    const start = at + HEAD;
    if (length === 0 || length > bytes.length - start) break;
    const content = bytes.subarray(start, start + length);
    if (crc32(content) !== view.getUint32(at + 4, true)) break;
    frames.push(decoder.decode(content));
    at = start + length;
  }
  if (frames.shift() === MAGIC) return { frames, damaged: bytes.length - at, foreign: false };
  return { frames: [], damaged: bytes.length, foreign: bytes.length > 0 };
}
