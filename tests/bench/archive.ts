/**
 * Archives: what a message costs to be kept, in CPU of the whole process with the database's worker,
 * and how long a page takes of an archive that is large. Run by itself, for it takes a minute:
 *
 *     deno run -A tests/bench/archive.ts [messages in all, 1000000 if not given]
 *
 * Three tenths of the messages are those of one account, the others of a thousand. A second of the
 * archive's time passes with each message.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { ArchiveQuery } from "../../lib/hooks/archive.ts";
import { parseJid } from "../../lib/jid.ts";
import { createLog } from "../../lib/log.ts";
import { openStore } from "../../lib/store/mod.ts";
import { type Archive, openArchive } from "../../modules/mam/archive.ts";
import { firstIdOf } from "../../modules/mam/ids.ts";
import { Pages } from "../../modules/mam/pages.ts";
import { Search } from "../../modules/mam/search.ts";
import { migrations } from "../../modules/mam/tables.ts";

const ACCOUNTS = 1000;
const CONTACTS = 40;
const ROUNDS = 200;
const START = Date.UTC(2022, 0, 1);
const BIG = "user0@example.org";

const WORDS =
  ("time person year way day thing man world life hand part child eye woman place work " +
    "week case point government company number group problem fact").split(" ");

function bodyOf(n: number): string {
  const words = Array.from({ length: 12 }, (_, i) => WORDS[(n * 7 + i * i) % WORDS.length]);
  return `${words.join(" ")} number${n}`;
}

function messageOf(n: number, owner: string, peer: string): string {
  const id = `5f0b6e3a-3d7b-4a52-9c6e-${n.toString(16).padStart(12, "0")}`;
  return `<message type='chat' id='${id}' from='${peer}/phone' to='${owner}'>` +
    `<body>${bodyOf(n)}</body><active xmlns='http://jabber.org/protocol/chatstates'/>` +
    `<request xmlns='urn:xmpp:receipts'/><origin-id xmlns='urn:xmpp:sid:0' id='${id}'/></message>`;
}

function rowOf(n: number, id: number) {
  const owner = n % 10 < 3 ? BIG : `user${1 + (n * 7919) % ACCOUNTS}@example.org`;
  const peer = `contact${(n * 31) % 97 % CONTACTS}@example.net`;
  return {
    host: "example.org",
    owner,
    id,
    peer,
    resource: "phone",
    xml: messageOf(n, owner, peer),
  };
}

async function fill(archive: Archive, count: number): Promise<string[]> {
  const marks: string[] = [];
  const begun = performance.now();
  const cpu = process.cpuUsage();
  let making = 0;
  for (let n = 0; n < count;) {
    const t = performance.now();
    const rows = [];
    for (let i = 0; i < 1000 && n < count; i++, n++) {
      const id = firstIdOf(START + n * 1000);
      rows.push(rowOf(n, id));
      if (n % 10 === 0 && n % 1000 === 0) marks.push(archive.cipher.write(id));
    }
    making += performance.now() - t;
    for (const row of rows) await archive.add(row);
    await archive.drain();
  }
  const used = process.cpuUsage(cpu);
  const us = (used.user + used.system - making * 1000) / count;
  report(`kept, in groups of up to 1000`, `${us.toFixed(1)} us CPU a message`);
  console.error(`filled in ${((performance.now() - begun) / 1000).toFixed(1)} s`);
  return marks;
}

/** Messages that come at a pace, and are grouped as they happen to come. */
async function pace(archive: Archive, from: number, perSecond: number): Promise<void> {
  const seconds = 5;
  const rows = Array.from(
    { length: perSecond * seconds },
    (_, i) => rowOf(from + i, firstIdOf(START + (from + i) * 1000)),
  );
  /** CPU, in us, of the same time with or without the messages. */
  const run = async (each: (n: number) => void) => {
    const cpu = process.cpuUsage();
    const begun = performance.now();
    for (let n = 0; n < rows.length;) {
      const due = Math.min(rows.length, ((performance.now() - begun) * perSecond) / 1000);
      while (n < due) each(n++);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await archive.drain();
    const { user, system } = process.cpuUsage(cpu);
    return user + system;
  };
  const without = await run(() => {});
  const { commits } = archive.store.stats();
  const used = await run((n) => void archive.add(rows[n]!)) - without;
  const perCommit = rows.length / (archive.store.stats().commits - commits);
  report(
    `kept, ${perSecond} a second`,
    `${(used / rows.length).toFixed(1)} us CPU a message, ${perCommit.toFixed(0)} a commit`,
  );
}

async function time(name: string, work: (i: number) => Promise<unknown>, rounds = ROUNDS) {
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const t = performance.now();
    await work(i);
    times.push(performance.now() - t);
  }
  times.sort((a, b) => a - b);
  const at = (p: number) => times[Math.min(times.length - 1, Math.floor(times.length * p))]!;
  report(name, `p50 ${at(0.5).toFixed(2)} ms, p99 ${at(0.99).toFixed(2)} ms`);
}

function report(name: string, figures: string): void {
  console.log(`${name.padEnd(48)} ${figures}`);
}

async function main(count: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "confab-archive-"));
  const url = Deno.env.get("CONFAB_BENCH_STORE") ?? `sqlite:${folder}/archive.db`;
  const store = await openStore({ url });
  try {
    await store.migrate("mam", migrations);
    const log = createLog({ level: "warn", format: "text", levels: {} } as never).area("mam");
    const { archive, close } = await openArchive({ store, log, pledge: () => {} });
    const search = new Search(archive);
    const pages = new Pages(archive, search, { page: 50, max_page: 250, page_bytes: 1 << 20 });
    const marks = await fill(archive, count);
    await pace(archive, count, 500);
    await pace(archive, count + 100_000, 2000);

    const page = { max: 50, after: undefined, before: undefined, index: undefined };
    const mark = (i: number) => marks[(i * 37) % (marks.length - 1)]!;
    const contact = (i: number) => parseJid(`contact${i % CONTACTS}@example.net`)!;
    const ask = (query: ArchiveQuery) => pages.query(BIG, query);
    const last = { ...page, before: "" };
    await time("newest page", () => ask({ page: last }));
    await time("newest page of 250", () => ask({ page: { ...last, max: 250 } }));
    await time("oldest page", () => ask({ page }));
    await time("after an id somewhere", (i) => ask({ page: { ...page, after: mark(i) } }));
    await time("before an id somewhere", (i) => ask({ page: { ...page, before: mark(i) } }));
    await time("newest page with a contact", (i) => ask({ with: contact(i), page: last }));
    await time(
      "with a contact, after an id somewhere",
      (i) => ask({ with: contact(i), page: { ...page, after: mark(i) } }),
    );
    await time("by start and end", (i) => {
      const start = START + (count / 2 + i * 100) * 1000;
      return ask({ start, end: start + 86_400_000, page });
    });
    await time("50 by their ids", (i) => {
      const ids = Array.from({ length: 50 }, (_, n) => marks[(i + n * 13) % marks.length]!);
      return ask({ ids: [...new Set(ids)] });
    });
    await time("newest page of a small archive", (i) => {
      return pages.query(`user${1 + i}@example.org`, { page: last });
    });
    await time("metadata", () => pages.ends(BIG));
    await time("number of all", () => ask({ page: { ...page, max: 0 } }), 50);
    await time("first search of a small archive", (i) => {
      return pages.query(`user${1 + i}@example.org`, { text: "government" });
    }, 50);
    await time("first search of the large archive", () => ask({ text: "number300000" }), 1);
    await time("search, a word that occurs once", (i) => ask({ text: `number${i * 1000}` }));
    await time("search, a frequent word, newest page", (i) => {
      return ask({ text: WORDS[i % WORDS.length]!, page: last });
    });
    await time("search, two frequent words", (i) => {
      return ask({ text: `${WORDS[i % 7]} ${WORDS[7 + i % 5]}`, page: last });
    });
    await close();
    if (url.startsWith("sqlite:")) {
      const { size } = await Deno.stat(`${folder}/archive.db`);
      report("size of the database", `${(size / 1e6).toFixed(0)} MB`);
    }
  } finally {
    await store.close();
    await rm(folder, { recursive: true, force: true });
  }
}

await main(Number(Deno.args[0] ?? 1_000_000));
