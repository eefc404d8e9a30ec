/**
 * Pages of the public rooms of a service, all or those in which words occur.
 *
 * A page of all is read from the index. A search looks at one room after the other, so it is made in
 * steps, between which the database does what others want of it; one search is under way at a time, and
 * few may wait.
 */

import { type RawBuilder, sql } from "kysely";
import type { RoomListing, RoomQuery } from "../../lib/hooks/room_storage.ts";
import { StanzaError } from "../../lib/errors.ts";
import type { Params, Statement, Store } from "../../lib/store/mod.ts";
import { folded } from "./folded.ts";

export interface SearchLimits {
  /** Rooms that one search looks at; what is behind them is not found from where it began. */
  readonly rooms: number;
  /** Searches of a host that wait for another one; more are refused with `resource-constraint`. */
  readonly waiting: number;
}

export const SEARCH_LIMITS: SearchLimits = { rooms: 1_000_000, waiting: 8 };

/** Words of a search that count: the longest ones. */
export const SEARCH_WORDS = 8;

/** Rooms that are looked at without a pause: some ms. */
const STEP = 2000;

/** Behind every node: no character of an address comes so late (RFC 7622). */
const HIGHEST = "\u{10ffff}";
/** Added to a node it is the least text behind that node. */
const LEAST = "\u0001";

type Place = "name" | "description" | "address";
const PLACES: readonly Place[] = ["address", "name", "description"];

/** Rooms come in the order of their nodes, or in the opposite one. */
type Direction = "asc" | "desc";
/** Nodes from `lower` on and before `upper`. */
type Span = { service: string; lower: string; upper: string };
type Row = Omit<RoomListing, "open" | "anonymous"> & { open: number; anonymous: number };

/** Answers a query; the rooms are in ascending order whichever end they were read from. */
export function lists(
  store: Store,
  limits: SearchLimits = SEARCH_LIMITS,
): (service: string, query: RoomQuery) => Promise<RoomListing[]> {
  const columns = ["node", "name", "description", "lang", "open", "anonymous"] as const;
  const pages = { asc: page("asc"), desc: page("desc") };
  const edges = { asc: edge("asc"), desc: edge("desc") };
  const scans = new Map<string, Statement<Params, Row>>();
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;

  function page(direction: Direction) {
    return store.prepare<Span & { limit: number }, Row>((db, p) =>
      db.selectFrom("muc_listed").select(columns).where("service", "=", p("service"))
        .where("node", ">=", p("lower")).where("node", "<", p("upper"))
        .orderBy("node", direction).limit(p("limit"))
    );
  }

  /** The node behind `skip` others. */
  function edge(direction: Direction) {
    return store.prepare<Span & { skip: number }, { node: string }>((db, p) =>
      db.selectFrom("muc_listed").select("node").where("service", "=", p("service"))
        .where("node", ">=", p("lower")).where("node", "<", p("upper"))
        .orderBy("node", direction).limit(1).offset(p("skip"))
    );
  }

  /** The statement for a number of words; parameters `word0`, `address0` and so on. */
  function scan(direction: Direction, words: number, places: readonly Place[]) {
    const key = `${direction} ${words} ${places.join()}`;
    const known = scans.get(key);
    if (known !== undefined) return known;
    const contains = sql.raw(store.dialect === "sqlite" ? "instr" : "strpos");
    const statement = store.prepare<Params, Row>((db, p) => {
      const occurs = (word: number, place: Place): RawBuilder<boolean> =>
        sql<boolean>`${contains}(${sql.ref(`search_${place}`)}, ${
          p(place === "address" ? `address${word}` : `word${word}`)
        }) > 0`;
      let query = db.selectFrom("muc_listed").select(columns).where("service", "=", p("service"))
        .where("node", ">=", p("lower")).where("node", "<", p("upper"));
      for (let word = 0; word < words; word++) {
        const somewhere = places.map((place) => occurs(word, place));
        query = query.where(sql<boolean>`(${sql.join(somewhere, sql` or `)})`);
      }
      return query.orderBy("node", direction).limit(p("limit") as RawBuilder<number>);
    });
    scans.set(key, statement);
    return statement;
  }

  async function search(
    span: Span,
    direction: Direction,
    words: readonly string[],
    places: readonly Place[],
    limit: number,
  ): Promise<Row[]> {
    const statement = scan(direction, words.length, places);
    const sought: Params = {};
    for (const [i, word] of words.entries()) {
      sought[`word${i}`] = word;
      sought[`address${i}`] = nodeIn(word, span.service);
    }
    const found: Row[] = [];
    let { lower, upper } = span;
    for (let seen = 0; seen < limits.rooms; seen += STEP) {
      const rest = { service: span.service, lower, upper };
      const size = Math.min(STEP, limits.rooms - seen);
      // The first node that is not in this step, or downwards the last one that is.
      const skip = direction === "asc" ? size : size - 1;
      const end = (await edges[direction].first({ ...rest, skip }))?.node;
      const step = end === undefined ? {} : direction === "asc" ? { upper: end } : { lower: end };
      const left = limit - found.length;
      found.push(...await statement.all({ ...rest, ...step, ...sought, limit: left }));
      if (end === undefined || found.length >= limit) break;
      if (direction === "asc") lower = end;
      else upper = end;
    }
    return found;
  }

  /** Runs searches one after the other. */
  async function inTurn<T>(task: () => Promise<T>): Promise<T> {
    if (waiting > limits.waiting) {
      throw new StanzaError("resource-constraint", { text: "too many searches are under way" });
    }
    waiting++;
    const done = last.then(task);
    last = done.catch(() => {}); // whoever has asked is told
    try {
      return await done;
    } finally {
      waiting--;
    }
  }

  return async (service, { after, before, limit, words = [], within = PLACES }) => {
    const direction = before === undefined ? "asc" : "desc";
    const lower = after === undefined ? "" : after + LEAST;
    const upper = before === undefined || before === "" ? HIGHEST : before;
    const span = { service, lower, upper };
    const places = PLACES.filter((place) => within.includes(place));
    const sought = wordsIn(words);
    if (sought.length > 0 && places.length === 0) return [];
    const rows = sought.length === 0
      ? await pages[direction].all({ ...span, limit })
      : await inTurn(() => search(span, direction, sought, places, limit));
    if (direction === "desc") rows.reverse();
    return rows.map((row) => ({ ...row, open: row.open === 1, anonymous: row.anonymous === 1 }));
  };
}

/** Distinct words, the longest first: these are the rarest. */
function wordsIn(words: readonly string[]): string[] {
  const distinct = new Set(words.map(folded));
  distinct.delete("");
  return [...distinct].sort((a, b) => b.length - a.length).slice(0, SEARCH_WORDS);
}

/** What to look for in nodes: of a whole address its node, since the domain is the same for all. */
export function nodeIn(word: string, service: string): string {
  const domain = `@${folded(service)}`;
  return word.endsWith(domain) && word !== domain ? word.slice(0, -domain.length) : word;
}
