/**
 * The files themselves: `FOLDER/ab/abcd...`, named by their ids alone. One that is being written has
 * `.part` at its end, so that what is there under its id is whole.
 */

import { join } from "node:path";

/** Bytes read at a time. */
const CHUNK = 64 << 10;

export class Files {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  #path(id: string): string {
    return join(this.folder, id.slice(0, 2), id);
  }

  /**
   * Writes exactly so many bytes; false if there were less or more, and then nothing is left of them.
   * What is written is on the disk when it returns.
   */
  async write(id: string, size: number, body: ReadableStream<Uint8Array>): Promise<boolean> {
    const path = this.#path(id);
    const part = `${path}.part`;
    const folder = join(this.folder, id.slice(0, 2));
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    let whole = false;
    try {
      using file = await Deno.open(part, {
        write: true,
        create: true,
        truncate: true,
        mode: 0o600,
      });
      let written = 0;
      for await (const chunk of body) {
        written += chunk.length;
        if (written > size) break;
        for (let at = 0; at < chunk.length;) at += await file.write(chunk.subarray(at));
        release(chunk);
      }
      if (written === size) await file.syncData();
      whole = written === size;
    } finally {
      if (!whole) await remove(part);
    }
    if (!whole) return false;
    await Deno.rename(part, path);
    await syncFolder(folder);
    return true;
  }

  /** Bytes of a file, from `start` to `end` (included); undefined if it is not there. */
  async read(
    id: string,
    start: number,
    end: number,
  ): Promise<ReadableStream<Uint8Array<ArrayBuffer>> | undefined> {
    let file: Deno.FsFile;
    try {
      file = await Deno.open(this.#path(id));
    } catch (e) {
      if (e instanceof Deno.errors.NotFound) return undefined;
      throw e;
    }
    let left = end - start + 1;
    try {
      if (start > 0) await file.seek(start, Deno.SeekMode.Start);
    } catch (e) {
      file.close();
      throw e;
    }
    return new ReadableStream<Uint8Array<ArrayBuffer>>({
      async pull(controller) {
        try {
          // The socket may still hold the chunk before: each has memory of its own.
          const chunk = new Uint8Array(Math.min(CHUNK, left));
          const n = left === 0 ? 0 : await file.read(chunk);
          if (n === null) throw new Error("the file is shorter than it was");
          left -= n;
          if (n > 0) controller.enqueue(chunk.subarray(0, n));
          if (left > 0) return;
          file.close();
          controller.close();
        } catch (e) {
          file.close();
          controller.error(e);
        }
      },
      cancel() {
        file.close();
      },
    }, { highWaterMark: 0 });
  }

  async exists(id: string): Promise<boolean> {
    return await Deno.stat(this.#path(id)).then(() => true, () => false);
  }

  async remove(id: string): Promise<void> {
    await remove(this.#path(id));
    await remove(`${this.#path(id)}.part`);
  }

  /**
   * Removes what nobody knows of: `known` tells the ids in a folder (`ab`), `busy` whether one is being
   * written. Returns how many files went.
   */
  async removeOrphans(
    known: (folder: string) => Promise<ReadonlySet<string>>,
    busy: (id: string) => boolean,
  ): Promise<number> {
    let removed = 0;
    for (const folder of await namesIn(this.folder)) {
      if (!/^[0-9a-f]{2}$/.test(folder)) continue;
      // First the files, then who is known: what is stored between the two is not taken for unknown.
      const names = await namesIn(join(this.folder, folder));
      const ids = await known(folder);
      for (const name of names) {
        const match = /^([0-9a-f]{32})(\.part)?$/.exec(name);
        if (match === null || busy(match[1]!)) continue;
        if (match[2] === undefined && ids.has(match[1]!)) continue;
        await remove(join(this.folder, folder, name));
        removed++;
      }
    }
    return removed;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(folder))).map((entry) => entry.name);
  } catch (e) {
    if (e instanceof Deno.errors.NotFound) return [];
    throw e;
  }
}

async function remove(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (e) {
    if (!(e instanceof Deno.errors.NotFound)) throw e;
  }
}

/** A new name in a folder survives a power failure only then. Not every system can. */
async function syncFolder(folder: string): Promise<void> {
  try {
    using handle = await Deno.open(folder);
    await handle.sync();
  } catch {
    // Nothing that anybody could do about it.
  }
}

/**
 * Frees the memory of a chunk that is written. The garbage collector does not see how much lies behind
 * so few objects, and would let a hundred MiB of them pile up.
 */
function release({ buffer, byteLength }: Uint8Array): void {
  if (buffer.byteLength === byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0);
}
