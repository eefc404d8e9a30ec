import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { integerType, openStore, type Store, type StoreError } from "../../lib/store/mod.ts";
import { withPostgres } from "../helpers/postgres.ts";

const cluster = await withPostgres();
Deno.test.afterAll(async () => await cluster?.stop());

const code = (expected: string) => (e: unknown) => (e as StoreError).code === expected;

async function rowTable(store: Store) {
  await store.db.schema.createTable("row")
    .addColumn("n", integerType, (c) => c.primaryKey()).execute();
  return {
    add: store.prepare<{ n: number }>((db, p) => db.insertInto("row").values({ n: p("n") })),
    all: store.prepare<Record<never, never>, { n: number }>((db) =>
      db.selectFrom("row").select("n").orderBy("n")
    ),
  };
}

/** Tries until the store works again; returns how many times it did not. */
async function eventually(attempt: () => Promise<unknown>): Promise<number> {
  for (let failures = 0;; failures++) {
    try {
      await attempt();
      return failures;
    } catch (error) {
      if (failures === 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

if (cluster) {
  Deno.test("postgres: a restarted server is found again", async () => {
    const store = await openStore({ url: await cluster.database() });
    try {
      const { add, all } = await rowTable(store);
      await add.run({ n: 1 });
      await all.all({});
      await cluster.down();
      await cluster.up();
      equal(await eventually(() => all.all({})), 0, "an idle connection that was lost is replaced");
      await Promise.all([add.run({ n: 2 }), add.run({ n: 3 })]);
      ok(store.stats().losses > 0);
      deepEqual(await all.all({}), [{ n: 1 }, { n: 2 }, { n: 3 }]);
    } finally {
      await store.close();
    }
  });

  Deno.test("postgres: without its server everything is refused, and nothing hangs", async () => {
    const store = await openStore({ url: await cluster.database() });
    try {
      const { add, all } = await rowTable(store);
      await cluster.down();
      try {
        const results = await Promise.allSettled([
          add.run({ n: 1 }),
          store.batch([add.bind({ n: 2 }), add.bind({ n: 3 })]),
          all.all({}),
          store.ping(),
          store.migrate("m", {}),
        ]);
        for (const result of results) {
          ok(result.status === "rejected" && code("unavailable")(result.reason));
        }
        equal(store.stats().queued, 0);
      } finally {
        await cluster.up();
      }
      await eventually(() => add.run({ n: 1 }));
      deepEqual(await all.all({}), [{ n: 1 }]);
    } finally {
      await store.close();
    }
  });

  Deno.test("postgres: a server that dies during writes loses nothing it confirmed", async () => {
    const store = await openStore({ url: await cluster.database() });
    try {
      const { add, all } = await rowTable(store);
      const confirmed = new Set<number>();
      let next = 0;
      let running = true;
      const writer = async () => {
        while (running) {
          const n = next++;
          try {
            if (n % 3 === 0) await store.batch([add.bind({ n }), add.bind({ n: -n - 1 })]);
            else await add.run({ n });
            confirmed.add(n);
          } catch (error) {
            ok(code("unavailable")(error), String(error));
            await new Promise((resolve) => setTimeout(resolve, 20));
          }
        }
      };
      const writers = Promise.all(Array.from({ length: 30 }, writer));
      for (let i = 0; i < 3; i++) {
        await new Promise((resolve) => setTimeout(resolve, 200));
        await cluster.down();
        await cluster.up();
      }
      await new Promise((resolve) => setTimeout(resolve, 500));
      running = false;
      await writers;
      const kept = new Set((await all.all({})).map((row) => row.n));
      for (const n of confirmed) ok(kept.has(n), `${n} was confirmed`);
      for (const n of kept) if (n < 0) ok(kept.has(-n - 1), "a batch is whole");
      for (const n of kept) if (n >= 0 && n % 3 === 0) ok(kept.has(-n - 1), "a batch is whole");
      ok(confirmed.size > 100, `${confirmed.size} rows`);
    } finally {
      await store.close();
    }
  });

  Deno.test("postgres: a transaction whose connection is lost reports it", async () => {
    const store = await openStore({ url: await cluster.database(), poolSize: 2 });
    try {
      const { all } = await rowTable(store);
      const lost = store.db.transaction().execute(async (trx) => {
        await trx.insertInto("row").values({ n: 1 }).execute();
        await cluster.down();
        await cluster.up();
        await trx.insertInto("row").values({ n: 2 }).execute();
      });
      await rejects(lost, code("unavailable"));
      await eventually(() => store.ping());
      deepEqual(await all.all({}), []);
      await store.db.transaction().execute((trx) =>
        trx.insertInto("row").values({ n: 3 }).execute()
      );
      deepEqual(await all.all({}), [{ n: 3 }]);
    } finally {
      await store.close();
    }
  });

  Deno.test("postgres: a deadlock costs no write", async () => {
    const url = await cluster.database();
    const store = await openStore({ url });
    const other = await openStore({ url });
    try {
      const { add } = await rowTable(store);
      await store.batch([add.bind({ n: 1 }), add.bind({ n: 2 })]);
      const move = (s: Store) =>
        s.prepare<{ n: number; by: number }>((db, p) =>
          db.updateTable("row").set((e) => ({ n: e("n", "+", p("by")) })).where("n", "=", p("n"))
        );
      const [a, b] = [move(store), move(other)];
      const one = { n: 1, by: 0 };
      const two = { n: 2, by: 0 };
      for (let i = 0; i < 50; i++) {
        await Promise.all([
          store.batch([a.bind(one), a.bind(two), a.bind(one)]),
          other.batch([b.bind(two), b.bind(one), b.bind(two)]),
        ]);
      }
    } finally {
      await store.close();
      await other.close();
    }
  });

  Deno.test("postgres: a Unix socket is reached by its folder", async () => {
    const url = new URL(await cluster.database());
    const local = `postgres://${url.username}@/${url.pathname.slice(1)}` +
      `?host=${encodeURIComponent(cluster.folder)}&port=${url.port}`;
    const store = await openStore({ url: local });
    await store.ping();
    await store.close();
  });

  Deno.test("postgres: a failed opening tells why, without the password", async () => {
    const port = new URL(cluster.url).port;
    const shown = async (url: string, expected: string): Promise<string> => {
      const error = await openStore({ url }).then(() => undefined, (e: StoreError) => e);
      equal(error?.code, expected);
      ok(!/s3cret/.test(`${error.message} ${error.stack} ${Deno.inspect(error)}`));
      return error.message;
    };
    const at = `postgres://confab:s3cret@127.0.0.1`;
    match(await shown(`${at}:${port}/nothing`, "unavailable"), /database "nothing" does not exist/);
    match(await shown(`${at}:1/x`, "unavailable"), /^PostgreSQL at 127.0.0.1:1\/x: .*REFUSED/);
    match(await shown("postgres://confab:s3cret%zz@h:port/x", "failed"), /is not understood/);
  });
}
