import { deepEqual, equal, rejects } from "node:assert/strict";
import { integerType, type Migrations, type Store } from "../../lib/store/mod.ts";
import { storeTests } from "../helpers/stores.ts";

const test = await storeTests();

const table = (name: string): Migrations[string] => ({
  up: (db) => db.schema.createTable(name).addColumn("n", integerType).execute(),
});

async function tablesOf(store: Store): Promise<string[]> {
  const tables = await store.db.introspection.getTables();
  return tables.map((t) => t.name).filter((n) => n !== "confab_migrations").sort();
}

async function recorded(store: Store) {
  return await store.db.selectFrom("confab_migrations").select(["module", "name"])
    .orderBy("module").orderBy("name").execute();
}

test("migrations are applied in order, once, and recorded with their time", async ({ store }) => {
  const calls: string[] = [];
  const step = (name: string): Migrations[string] => ({
    async up(db, dialect) {
      equal(dialect, store.dialect);
      calls.push(name);
      await table(name).up(db, dialect);
    },
  });
  const before = Date.now();
  await store.migrate("roster", { "2": step("a"), "1": step("b") }); // whole numbers sort first
  await store.migrate("roster", { "1": step("b"), "2": step("a"), z: step("z"), y: step("y") });
  await store.migrate("roster", { "1": step("b"), "2": step("a"), z: step("z"), y: step("y") });
  deepEqual(calls, ["b", "a", "z", "y"]);
  deepEqual(await tablesOf(store), ["a", "b", "y", "z"]);
  const row = await store.db.selectFrom("confab_migrations").selectAll()
    .where("name", "=", "z").executeTakeFirstOrThrow();
  equal(row.module, "roster");
  equal(row.applied_at >= before && row.applied_at <= Date.now(), true);
});

test("modules do not share names of migrations", async ({ store }) => {
  await Promise.all([
    store.migrate("a", { "001": table("of_a") }),
    store.migrate("b", { "001": table("of_b") }),
    store.migrate("c", {}),
  ]);
  deepEqual(await tablesOf(store), ["of_a", "of_b"]);
  deepEqual(await recorded(store), [{ module: "a", name: "001" }, { module: "b", name: "001" }]);
});

test("a failing migration leaves nothing of the module's pending ones", async ({ store }) => {
  await store.migrate("m", { "001": table("one") });
  const broken = {
    "001": table("one"),
    "002": table("two"),
    "003": {
      async up() {
        throw new Error("out of luck");
      },
    },
  };
  await rejects(store.migrate("m", broken), {
    name: "StoreError",
    code: "failed",
    message: 'migration "003" of module "m" failed: out of luck',
  });
  deepEqual(await tablesOf(store), ["one"]);
  await rejects(store.migrate("m", { "001": table("one"), "002": table("one") }), {
    code: "failed",
    message: /^migration "002" of module "m" failed: .*already exists/,
  });
  await store.migrate("m", { "001": table("one"), "002": table("two") });
  deepEqual(await tablesOf(store), ["one", "two"]);
});

test("a database of a newer version is refused", async ({ store }) => {
  await store.migrate("m", { "001": table("one"), "002": table("two") });
  await rejects(store.migrate("m", { "001": table("one"), "001b": table("other") }), {
    name: "StoreError",
    code: "newer",
    message: 'the database holds migration "002" of module "m", which this version does not ' +
      "know: it was written by a newer Confab; use that version or restore a backup",
  });
  deepEqual(await tablesOf(store), ["one", "two"]);
});

test("two that start at once migrate once", async ({ open }) => {
  let applied = 0;
  const slow: Migrations = {
    "001": {
      async up(db, dialect) {
        applied++;
        await table("one").up(db, dialect);
        await new Promise((resolve) => setTimeout(resolve, 100));
        await table("two").up(db, dialect);
      },
    },
  };
  const stores = await Promise.all([open(), open(), open()]);
  await Promise.all(stores.map((store) => store.migrate("m", slow)));
  equal(applied, 1);
  deepEqual(await tablesOf(stores[0]!), ["one", "two"]);
});

test("statements prepared before the migrations work after them", async ({ store }) => {
  const add = store.prepare<{ n: number }>((db, p) => db.insertInto("one").values({ n: p("n") }));
  const all = store.prepare<Record<never, never>, Record<string, number>>((db) =>
    db.selectFrom("one").selectAll()
  );
  await store.migrate("m", { "001": table("one") });
  await add.run({ n: 1 });
  deepEqual(await all.all({}), [{ n: 1 }]);
  const wider: Migrations = {
    "001": table("one"),
    "002": {
      up: (db) =>
        db.schema.alterTable("one").addColumn("m", integerType, (c) => c.defaultTo(2)).execute(),
    },
  };
  await store.migrate("m", wider);
  deepEqual(await all.all({}), [{ n: 1, m: 2 }]);
});
