/**
 * Slows down and stops the guessing of passwords.
 *
 * Failures are counted per address, per account, and per pair of both, over a sliding window.
 *
 * - The answer to a *failed* attempt is delayed by the worst of the three counts. Somebody with the
 *   right password never waits, so a flood of wrong ones for an account does not hurt its owner.
 * - Only an *address* is ever refused outright, beyond `blockAfter` failures in the window, and only
 *   until these have aged. An account as such is never refused: whoever attacks it from elsewhere
 *   cannot lock its owner out. The price is that a distributed attack is slowed by the delays alone.
 * - A success forgives what this address failed for this account (typing errors), and nothing else:
 *   logging in to an account of one's own does not buy guesses at others.
 *
 * IPv6 addresses count by /64, the least that one customer has.
 */

import { hash } from "node:crypto";
import { isIP } from "node:net";

/** Limits of the throttle. */
export interface ThrottleOptions {
  /** Failures that are answered at once. Default 3. */
  readonly freeAttempts?: number;
  /** Delay of the first failure after these, in ms; each further one doubles it. Default 500. */
  readonly baseDelayMs?: number;
  /** Longest delay, in ms. Default 10000. */
  readonly maxDelayMs?: number;
  /** How long a failure counts, in seconds. Default 600. */
  readonly windowSeconds?: number;
  /** Failures in the window after which an address is refused. Default 30. */
  readonly blockAfter?: number;
  /** Addresses, accounts and pairs remembered at most, each. Default 20000. */
  readonly maxEntries?: number;
  /** Now, in ms. Default: the monotonic clock. */
  readonly clock?: () => number;
}

/** Counts of failed logins and what follows from them. */
export interface Throttle {
  /** How long to wait before answering a failure already counted, in ms. */
  delay(account: string, address: string): number;
  /** True if no more attempts are taken from this address for now: close with `policy-violation`. */
  blocked(address: string): boolean;
  /** Counts a failed attempt. */
  failed(account: string, address: string): void;
  /** Forgives the failures of this address for this account. */
  succeeded(account: string, address: string): void;
  /** Keys in memory now, for metrics and tests. */
  size(): number;
}

/** Makes a throttle, empty. */
export function makeThrottle(options: ThrottleOptions = {}): Throttle {
  const free = options.freeAttempts ?? 3;
  const baseDelay = options.baseDelayMs ?? 500;
  const maxDelay = options.maxDelayMs ?? 10_000;
  const blockAfter = options.blockAfter ?? 30;
  const maxEntries = options.maxEntries ?? 20_000;
  const windowMs = (options.windowSeconds ?? 600) * 1000;
  const clock = options.clock ?? (() => performance.now());
  const addresses = makeCounter(windowMs, maxEntries, clock);
  const accounts = makeCounter(windowMs, maxEntries, clock);
  const pairs = makeCounter(windowMs, maxEntries, clock);
  return {
    delay(account, address) {
      const where = addressKey(address);
      const who = shortKey(account);
      const count = Math.max(
        addresses.count(where),
        accounts.count(who),
        pairs.count(pairKey(who, where)),
      );
      const over = Math.floor(count) - free;
      return over <= 0 ? 0 : Math.min(maxDelay, baseDelay * 2 ** Math.min(over - 1, 30));
    },
    blocked: (address) => addresses.count(addressKey(address)) >= blockAfter,
    failed(account, address) {
      const where = addressKey(address);
      const who = shortKey(account);
      addresses.add(where);
      accounts.add(who);
      pairs.add(pairKey(who, where));
    },
    succeeded(account, address) {
      const where = addressKey(address);
      const who = shortKey(account);
      const [recent, older] = pairs.forget(pairKey(who, where));
      addresses.subtract(where, recent, older);
      accounts.subtract(who, recent, older);
    },
    size: () => addresses.size() + accounts.size() + pairs.size(),
  };
}

interface Counter {
  add(key: string): void;
  /** Failures in the sliding window; a fraction, since those of the older half are weighted. */
  count(key: string): number;
  subtract(key: string, recent: number, older: number): void;
  /** Removes a key and returns what each generation held. */
  forget(key: string): [recent: number, older: number];
  size(): number;
}

/**
 * Counts in two generations, each a window long. The older one fades as the newer one fills, so no
 * entry has a timer or a time of its own.
 */
function makeCounter(windowMs: number, maxEntries: number, clock: () => number): Counter {
  const limit = Math.max(1, Math.floor(maxEntries / 2));
  let recent = new Map<string, number>();
  let older = new Map<string, number>();
  let begun = clock();

  function turn(): number {
    const age = clock() - begun;
    if (age < windowMs) return age;
    older = age < 2 * windowMs ? recent : new Map();
    recent = new Map();
    begun += Math.floor(age / windowMs) * windowMs;
    return clock() - begun;
  }

  return {
    add(key) {
      turn();
      const count = recent.get(key);
      if (count === undefined && recent.size >= limit) evict(recent);
      recent.set(key, (count ?? 0) + 1);
    },
    count(key) {
      const age = turn();
      const past = older.get(key);
      const now = recent.get(key) ?? 0;
      return past === undefined ? now : now + past * (1 - age / windowMs);
    },
    subtract(key, newCount, oldCount) {
      lower(recent, key, newCount);
      lower(older, key, oldCount);
    },
    forget(key) {
      turn();
      const counts: [number, number] = [recent.get(key) ?? 0, older.get(key) ?? 0];
      recent.delete(key);
      older.delete(key);
      return counts;
    },
    size: () => recent.size + older.size,
  };
}

function lower(map: Map<string, number>, key: string, by: number): void {
  const count = map.get(key);
  if (count === undefined || by === 0) return;
  if (count > by) map.set(key, count - by);
  else map.delete(key);
}

/** How many of the oldest entries are looked at to find one to give up. */
const SAMPLE = 8;

/**
 * Gives up the entry with the least failures among the oldest few, so that a flood of addresses
 * that fail once each does not wash out those that fail often.
 */
function evict(map: Map<string, number>): void {
  let least: string | undefined;
  let leastCount = Infinity;
  const kept: [string, number][] = [];
  let seen = 0;
  for (const entry of map) {
    if (entry[1] < leastCount) {
      least = entry[0];
      leastCount = entry[1];
    }
    kept.push(entry);
    if (++seen === SAMPLE) break;
  }
  if (least === undefined) return;
  map.delete(least);
  // Those spared go to the young end, else the same few would be looked at for ever.
  for (const [key, count] of kept) {
    if (key === least || count <= 1) continue;
    map.delete(key);
    map.set(key, count);
  }
}

/** Longest key kept as it is; what is longer is replaced by a digest, so that memory is bounded. */
const MAX_KEY = 64;

function shortKey(key: string): string {
  return key.length <= MAX_KEY ? key : hash("sha256", key, "base64");
}

function pairKey(account: string, address: string): string {
  return `${account} ${address}`;
}

/** The address itself for IPv4, the /64 for IPv6; what is neither is taken as it is. */
export function addressKey(address: string): string {
  const zone = address.indexOf("%");
  const bare = zone < 0 ? address : address.slice(0, zone);
  if (isIP(bare) !== 6) return shortKey(address);
  const mapped = /^(?:0{0,4}:){1,6}?:?ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare);
  if (mapped !== null) return mapped[1]!;
  const [head, tail] = bare.split("::") as [string, string?];
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const rest = tail === "" ? 0 : tail.split(":").length + (tail.includes(".") ? 1 : 0);
    while (groups.length + rest < 8) groups.push("0");
  }
  return groups.slice(0, 4).map((group) => parseInt(group || "0", 16).toString(16)).join(":") +
    "::/64";
}
