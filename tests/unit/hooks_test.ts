import assert from "node:assert/strict";
import { Deadlines } from "../../lib/deadlines.ts";
import { StanzaError } from "../../lib/errors.ts";
import { Chains } from "../../lib/hooks/chains.ts";
import { ask, DROP, filter, tell } from "../../lib/hooks/hook.ts";
import { OrderCycle } from "../../lib/hooks/order.ts";
import { createLog } from "../../lib/log.ts";

const question = ask<[string], string>("test.question", "a question", { timeout: 300 });
const withFallback = ask<[string], string>("test.fallback", "one with a fallback", {
  fallback: (s) => `nobody knows ${s}`,
});
const event = tell<[string]>("test.event", "an event");
const value = filter<string, [number]>("test.value", "a value");

/** Chains with a log that keeps its lines. */
function setUp() {
  const lines: string[] = [];
  const keep = (text: string) => void lines.push(...text.trimEnd().split("\n"));
  const log = createLog({ level: "debug", format: "human", levels: {} }, {
    write: keep,
    writeSync: keep,
  });
  const deadlines = new Deadlines();
  const chains = new Chains(deadlines, log.area("hooks"));
  return {
    chains,
    done: async () => {
      deadlines.stop();
      await log.close();
      return lines.join("\n");
    },
  };
}

const later = <T>(v: T, ms = 5) => new Promise<T>((resolve) => setTimeout(() => resolve(v), ms));

Deno.test("ask: the first answer wins, later or now, and the rest is not asked", async () => {
  const { chains, done } = setUp();
  const asked: string[] = [];
  chains.add(question, "declines", () => void asked.push("declines"));
  chains.add(question, "declines_later", () => later(undefined));
  chains.add(question, "answers", (s) => later(`${s}!`));
  chains.add(question, "never", () => {
    asked.push("never");
    return "?";
  });
  assert.equal(await chains.ask(question, "well"), "well!");
  assert.deepEqual(asked, ["declines"]);
  await done();
});

Deno.test("ask: with nobody, and with all declining, the fallback holds", async () => {
  const { chains, done } = setUp();
  assert.equal(chains.ask(withFallback, "it"), "nobody knows it");
  assert.equal(chains.ask(question, "it"), undefined);
  chains.add(withFallback, "a", () => undefined);
  assert.equal(chains.ask(withFallback, "it"), "nobody knows it");
  await done();
});

Deno.test("ask: a synchronous chain makes no promise", async () => {
  const { chains, done } = setUp();
  chains.add(question, "a", () => undefined);
  chains.add(question, "b", () => "now");
  assert.equal(chains.ask(question, "x"), "now");
  await done();
});

Deno.test("before and after order three modules; priority the rest", async () => {
  const { chains, done } = setUp();
  const heard: string[] = [];
  const add = (name: string, order = {}) =>
    chains.add(event, name, () => void heard.push(name), order);
  add("late", { priority: -10 });
  add("b", { after: ["a"] });
  add("c", { before: ["b"], after: ["a"] });
  add("a");
  add("early", { priority: 10 });
  await chains.tell(event, "x");
  assert.deepEqual(heard, ["early", "a", "c", "b", "late"]);
  await done();
});

Deno.test("a cycle is refused with the names, and changes nothing", async () => {
  const { chains, done } = setUp();
  chains.add(event, "hen", () => {}, { before: ["egg"] });
  assert.throws(
    () => chains.add(event, "egg", () => {}, { before: ["hen"] }),
    (e) => e instanceof OrderCycle && /hen/.test(e.message) && /egg/.test(e.message),
  );
  const handlers = chains.list().find((l) => l.hook === event)!.handlers;
  assert.deepEqual(handlers.map((h) => h.module), ["hen"]);
  await done();
});

Deno.test("tell: one failure stops nobody, and is logged with the module's name", async () => {
  const { chains, done } = setUp();
  const heard: string[] = [];
  chains.add(event, "broken", () => {
    throw new Error("oh no");
  });
  chains.add(event, "broken_later", () => Promise.reject(new Error("oh no again")));
  chains.add(event, "fine", (s) => void heard.push(s));
  await chains.tell(event, "news");
  assert.deepEqual(heard, ["news"]);
  const log = await done();
  assert.match(log, /module=broken /);
  assert.match(log, /module=broken_later/);
});

Deno.test("filter: values are replaced, left, dropped and refused", async () => {
  const { chains, done } = setUp();
  chains.add(value, "doubles", (v) => v + v);
  chains.add(value, "leaves", () => {});
  chains.add(value, "later", (v, n) => later(`${v}${n}`));
  assert.equal(await chains.filter(value, "a", 7), "aa7");
  const remove = chains.add(value, "drops", () => DROP);
  assert.equal(await chains.filter(value, "a", 7), DROP);
  remove();
  chains.add(value, "refuses", () => {
    throw new StanzaError("not-acceptable");
  });
  await assert.rejects(
    async () => await chains.filter(value, "a", 7),
    (e) => e instanceof StanzaError && e.condition === "not-acceptable",
  );
  assert.doesNotMatch(await done(), /refuses/); // deliberate: no fault to log
});

Deno.test("a handler that throws something else becomes internal-server-error, counted", async () => {
  const { chains, done } = setUp();
  chains.add(question, "broken", () => {
    throw new TypeError("undefined is not a function");
  });
  assert.throws(
    () => chains.ask(question, "x"),
    (e) => e instanceof StanzaError && e.condition === "internal-server-error",
  );
  assert.equal(chains.list().find((l) => l.hook === question)!.handlers[0]!.errors, 1);
  assert.match(await done(), /undefined is not a function/);
});

Deno.test("a handler that never answers is given up, counted and named", async () => {
  const { chains, done } = setUp();
  chains.add(question, "sleepy", () => new Promise<string>(() => {}));
  const start = performance.now();
  await assert.rejects(
    async () => await chains.ask(question, "x"),
    (e) => e instanceof StanzaError && e.condition === "internal-server-error",
  );
  assert.ok(performance.now() - start >= 300);
  assert.equal(chains.list().find((l) => l.hook === question)!.handlers[0]!.timeouts, 1);
  assert.match(await done(), /module=sleepy/);
});

Deno.test("a chain that is running is not disturbed by handlers that come and go", async () => {
  const { chains, done } = setUp();
  const heard: string[] = [];
  const remove = chains.add(event, "first", () => {
    remove();
    chains.add(event, "new", () => void heard.push("new"));
  });
  chains.add(event, "second", () => void heard.push("second"));
  await chains.tell(event, "x");
  assert.deepEqual(heard, ["second"]);
  await chains.tell(event, "x");
  assert.deepEqual(heard, ["second", "second", "new"]);
  await done();
});

const loading = tell<[string[]]>("test.loading", "an event whose handlers load", {
  together: true,
});

Deno.test("tell: handlers of a hook that says so do not wait for each other, the teller for all", async () => {
  const { chains, done } = setUp();
  for (const name of ["a", "b"]) {
    chains.add(loading, name, async (heard) => {
      heard.push(`${name} begins`);
      await later(undefined);
      heard.push(`${name} is done`);
    });
  }
  chains.add(loading, "broken", () => Promise.reject(new Error("oh no")));
  const heard: string[] = [];
  await chains.tell(loading, heard);
  assert.deepEqual(heard, ["a begins", "b begins", "a is done", "b is done"]);
  assert.match(await done(), /module=broken/);
});
