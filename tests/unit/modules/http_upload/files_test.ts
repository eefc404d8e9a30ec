import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Files } from "../../../../modules/http_upload/files.ts";

async function withFolder(f: (files: Files) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "confab-files-"));
  try {
    await f(new Files(join(folder, "made")));
  } finally {
    await rm(folder, { recursive: true });
  }
}

const ID = (first: string) => first + "0".repeat(32 - first.length);
const bytes = (n: number) => new Blob([new Uint8Array(n).fill(7)]).stream();

async function all(files: Files): Promise<string[]> {
  const names = await readdir(files.folder, { recursive: true }).catch(() => [] as string[]);
  return names.filter((name) => name.includes("/")).sort();
}

async function read(files: Files, id: string, start: number, end: number): Promise<number> {
  const stream = await files.read(id, start, end);
  return stream === undefined ? -1 : (await new Response(stream).arrayBuffer()).byteLength;
}

Deno.test("files: whole or not at all, readable in parts", () =>
  withFolder(async (files) => {
    assert.equal(await files.write(ID("ab"), 200_000, bytes(200_000)), true);
    assert.deepEqual(await all(files), [`ab/${ID("ab")}`]);
    assert.equal(await files.exists(ID("ab")), true);
    const { mode } = await stat(join(files.folder, "ab", ID("ab")));
    assert.equal(mode & 0o777, 0o600);
    assert.equal(await read(files, ID("ab"), 0, 199_999), 200_000);
    assert.equal(await read(files, ID("ab"), 5, 5), 1);
    assert.equal(await read(files, ID("ab"), 0, -1), 0);
    assert.equal(await read(files, ID("cd"), 0, 0), -1);

    assert.equal(await files.write(ID("cd"), 10, bytes(9)), false);
    assert.equal(await files.write(ID("cd"), 10, bytes(11)), false);
    const broken = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(new Uint8Array(5));
        controller.error(new Error("lost"));
      },
    });
    await assert.rejects(files.write(ID("cd"), 10, broken), /lost/);
    assert.equal(await files.write(ID("ef"), 0, bytes(0)), true);
    assert.deepEqual(await all(files), [`ab/${ID("ab")}`, `ef/${ID("ef")}`]);
    await files.remove(ID("ab"));
    await files.remove(ID("ab"));
    assert.deepEqual(await all(files), [`ef/${ID("ef")}`]);
  }));

Deno.test("files: what nobody knows of goes, what is under way and what is not ours stays", () =>
  withFolder(async (files) => {
    for (const id of ["ab1", "ab2", "cd1"]) await files.write(ID(id), 1, bytes(1));
    for (const name of [`${ID("ab3")}.part`, `${ID("ab4")}.part`, "README"]) {
      await writeFile(join(files.folder, "ab", name), "x");
    }
    const asked: string[] = [];
    const removed = await files.removeOrphans(
      (folder) => {
        asked.push(folder);
        return Promise.resolve(new Set([ID("ab1"), ID("ab3")]));
      },
      (id) => id === ID("ab4"),
    );
    assert.equal(removed, 3);
    assert.deepEqual(asked.sort(), ["ab", "cd"]);
    assert.deepEqual(
      await all(files),
      [`ab/${ID("ab1")}`, `ab/${ID("ab4")}.part`, "ab/README"].sort(),
    );
  }));
