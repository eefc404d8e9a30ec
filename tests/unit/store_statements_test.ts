import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { sql } from "kysely";
import {
  binaryType,
  idColumn,
  integerType,
  type Store,
  type StoreError,
  textType,
} from "../../lib/store/mod.ts";
import { storeTests } from "../helpers/stores.ts";

const test = await storeTests();

type Item = { name: string; n: number | null; data: Uint8Array | null };

/** Creates a table `item` and the statements the tests use. */
async function items(store: Store) {
  await idColumn(store.db.schema.createTable("item"), store.dialect)
    .addColumn("name", textType(store.dialect), (c) => c.notNull().unique())
    .addColumn("n", integerType)
    .addColumn("data", binaryType(store.dialect))
    .execute();
  const values = { name: "", n: null, data: null };
  const add = store.prepare<Item>((db, p) =>
    db.insertInto("item").values({ name: p("name"), n: p("n"), data: p("data") })
  );
  return {
    add,
    put: (name: string, n: number | null = null) => add.run({ ...values, name, n }),
    bind: (name: string, n: number | null = null) => add.bind({ ...values, name, n }),
    get: store.prepare<{ name: string }, Item & { id: number }>((db, p) =>
      db.selectFrom("item").selectAll().where("name", "=", p("name"))
    ),
    names: store.prepare<Record<never, never>, { name: string }>((db) =>
      db.selectFrom("item").select("name").orderBy("id")
    ),
    set: store.prepare<{ name: string; n: number }>((db, p) =>
      db.updateTable("item").set({ n: p("n") }).where("name", "=", p("name"))
    ),
  };
}

const code = (expected: string) => (e: unknown) => (e as StoreError).code === expected;
const nameOf = (row: { name: string }) => row.name;

test("values come back as they went in", async ({ store }) => {
  const { add, get } = await items(store);
  const view = new Uint8Array([9, 0, 255, 9]).subarray(1, 3);
  const row = { name: "Zoë \u{1F600} '\";--", n: 2 ** 53 - 1, data: view };
  await add.run(row);
  await add.run({ name: "none", n: null, data: null });
  await add.run({ name: "", n: -(2 ** 53) + 1, data: new Uint8Array(0) });
  deepEqual(await get.first({ name: row.name }), {
    id: 1,
    name: row.name,
    n: 2 ** 53 - 1,
    data: new Uint8Array([0, 255]),
  });
  deepEqual(await get.first({ name: "none" }), { id: 2, name: "none", n: null, data: null });
  deepEqual(await get.all({ name: "" }), [
    { id: 3, name: "", n: -(2 ** 53) + 1, data: new Uint8Array(0) },
  ]);
  equal(await get.first({ name: "nobody" }), undefined);
  deepEqual(await get.all({ name: "nobody" }), []);
});

test("binary values are taken when the call is made", async ({ store }) => {
  const { add, get } = await items(store);
  const data = new Uint8Array([1]);
  const run = add.run({ name: "run", n: 0, data });
  const unit = store.batch([add.bind({ name: "bound", n: 0, data })]);
  data[0] = 2;
  await Promise.all([run, unit]);
  deepEqual((await get.first({ name: "run" }))?.data, new Uint8Array([1]));
  deepEqual((await get.first({ name: "bound" }))?.data, new Uint8Array([1]));
});

test("a write tells how many rows it changed", async ({ store }) => {
  const { put, set } = await items(store);
  deepEqual(await put("a"), { changes: 1 });
  deepEqual(await set.run({ name: "a", n: 1 }), { changes: 1 });
  deepEqual(await set.run({ name: "nobody", n: 1 }), { changes: 0 });
  await put("b");
  const clear = store.prepare((db) => db.deleteFrom("item"));
  deepEqual(await clear.run({}), { changes: 2 });
});

test("inserting what is there can update it or do nothing", async ({ store }) => {
  const { get } = await items(store);
  type P = { name: string; n: number };
  const upsert = store.prepare<P>((db, p) =>
    db.insertInto("item").values({ name: p("name"), n: p("n") })
      .onConflict((c) => c.column("name").doUpdateSet({ n: p("n") }))
  );
  const keep = store.prepare<P>((db, p) =>
    db.insertInto("item").values({ name: p("name"), n: p("n") })
      .onConflict((c) => c.column("name").doNothing())
  );
  deepEqual(await upsert.run({ name: "a", n: 1 }), { changes: 1 });
  deepEqual(await upsert.run({ name: "a", n: 2 }), { changes: 1 });
  deepEqual(await keep.run({ name: "a", n: 3 }), { changes: 0 });
  equal((await get.first({ name: "a" }))?.n, 2);
});

test("a write can return rows", async ({ store }) => {
  await items(store);
  const add = store.prepare<{ name: string }, { id: number; name: string }>((db, p) =>
    db.insertInto("item").values({ name: p("name"), n: 7 }).returning(["id", "name"])
  );
  deepEqual(await add.first({ name: "a" }), { id: 1, name: "a" });
  deepEqual(await add.all({ name: "b" }), [{ id: 2, name: "b" }]);
  deepEqual(await add.run({ name: "c" }), { changes: 1 });
  const take = store.prepare<{ n: number }, { name: string }>((db, p) =>
    db.deleteFrom("item").where("n", "=", p("n")).returning("name")
  );
  deepEqual((await take.all({ n: 7 })).map(nameOf).sort(), ["a", "b", "c"]);
  equal(await take.first({ n: 7 }), undefined);
  equal((await add.first({ name: "d" }))?.id, 4, "a key is never given twice");
});

test("a failing write fails alone among the others of its group", async ({ store }) => {
  const { put, names } = await items(store);
  await put("a");
  const before = store.stats().commits;
  const results = await Promise.allSettled([put("b"), put("a"), put("c"), put("b"), put("d")]);
  deepEqual(results.map((r) => r.status === "fulfilled" || (r.reason as StoreError).code), [
    true,
    "constraint",
    true,
    "constraint",
    true,
  ]);
  equal(store.stats().commits, before + 1);
  deepEqual((await names.all({})).map(nameOf), ["a", "b", "c", "d"]);
});

test("many failing writes do not fail the others", async ({ store }) => {
  const { put, bind, names } = await items(store);
  await put("bad");
  const all = Array.from({ length: 60 }, (_, i) => {
    if (i % 3 === 0) return put("bad");
    return i % 3 === 1 ? put(`good ${i}`) : store.batch([bind(`x ${i}`), bind(`y ${i}`)]);
  });
  const results = await Promise.allSettled(all);
  equal(results.filter((r) => r.status === "rejected").length, 20);
  equal((await names.all({})).length, 1 + 20 + 40);
});

test("a batch is kept as a whole or not at all", async ({ store }) => {
  const { put, bind, set, names } = await items(store);
  const [first, bad, last] = await Promise.allSettled([
    store.batch([bind("a"), bind("b"), set.bind({ name: "nobody", n: 1 })]),
    store.batch([bind("c"), bind("a"), bind("d")]),
    store.batch([bind("e"), set.bind({ name: "e", n: 5 })]),
    put("f"),
  ]);
  deepEqual(first, {
    status: "fulfilled",
    value: [{ changes: 1 }, { changes: 1 }, { changes: 0 }],
  });
  ok(bad.status === "rejected" && code("constraint")(bad.reason));
  deepEqual(last, { status: "fulfilled", value: [{ changes: 1 }, { changes: 1 }] });
  deepEqual((await names.all({})).map(nameOf), ["a", "b", "e", "f"]);
  deepEqual(await store.batch([]), []);
  deepEqual(await store.batch([bind("g")]), [{ changes: 1 }]);
  await rejects(store.batch([bind("h"), bind("g")]), code("constraint"));
  equal((await names.all({})).length, 5);
});

test("a read sees every write that was awaited", async ({ store }) => {
  const { put, get } = await items(store);
  await Promise.all(Array.from({ length: 20 }, async (_, who) => {
    for (let i = 0; i < 20; i++) {
      await put(`${who} ${i}`, i);
      equal((await get.first({ name: `${who} ${i}` }))?.n, i);
    }
  }));
});

test("writes are executed in the order in which they were issued", async ({ store }) => {
  const { put, set, get, bind } = await items(store);
  const waiting: Promise<unknown>[] = [put("a"), store.batch([bind("b"), bind("c")])];
  for (let n = 0; n <= 500; n++) waiting.push(set.run({ name: n % 2 ? "a" : "b", n }));
  await Promise.all(waiting);
  equal((await get.first({ name: "a" }))?.n, 499);
  equal((await get.first({ name: "b" }))?.n, 500);
});

test("a group has a bound", async ({ store }) => {
  const { put, names } = await items(store);
  await Promise.all(Array.from({ length: 450 }, (_, i) => put(`${i}`)));
  const { commits, rows, rowsPerCommit, slowestCommitMs, queued } = store.stats();
  ok(commits >= 45 && commits < 100, `${commits} commits`);
  equal(rows, 450);
  equal(rowsPerCommit, rows / commits);
  ok(slowestCommitMs > 0);
  equal(queued, 0);
  deepEqual((await names.all({})).map(nameOf), Array.from({ length: 450 }, (_, i) => `${i}`));
}, { groupLimit: 10 });

test("more requests than may wait are refused", async ({ store }) => {
  const { put, names, bind } = await items(store);
  const results = await Promise.allSettled([
    ...Array.from({ length: 25 }, (_, i) => put(`${i}`)),
    names.all({}),
    store.batch([bind("x")]),
    store.ping(),
  ]);
  const refused = results.filter((r) => r.status === "rejected");
  equal(refused.length, 8);
  ok(refused.every((r) => code("busy")(r.reason)));
  equal(store.stats().failures, 8);
  equal((await names.all({})).length, 20);
}, { queueLimit: 20 });

test("wrong use is refused with what is wrong", async ({ store }) => {
  const { add, get } = await items(store);
  const wrong = (value: unknown) => ({ name: value, n: null, data: null }) as unknown as Item;
  const missing = { code: "failed", message: /parameter "name" is undefined, not an SQL value/ };
  await rejects(add.run(wrong(undefined)), missing);
  await rejects(add.all(wrong(true)), /parameter "name" is boolean/);
  throws(() => add.bind(wrong({})), /parameter "name" is object/);
  await rejects(get.all({} as { name: string }), missing);
  await rejects(get.run({ name: "a" }), /only reads was used as a write/);
  throws(() => get.bind({ name: "a" }), /only reads was used as a write/);
  equal(store.stats().queued, 0);
});

test("a statement may be prepared before its table exists", async ({ store }) => {
  const early = store.prepare<{ n: number }, { n: number }>((db, p) =>
    db.selectFrom("late").selectAll().where("n", ">=", p("n"))
  );
  const write = store.prepare<{ n: number }>((db, p) =>
    db.insertInto("late").values({ n: p("n") })
  );
  await rejects(early.all({ n: 0 }), code("failed"));
  await rejects(write.run({ n: 0 }), code("failed"));
  await store.db.schema.createTable("late").addColumn("n", integerType).execute();
  await write.run({ n: 1 });
  deepEqual(await early.all({ n: 0 }), [{ n: 1 }]);
  await store.db.schema.alterTable("late")
    .addColumn("m", integerType, (c) => c.defaultTo(5)).execute();
  deepEqual(await early.all({ n: 0 }), [{ n: 1, m: 5 }]);
  await write.run({ n: 2 });
});

test("text sorts and compares by code point", async ({ store }) => {
  const { put } = await items(store);
  for (const name of ["é", "b", "B", "a", "Z", "_"]) await put(name);
  const sorted = store.prepare<{ from: string }, { name: string }>((db, p) =>
    db.selectFrom("item").select("name").where("name", ">", p("from")).orderBy("name")
  );
  deepEqual((await sorted.all({ from: "A" })).map(nameOf), ["B", "Z", "_", "a", "b", "é"]);
});

test("counts, sums, constants and limits are numbers", async ({ store }) => {
  const { put } = await items(store);
  for (let n = 1; n <= 5; n++) await put(`${n}`, n);
  const total = store.prepare<{ from: number }, Record<string, number>>((db, p) =>
    db.selectFrom("item").where("n", ">=", p("from")).select((e) => [
      e.fn.countAll().as("count"),
      e.fn.sum("n").as("sum"),
      e.fn.max("n").as("max"),
      e.exists(e.selectFrom("item").select("id").where("n", "=", 5)).as("five"),
    ])
  );
  deepEqual(await total.first({ from: 2 }), { count: 4, sum: 14, max: 5, five: 1 });
  type Page = { after: number; limit: number };
  const page = store.prepare<Page, { n: number }>((db, p) =>
    db.selectFrom("item").select("n").where("n", ">", p("after")).where("n", "!=", 3)
      .orderBy("n").limit(p("limit"))
  );
  deepEqual(await page.all({ after: 1, limit: 2 }), [{ n: 2 }, { n: 4 }]);
});

test("Kysely works for what is rare", async ({ store }) => {
  await items(store);
  const inserted = await store.db.insertInto("item")
    .values([{ name: "a", n: 1 }, { name: "b", n: 2 }]).executeTakeFirst();
  equal(inserted.numInsertedOrUpdatedRows, 2n);
  deepEqual(await store.db.selectFrom("item").select(["name", "n"]).orderBy("n").execute(), [
    { name: "a", n: 1 },
    { name: "b", n: 2 },
  ]);
  const { rows } = await sql<{ one: number }>`select 1 as one`.execute(store.db);
  deepEqual(rows, [{ one: 1 }]);
  await rejects(store.db.selectFrom("nothing").selectAll().execute(), code("failed"));
  const tables = await store.db.introspection.getTables();
  ok(tables.some((t) => t.name === "item"));
});

test("a transaction of Kysely is kept or undone", async ({ store }) => {
  const { put, names } = await items(store);
  const pending: Promise<unknown>[] = [];
  await store.db.transaction().execute(async (trx) => {
    await trx.insertInto("item").values({ name: "a" }).execute();
    pending.push(put("from outside")); // must not become part of the transaction
    await trx.insertInto("item").values({ name: "b" }).execute();
  });
  await Promise.all(pending);
  await rejects(
    store.db.transaction().execute(async (trx) => {
      await trx.insertInto("item").values({ name: "c" }).execute();
      pending.push(put("from outside too"));
      throw new Error("no");
    }),
    /^Error: no$/,
  );
  await Promise.all(pending);
  await rejects(
    store.db.transaction().execute(async (trx) => {
      await trx.insertInto("item").values({ name: "d" }).execute();
      await trx.insertInto("item").values({ name: "a" }).execute();
    }),
    code("constraint"),
  );
  const kept = (await names.all({})).map(nameOf).sort();
  deepEqual(kept, ["a", "b", "from outside", "from outside too"]);
});

test("two transactions of Kysely wait for each other", async ({ store }) => {
  const { put, get } = await items(store);
  await put("a", 0);
  const increment = () =>
    store.db.transaction().execute(async (trx) => {
      const row = await trx.selectFrom("item").select("n").where("name", "=", "a")
        .$if(store.dialect === "postgres", (q) => q.forUpdate()).executeTakeFirstOrThrow();
      await trx.updateTable("item").set({ n: row.n + 1 }).where("name", "=", "a").execute();
    });
  await Promise.all([increment(), increment(), increment()]);
  equal((await get.first({ name: "a" }))?.n, 3);
});

test(
  "a transaction that does nothing is rolled back, and nobody waits for ever",
  async ({ store }) => {
    const { put, names } = await items(store);
    const stuck = store.db.transaction().execute(async (trx) => {
      await trx.insertInto("item").values({ name: "a" }).execute();
      await put("a"); // waits for the transaction, which waits for it
      await trx.insertInto("item").values({ name: "b" }).execute();
    });
    await rejects(stuck, (e: StoreError) => e.code === "failed" || e.code === "unavailable");
    deepEqual((await names.all({})).map(nameOf), ["a"]);
    await store.db.transaction().execute((trx) =>
      trx.insertInto("item").values({ name: "c" }).execute()
    );
  },
  { transactionIdleMs: 200 },
);

test("closing finishes what was issued and refuses the rest", async ({ store, open }) => {
  const { put, names } = await items(store);
  const issued = Promise.all(Array.from({ length: 100 }, (_, i) => put(`${i}`)));
  const closed = store.close();
  await rejects(put("late"), code("closed"));
  await rejects(names.all({}), code("closed"));
  await rejects(store.ping(), code("closed"));
  await rejects(store.db.selectFrom("item").selectAll().execute(), code("closed"));
  await issued;
  await closed;
  await store.close();
  const again = await open();
  equal((await again.db.selectFrom("item").selectAll().execute()).length, 100);
  await again.ping();
});
