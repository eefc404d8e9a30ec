import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { sql } from "kysely";
import { integerType, openStore, type Store, type StoreError } from "../../lib/store/mod.ts";
import type { StoreOptions } from "../../lib/store/mod.ts";
import type { ExecutorResult } from "../../lib/store/kysely.ts";
import { createLink } from "../../lib/store/sqlite_link.ts";
import { Op } from "../../lib/store/sqlite_protocol.ts";
import { runScript } from "../helpers/child.ts";

interface Fixture {
  readonly folder: string;
  readonly path: string;
  readonly store: Store;
}

function test(
  name: string,
  body: (fixture: Fixture) => Promise<void>,
  options: Partial<StoreOptions> = {},
): void {
  Deno.test(`sqlite: ${name}`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "confab-store-" });
    const path = `${folder}/data/confab.db`;
    const store = await openStore({ url: `sqlite:${path}`, ...options });
    try {
      await body({ folder, path, store });
    } finally {
      await store.close();
      await Deno.remove(folder, { recursive: true });
    }
  });
}

async function rowTable(store: Store) {
  await store.db.schema.createTable("row")
    .addColumn("n", integerType, (c) => c.primaryKey()).addColumn("text", "text").execute();
  return {
    add: store.prepare<{ n: number; text: string }>((db, p) =>
      db.insertInto("row").values({ n: p("n"), text: p("text") })
    ),
    count: store.prepare<Record<never, never>, { count: number }>((db) =>
      db.selectFrom("row").select((e) => e.fn.countAll().as("count"))
    ),
  };
}

const code = (expected: string) => (e: unknown) => (e as StoreError).code === expected;

async function pragma(store: Store, name: string): Promise<unknown> {
  const { rows } = await sql<Record<string, unknown>>`pragma ${sql.raw(name)}`.execute(store.db);
  return Object.values(rows[0]!)[0];
}

test("only the server's user can read the files", async ({ folder, path, store }) => {
  await rowTable(store);
  const mode = async (file: string) => ((await Deno.stat(file)).mode ?? 0) & 0o777;
  equal(await mode(`${folder}/data`), 0o700);
  equal(await mode(path), 0o600);
  equal(await mode(`${path}-wal`), 0o600);
  equal(await mode(`${path}-shm`), 0o600);
});

test("commits are durable by default", async ({ store }) => {
  equal(await pragma(store, "journal_mode"), "wal");
  equal(await pragma(store, "synchronous"), 2);
  equal(await pragma(store, "foreign_keys"), 1);
  equal(await pragma(store, "busy_timeout"), 10_000);
});

test("durability against power failures can be given up", async ({ store }) => {
  equal(await pragma(store, "synchronous"), 1);
}, { synchronous: "normal" });

test("requests are answered in the order in which they were issued", async ({ store }) => {
  const { add, count } = await rowTable(store);
  const seen = await Promise.all([
    count.first({}),
    add.run({ n: 1, text: "" }).then(() => undefined),
    count.first({}),
    add.run({ n: 2, text: "" }).then(() => undefined),
    count.first({}),
  ]);
  deepEqual(seen.map((row) => row?.count), [0, undefined, 1, undefined, 2]);
});

test("what comes during a commit joins the next one", async ({ store }) => {
  const { add } = await rowTable(store);
  const writer = async (w: number) => {
    for (let i = 0; i < 20; i++) await add.run({ n: w * 100 + i, text: "" });
  };
  const { commits } = store.stats();
  await Promise.all(Array.from({ length: 50 }, (_, w) => writer(w)));
  const more = store.stats().commits - commits;
  ok(more < 200, `${more} commits for 1000 writes`);
});

test("the event loop does not wait for the disk", async ({ store }) => {
  const { add } = await rowTable(store);
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  // A statement that keeps SQLite busy for a good while.
  const busy = sql`with recursive c(x) as (select 1 union all select x + 1 from c where x < 3000000)
    select sum(x) from c`.execute(store.db);
  const start = performance.now();
  await Promise.all([busy, add.run({ n: 1, text: "" })]);
  const took = performance.now() - start;
  clearInterval(timer);
  ok(took > 100 && longest < took / 2, `${longest} ms of ${took} ms`);
});

test("another process can write meanwhile", async ({ folder, path, store }) => {
  const { add, count } = await rowTable(store);
  const child = runScript(
    folder,
    `import { openStore } from "ROOT/lib/store/mod.ts";
    const store = await openStore({ url: ${JSON.stringify(`sqlite:${path}`)} });
    const add = store.prepare((db, p) => db.insertInto("row").values({ n: p("n"), text: "" }));
    for (let n = 1000; n < 1100; n++) await add.run({ n });
    await store.close();
    console.log("done");`,
  );
  let ended = false;
  const end = child.finally(() => ended = true);
  let n = 0;
  while (!ended) await add.run({ n: 2000 + n++, text: "" });
  equal(await end, "done\n");
  equal((await count.first({}))?.count, 100 + n);
});

test("a lock that is not released fails the writes at hand, once", async ({ path, store }) => {
  const { add, count } = await rowTable(store);
  const other = new DatabaseSync(path);
  try {
    other.exec("begin immediate");
    const start = performance.now();
    const writes = Promise.allSettled(
      Array.from({ length: 50 }, (_, n) => add.run({ n, text: "" })),
    );
    equal((await count.first({}))?.count, 0, "reading needs no lock");
    for (const result of await writes) {
      ok(result.status === "rejected" && code("unavailable")(result.reason));
      match(result.reason.message, /locked/);
    }
    const took = performance.now() - start;
    ok(took < 1500, `${took} ms`);
    other.exec("rollback");
  } finally {
    other.close();
  }
  await add.run({ n: 1, text: "" });
}, { busyTimeoutMs: 200 });

test("a full disk fails what does not fit and nothing else", async ({ store }) => {
  const { add, count } = await rowTable(store);
  await sql`pragma max_page_count = 20`.execute(store.db);
  const results = await Promise.allSettled(
    Array.from({ length: 60 }, (_, n) => add.run({ n, text: "x".repeat(2000) })),
  );
  const refused = results.filter((r) => r.status === "rejected");
  ok(refused.length > 0);
  for (const { reason } of refused) equal(reason.code, "full", reason.message);
  equal((await count.first({}))?.count, 60 - refused.length, "what was promised is there");
  await sql`pragma max_page_count = 1000`.execute(store.db);
  await add.run({ n: 100, text: "x" });
});

test("a constraint that is checked at the commit fails its group", async ({ store }) => {
  const { add, count } = await rowTable(store);
  await sql`create table child (n integer references row (n) deferrable initially deferred)`
    .execute(store.db);
  const orphan = store.prepare<{ n: number }>((db, p) =>
    db.insertInto("child").values({ n: p("n") })
  );
  const results = await Promise.allSettled([
    add.run({ n: 1, text: "" }),
    count.first({}),
    orphan.run({ n: 99 }),
  ]);
  ok(results.every((r) => r.status === "rejected" && code("constraint")(r.reason)));
  equal((await count.first({}))?.count, 0);
  await add.run({ n: 1, text: "" });
  await orphan.run({ n: 1 });
});

test("a number that is too large to be read fails its read", async ({ store }) => {
  const { add } = await rowTable(store);
  await add.run({ n: 1, text: "" });
  const read = store.prepare<{ n: number }, { big: number }>((db, p) =>
    db.selectFrom("row").select(sql<number>`9007199254740993`.as("big")).where("n", "=", p("n"))
  );
  await rejects(read.all({ n: 1 }), code("failed"));
  deepEqual(await read.all({ n: 2 }), []);
});

Deno.test("sqlite: what cannot be opened is refused with the reason", async () => {
  const folder = await Deno.makeTempDir({ prefix: "confab-store-" });
  try {
    await Deno.writeTextFile(`${folder}/text`, "this is no database".repeat(100));
    const open = (path: string) => openStore({ url: `sqlite:${path}` });
    await rejects(open(`${folder}/text`), { code: "unavailable", message: /text: .*database/ });
    await rejects(open(folder), { code: "unavailable", message: /cannot be created/ });
    await rejects(open(`${folder}/text/x.db`), code("unavailable"));
    await rejects(open(""), code("failed"));
    await rejects(openStore({ url: "mysql://u:secret@h/d" }), {
      code: "failed",
      message: 'a database URL starts with "sqlite:" or "postgres://"',
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

const linkOptions = {
  synchronous: "full",
  busyTimeoutMs: 1000,
  groupLimit: 100,
  transactionIdleMs: 1000,
  queueLimit: 100,
} as const;

const UNKNOWN_OP = 99; // makes the worker throw where nothing catches

Deno.test("sqlite: a worker that dies fails what waited and is started again", async () => {
  const folder = await Deno.makeTempDir({ prefix: "confab-store-" });
  const link = createLink({ ...linkOptions, path: `${folder}/x.db`, restart: true });
  try {
    await link.start();
    await link.request(Op.query, "create table t (n integer)", 0);
    const statement = {
      id: 1,
      sql: "insert into t values (?) returning n",
      names: ["n"],
      constants: [null],
      reads: false,
    };
    deepEqual(await link.writeRows(statement, { n: 1 }), [{ n: 1 }]);
    const results = await Promise.allSettled([
      link.request(UNKNOWN_OP),
      link.write(statement, { n: 2 }),
      link.batch([{ statement, values: [3] }]),
    ]);
    for (const result of results) {
      ok(result.status === "rejected" && code("unavailable")(result.reason));
      match(result.reason.message, /the SQLite worker died/);
    }
    equal(link.waiting(), 0);
    deepEqual(await link.writeRows(statement, { n: 4 }), [{ n: 4 }]);
    const left = await link.request<ExecutorResult>(
      Op.query,
      "select n from t",
      0,
    );
    deepEqual(left.rows, [{ n: 1 }, { n: 4 }]);
    equal(link.counters.losses, 1);

    await Deno.remove(folder, { recursive: true });
    await rejects(link.request(UNKNOWN_OP), code("unavailable"));
    await rejects(link.write(statement, { n: 5 }), { code: "unavailable", message: /unable to/ });
    await rejects(link.write(statement, { n: 5 }), /could not be opened again/);
    equal(link.waiting(), 0);
  } finally {
    await link.close();
    await Deno.remove(folder, { recursive: true }).catch(() => {});
  }
});

Deno.test("sqlite: a database in memory is not started again empty", async () => {
  const link = createLink({ ...linkOptions, path: ":memory:", restart: false });
  await link.start();
  await rejects(link.request(UNKNOWN_OP), code("unavailable"));
  await rejects(link.request(Op.query, "select 1", 0), /was lost with its worker/);
  await link.close();
});

Deno.test("sqlite: a database in memory serves tests", async () => {
  const store = await openStore({ url: "sqlite::memory:" });
  const { add, count } = await rowTable(store);
  await add.run({ n: 1, text: "" });
  equal((await count.first({}))?.count, 1);
  await store.close();
});
