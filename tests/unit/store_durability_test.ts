/** What was promised is there after the process was killed. Prints the throughput, too. */

import { ok } from "node:assert/strict";
import process from "node:process";
import { integerType, openStore, type Store } from "../../lib/store/mod.ts";
import { startScript } from "../helpers/child.ts";
import { withPostgres } from "../helpers/postgres.ts";

const cluster = await withPostgres();
Deno.test.afterAll(async () => await cluster?.stop());

/** Writes rows from 20 writers, every third time as a batch, and prints each id once it is kept. */
const writerScript = (url: string, from: number) => `
import { openStore } from "ROOT/lib/store/mod.ts";
const store = await openStore({ url: ${JSON.stringify(url)} });
const add = store.prepare((db, p) =>
  db.insertInto("kept").values({ id: p("id"), text: p("text") }));
const text = "x".repeat(300);
const encoder = new TextEncoder();
let next = ${from};
await Promise.all(Array.from({ length: 20 }, async () => {
  for (;;) {
    const id = next++;
    if (id % 3 === 0) await store.batch([add.bind({ id, text }), add.bind({ id: -id, text })]);
    else await add.run({ id, text });
    Deno.stdout.writeSync(encoder.encode(id + "\\n"));
  }
}));`;

async function killWhileWriting(url: string, folder: string, from: number): Promise<number[]> {
  const child = await startScript(folder, writerScript(url, from));
  const errors = new Response(child.stderr).text();
  let printed = "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    timer ??= setTimeout(() => child.kill("SIGKILL"), Math.random() * 300);
    printed += text;
  }
  await child.status;
  if (!timer) throw new Error(await errors);
  await errors;
  return printed.slice(0, printed.lastIndexOf("\n") + 1).split("\n").filter(Boolean).map(Number);
}

async function survive(url: string, kills: number): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "confab-store-" });
  const path = url.replace("FOLDER", folder);
  const use = async <T>(body: (store: Store) => Promise<T>): Promise<T> => {
    const store = await openStore({ url: path });
    try {
      return await body(store);
    } finally {
      await store.close();
    }
  };
  try {
    await use((store) =>
      store.db.schema.createTable("kept").addColumn("id", integerType, (c) => c.primaryKey())
        .addColumn("text", "text").execute()
    );
    const promised: number[] = [];
    for (let kill = 1; kill <= kills; kill++) {
      const ids = await killWhileWriting(path, folder, kill * 1_000_000);
      ok(ids.length > 0);
      promised.push(...ids);
      const rows = await use((store) => store.db.selectFrom("kept").select("id").execute());
      const kept = new Set(rows.map((row) => row.id as number));
      for (const id of promised) ok(kept.has(id), `${id} was promised and is lost`);
      for (const id of kept) ok(id % 3 !== 0 || kept.has(-id), `batch ${id} is torn`);
    }
    console.log(`  ${promised.length} rows promised before ${kills} kills, all there`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("sqlite: every promised row survives kill -9", () => survive("sqlite:FOLDER/x.db", 10));

if (cluster) {
  Deno.test("postgres: every promised row survives kill -9 of the client", async () => {
    await survive(await cluster.database(), 3);
  });
}

/** CPU time of the process and of its workers in microseconds, where /proc tells the latter. */
function cpuTimes(): { all: number; workers: number } {
  const { user, system } = process.cpuUsage();
  let workers = 0;
  try {
    for (const { name } of Deno.readDirSync("/proc/self/task")) {
      const stat = Deno.readTextFileSync(`/proc/self/task/${name}/stat`);
      if (!/\(worker/i.test(stat)) continue;
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      workers += (Number(fields[11]) + Number(fields[12])) * 10_000;
    }
  } catch {
    // Not Linux, or a thread ended meanwhile: only the sum is right then.
  }
  return { all: user + system, workers };
}

async function measure(url: string): Promise<void> {
  const store = await openStore({ url });
  try {
    await store.db.schema.createTable("message").addColumn("owner", "text")
      .addColumn("at", integerType).addColumn("xml", "text").execute();
    await store.db.schema.createIndex("message_owner").on("message").columns(["owner", "at"])
      .execute();
    type Message = { owner: string; at: number; xml: string };
    const add = store.prepare<Message>((db, p) =>
      db.insertInto("message").values({ owner: p("owner"), at: p("at"), xml: p("xml") })
    );
    const read = store.prepare<{ owner: string; at: number }, Message>((db, p) =>
      db.selectFrom("message").selectAll().where("owner", "=", p("owner"))
        .where("at", "=", p("at")).limit(1)
    );
    const xml = "x".repeat(400);
    const run = async (what: string, each: (owner: string, i: number) => Promise<unknown>) => {
      const cpu = cpuTimes();
      const before = store.stats();
      const start = performance.now();
      await Promise.all(Array.from({ length: 100 }, async (_, w) => {
        for (let i = 0; i < 200; i++) await each(`user${w}@example.org`, i);
      }));
      const took = performance.now() - start;
      const after = cpuTimes();
      const { rows, commits, slowestCommitMs } = store.stats();
      const perCommit = (rows - before.rows) / Math.max(1, commits - before.commits);
      const worker = (after.workers - cpu.workers) / 20_000;
      const rest = (after.all - cpu.all) / 20_000 - worker;
      console.log(
        `  ${store.dialect} ${what}: ${Math.round(20_000_000 / took)}/s, CPU us each: ` +
          `${rest.toFixed(1)} + worker ${worker.toFixed(1)}; ${
            perCommit.toFixed(0)
          } rows per commit, ` +
          `slowest commit ${slowestCommitMs.toFixed(1)} ms`,
      );
    };
    for (let round = 1; round <= 2; round++) {
      await run("insert", (owner, at) => add.run({ owner, at, xml }));
      await run("read", (owner, at) => read.first({ owner, at }));
    }
  } finally {
    await store.close();
  }
}

Deno.test("sqlite: throughput of 100 concurrent writers and readers", async () => {
  const folder = await Deno.makeTempDir({ prefix: "confab-store-" });
  try {
    await measure(`sqlite:${folder}/x.db`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

if (cluster) {
  Deno.test("postgres: throughput of 100 concurrent writers and readers", async () => {
    await measure(await cluster.database());
  });
}
