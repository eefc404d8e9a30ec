import assert from "node:assert/strict";
import { createLog, type Fields, type LogSettings, type LogSink } from "../../lib/log.ts";

const ALL: LogSettings = { level: "debug", format: "human", levels: {} };
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /;

interface Recorder extends LogSink {
  readonly batches: string[];
  /** All lines so far, without their times. */
  lines(): string[];
}

function recorder(): Recorder {
  const batches: string[] = [];
  return {
    batches,
    write: (text) => void batches.push(text),
    writeSync: (text) => void batches.push(text),
    lines: () => batches.join("").split("\n").slice(0, -1).map((line) => line.replace(TIME, "")),
  };
}

/** The one line that one event makes. */
function lineOf(settings: Partial<LogSettings>, message: string, fields?: Fields): string {
  const sink = recorder();
  const log = createLog({ ...ALL, ...settings }, sink);
  log.area("c2s").info(message, fields);
  log.flush();
  assert.equal(sink.batches.length, 1);
  const text = sink.batches[0]!;
  assert.equal(text.indexOf("\n"), text.length - 1, "one line");
  return text.slice(0, -1);
}

Deno.test("log: a line for people", () => {
  const line = lineOf({}, "session bound", {
    jid: "romeo@example.net/orchard",
    sessions: 2,
    tls: true,
    resumed: undefined,
    note: "two words",
    empty: "",
  });
  assert.match(line, TIME);
  assert.equal(
    line.replace(TIME, ""),
    'info  c2s      session bound  jid=romeo@example.net/orchard sessions=2 tls=true note="two words" empty=""',
  );
});

Deno.test("log: a line of JSON", () => {
  const line = lineOf({ format: "json" }, 'say "hi"', { jid: "a@b", n: 1.5, ok: false, x: NaN });
  const { time, ...rest } = JSON.parse(line);
  assert.equal(new Date(time).toISOString(), time);
  assert.deepEqual(rest, {
    level: "info",
    area: "c2s",
    message: 'say "hi"',
    jid: "a@b",
    n: 1.5,
    ok: false,
    x: "NaN",
  });
});

Deno.test("log: a field cannot replace a part of the event", () => {
  const line = lineOf({ format: "json" }, "real", { message: "forged", level: "error" });
  const { message, message_, level, level_ } = JSON.parse(line);
  assert.deepEqual([message, message_, level, level_], ["real", "forged", "info", "error"]);
});

Deno.test("log: no value forges a line, a field or acts on a terminal", () => {
  const evil = [
    "a\n2026-01-01T00:00:00.000Z error c2s forged",
    "a\r\nb",
    "\x1b[2J\x1b]0;title\x07",
    "\x00\x7f\x85\x9b31m",
    "line\u2028separator\u2029",
    "\u202egpj.exe\u2066\u2069\u200f",
    "\ud800 lone \udfff",
    'quote" other="x',
    "back\\slash",
  ];
  const unsafe = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;
  for (const text of evil) {
    for (const format of ["human", "json"] as const) {
      const value = lineOf({ format }, "m", { value: text });
      const message = lineOf({ format }, text, {});
      const name = lineOf({ format }, "m", { [text]: 1 });
      for (const line of [value, message, name]) assert.doesNotMatch(line, unsafe);
      if (format !== "json") continue;
      assert.equal(JSON.parse(value).value, text);
      assert.equal(JSON.parse(message).message, text);
    }
    const line = lineOf({}, "m", { value: text, after: 1 });
    assert.match(line, / {2}value="(?:[^"\\]|\\.)*" after=1$/);
  }
  assert.match(
    lineOf({}, "m", { jid: "жюльетта@пример.example" }),
    /jid="жюльетта@пример\.example"$/,
  );
});

Deno.test("log: long values are cut", () => {
  const long = "x".repeat(10_000);
  const value = lineOf({}, "m", { value: long });
  assert.ok(value.endsWith(`"${"x".repeat(512)}... (10000 characters)"`));
  assert.ok(lineOf({}, long).length < 600);
  assert.equal(JSON.parse(lineOf({ format: "json" }, "m", { value: long })).value.length, 512 + 22);
});

Deno.test("log: what sounds like a secret is masked, what is no primitive is not looked into", () => {
  const fields: Fields = {
    password: "hunter2",
    sasl_payload: "bg==",
    body: "hi",
    access_token: "t",
  };
  for (const format of ["human", "json"] as const) {
    const line = lineOf({ format }, "m", fields);
    assert.doesNotMatch(line, /hunter2|bg==|hi|"t"|=t/);
    assert.match(line, /\*\*\*/);
    const odd = { stanza: { body: "hunter2" } } as unknown as Fields;
    assert.doesNotMatch(lineOf({ format }, "m", odd), /hunter2/);
  }
});

Deno.test("log: levels of all areas and of one, changed while running", () => {
  const sink = recorder();
  const log = createLog({ level: "warn", format: "human", levels: { stream: "debug" } }, sink);
  const c2s = log.area("c2s");
  const stream = log.area("stream");
  const every = () => {
    for (const area of [c2s, stream]) {
      area.debug("1");
      area.info("2");
      area.warn("3");
      area.error("4");
    }
    log.flush();
    const lines = sink.lines().map((line) => line.replace(/ +/g, " "));
    sink.batches.length = 0;
    return lines;
  };
  assert.equal(log.area("c2s"), c2s);
  assert.deepEqual([c2s.debugOn, c2s.infoOn, stream.debugOn, stream.infoOn], [
    false,
    false,
    true,
    true,
  ]);
  assert.deepEqual(every(), [
    "warn c2s 3",
    "error c2s 4",
    "debug stream 1",
    "info stream 2",
    "warn stream 3",
    "error stream 4",
  ]);

  log.configure({ level: "info", format: "json", levels: { stream: "off" } });
  const lines = every().map((line) => JSON.parse(line));
  assert.deepEqual(lines.map(({ level, area }) => [level, area]), [
    ["info", "c2s"],
    ["warn", "c2s"],
    ["error", "c2s"],
  ]);
  assert.equal(log.area("constructor").debugOn, false);
});

Deno.test("log: 64 lines or 50 ms make a batch; an error goes out at once", async () => {
  const sink = recorder();
  const log = createLog(ALL, sink);
  const area = log.area("c2s");
  for (let i = 0; i < 63; i++) area.info("line");
  assert.equal(sink.batches.length, 0);
  area.info("line");
  assert.equal(sink.batches.length, 1);
  assert.equal(sink.lines().length, 64);

  area.info("late");
  assert.equal(sink.batches.length, 1);
  await new Promise((resolve) => setTimeout(resolve, 120));
  assert.equal(sink.batches.length, 2);

  area.info("before");
  area.error("broken");
  assert.equal(sink.batches.length, 3);
  assert.equal(sink.batches[2]!.split("\n").length, 3);
});

Deno.test("log: a slow sink gets one batch at a time; too much is counted, not kept", async () => {
  const texts: string[] = [];
  const waiting: (() => void)[] = [];
  const sink: LogSink = {
    write(text) {
      texts.push(text);
      return new Promise((resolve) => waiting.push(resolve));
    },
    writeSync: () => assert.fail("the process goes on"),
  };
  const log = createLog(ALL, sink);
  const area = log.area("c2s");
  area.error("first");
  const long = "y".repeat(500);
  for (let i = 0; i < 5_000; i++) area.info(long);
  assert.equal(texts.length, 1);
  waiting.shift()!();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(texts.length, 2);
  assert.ok(texts[1]!.length < (1 << 20) + 1_000);
  const kept = texts[1]!.split("\n").length - 2;
  assert.match(texts[1]!, new RegExp(`warn {2}log {6}lines lost.*lines=${5_000 - kept}\n$`));

  area.info("last");
  const closed = log.close();
  waiting.shift()!();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.match(texts[2]!, /last\n$/);
  waiting.shift()!();
  await closed;
});

Deno.test("log: close waits a second for a stuck sink, and a failing one stops nothing", async () => {
  const stuck: LogSink = { write: () => new Promise(() => {}), writeSync: () => {} };
  const log = createLog(ALL, stuck);
  log.area("c2s").error("x");
  const start = performance.now();
  await log.close();
  const took = performance.now() - start;
  assert.ok(took >= 900 && took < 3_000, `${took} ms`);

  const fails: LogSink = {
    write: () => Promise.reject(new Error("broken pipe")),
    writeSync: () => {
      throw new Error("broken pipe");
    },
  };
  const other = createLog(ALL, fails);
  other.area("c2s").error("x");
  other.area("c2s").info("y");
  await other.close();
});

const MODULE = new URL("../../lib/log.ts", import.meta.url).href;

/** Runs a program that has a log on its standard error. */
function program(body: string): Deno.ChildProcess {
  const code = `import { createLog } from ${JSON.stringify(MODULE)};
    const log = createLog({ level: "debug", format: "human", levels: {} });
    const area = log.area("c2s");
    ${body}`;
  const args = ["eval", "--no-lock", "--ext=ts", code];
  return new Deno.Command(Deno.execPath(), {
    args,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

Deno.test("log: nothing is lost at the end of a process, nor does the log keep it alive", async () => {
  const ends = [
    "",
    "Deno.exit(0);",
    "await log.close(); Deno.exit(0);",
    'area.error("more"); Deno.exit(0);',
  ];
  for (const end of ends) {
    const start = performance.now();
    const { code, stderr } = await program(`area.info("the last words"); ${end}`).output();
    assert.equal(code, 0);
    assert.match(new TextDecoder().decode(stderr), /^\S+ info {2}c2s {6}the last words\n/, end);
    assert.ok(performance.now() - start < 20_000);
  }
});

Deno.test("log: a reader that has stopped does not stop the process", async () => {
  const child = program(`
    for (let i = 0; i < 20_000; i++) area.info("x".repeat(200));
    let late = 0;
    for (let i = 0; i < 20; i++) {
      const start = performance.now();
      await new Promise((resolve) => setTimeout(resolve, 5));
      area.info("still here");
      late = Math.max(late, performance.now() - start);
    }
    console.log("alive " + (late < 1_000));
    await log.close();
    Deno.exit(0);
  `);
  // Its standard error is a pipe that nobody reads.
  const out = await new Response(child.stdout).text();
  assert.equal(out, "alive true\n");
  assert.equal((await child.status).code, 0);
  await child.stderr.cancel();
});
