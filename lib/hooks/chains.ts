/**
 * A host's handlers, in order, for every hook: DESIGN's "ask, tell, filter" at run time.
 *
 * The synchronous path makes no promise and takes no time stamp except on every 64th call. A handler
 * that throws, or does not answer in time, is counted and named in the log; what that means for the
 * stanza is up to the hook's kind.
 */

import type { Later } from "../later.ts";
import type { Deadlines } from "../deadlines.ts";
import type { LogArea } from "../log.ts";
import { StanzaError, StreamError } from "../errors.ts";
import type { AnyHook, Ask, Drop, Filter, Handler, Tell } from "./hook.ts";
import { declared, DROP } from "./hook.ts";
import type { Order, Ordered } from "./order.ts";
import { inOrder } from "./order.ts";

/** What `confab hooks` shows of a handler. Times are in ms; those of synchronous calls are sampled. */
export interface HandlerStats {
  readonly module: string;
  calls: number;
  /** Calls whose time was taken. */
  timed: number;
  totalMs: number;
  slowestMs: number;
  errors: number;
  timeouts: number;
}

interface Entry extends Ordered, HandlerStats {
  readonly handler: (...args: unknown[]) => unknown;
}

const SAMPLE_MASK = 63;

export class Chains {
  readonly #table: (Entry[] | undefined)[] = [];
  readonly #deadlines: Deadlines;
  readonly #log: LogArea;
  #sequence = 0;

  constructor(deadlines: Deadlines, log: LogArea) {
    this.#deadlines = deadlines;
    this.#log = log;
  }

  /** Adds a handler for a module; the function returned removes it. Throws `OrderCycle`. */
  add<H extends AnyHook>(
    hook: H,
    module: string,
    handler: Handler<H>,
    order: Order = {},
  ): () => void {
    const entry: Entry = {
      ...order,
      module,
      sequence: this.#sequence++,
      handler: handler as Entry["handler"],
      calls: 0,
      timed: 0,
      totalMs: 0,
      slowestMs: 0,
      errors: 0,
      timeouts: 0,
    };
    // A new array each time: a chain that is running right now keeps its own.
    this.#table[hook.index] = inOrder(hook.name, [...this.#table[hook.index] ?? [], entry]);
    return () => {
      const rest = this.#table[hook.index]?.filter((e) => e !== entry);
      this.#table[hook.index] = rest === undefined || rest.length === 0 ? undefined : rest;
    };
  }

  /** True if anybody handles this hook; lets a caller skip work for nobody. */
  has(hook: AnyHook): boolean {
    return this.#table[hook.index] !== undefined;
  }

  /** The first answer, or the hook's fallback. A handler's exception is the caller's. */
  ask<A extends unknown[], R>(hook: Ask<A, R>, ...args: A): Later<R | undefined> {
    const chain = this.#table[hook.index];
    return chain === undefined ? hook.fallback?.(...args) : this.#askFrom(hook, chain, 0, args);
  }

  #askFrom<A extends unknown[], R>(
    hook: Ask<A, R>,
    chain: Entry[],
    start: number,
    args: A,
  ): Later<R | undefined> {
    for (let i = start; i < chain.length; i++) {
      const answer = this.#call(hook, chain[i]!, args) as Later<R | undefined>;
      if (answer instanceof Promise) {
        return answer.then((a) => a === undefined ? this.#askFrom(hook, chain, i + 1, args) : a);
      }
      if (answer !== undefined) return answer;
    }
    return hook.fallback?.(...args);
  }

  /**
   * Tells everybody, one after the other, or without waiting in between where the hook says so. A
   * handler's failure is logged and stops nobody.
   */
  tell<A extends unknown[]>(hook: Tell<A>, ...args: A): Later<void> {
    const chain = this.#table[hook.index];
    if (chain !== undefined) return this.#tellFrom(hook, chain, 0, args);
  }

  #tellFrom<A extends unknown[]>(
    hook: Tell<A>,
    chain: Entry[],
    start: number,
    args: A,
  ): Later<void> {
    let waits: Promise<unknown>[] | undefined;
    for (let i = start; i < chain.length; i++) {
      let done: unknown;
      try {
        done = this.#call(hook, chain[i]!, args);
      } catch {
        continue; // counted and logged
      }
      if (done instanceof Promise) {
        if (hook.together) {
          (waits ??= []).push(done);
          continue;
        }
        const rest = () => this.#tellFrom(hook, chain, i + 1, args);
        return done.then(rest, rest);
      }
    }
    if (waits !== undefined) return Promise.allSettled(waits).then(() => {});
  }

  /** What has become of the value, or {@link DROP}. A handler's exception is the caller's. */
  filter<V, A extends unknown[]>(hook: Filter<V, A>, value: V, ...args: A): Later<V | Drop> {
    const chain = this.#table[hook.index];
    return chain === undefined ? value : this.#filterFrom(hook, chain, 0, value, args);
  }

  #filterFrom<V, A extends unknown[]>(
    hook: Filter<V, A>,
    chain: Entry[],
    start: number,
    value: V,
    args: A,
  ): Later<V | Drop> {
    for (let i = start; i < chain.length; i++) {
      const next = this.#pass(hook, chain[i]!, value, args) as Later<V | Drop | void>;
      if (next instanceof Promise) {
        const before = value;
        return next.then((v) =>
          v === DROP
            ? DROP
            : this.#filterFrom(hook, chain, i + 1, v === undefined ? before : v as V, args)
        );
      }
      if (next === DROP) return DROP;
      if (next !== undefined) value = next as V;
    }
    return value;
  }

  /** One step of a filter: as {@link #call}, without an array for each where that can be had. */
  #pass(hook: AnyHook, entry: Entry, value: unknown, args: unknown[]): unknown {
    if (args.length !== 1 || (entry.calls & SAMPLE_MASK) === 0) {
      return this.#call(hook, entry, [value, ...args]);
    }
    entry.calls++;
    let result: unknown;
    try {
      result = entry.handler(value, args[0]);
    } catch (e) {
      throw this.#failed(hook, entry, e);
    }
    return result instanceof Promise
      ? this.#watched(hook, entry, result, performance.now())
      : result;
  }

  #call(hook: AnyHook, entry: Entry, args: unknown[]): unknown {
    const timed = (entry.calls++ & SAMPLE_MASK) === 0;
    const start = timed ? performance.now() : 0;
    let result: unknown;
    try {
      result = entry.handler(...args);
    } catch (e) {
      throw this.#failed(hook, entry, e);
    }
    if (result instanceof Promise) {
      return this.#watched(hook, entry, result, timed ? start : performance.now());
    }
    if (timed) took(entry, start);
    return result;
  }

  /** The promise of a handler, given up after the hook's timeout. */
  #watched(hook: AnyHook, entry: Entry, result: Promise<unknown>, start: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const deadline = this.#deadlines.after(hook.timeout, () => {
        entry.timeouts++;
        this.#log.error("a hook's handler did not answer in time", {
          hook: hook.name,
          module: entry.module,
          seconds: hook.timeout / 1000,
        });
        reject(new StanzaError("internal-server-error", { type: "wait" }));
      });
      result.then(
        (value) => {
          deadline.cancel();
          took(entry, start);
          resolve(value);
        },
        (e) => {
          deadline.cancel();
          took(entry, start);
          reject(this.#failed(hook, entry, e));
        },
      );
    });
  }

  /** Deliberate refusals pass; anything else is the module's fault, logged under its name. */
  #failed(hook: AnyHook, entry: Entry, e: unknown): unknown {
    if (e instanceof StanzaError || e instanceof StreamError) return e;
    entry.errors++;
    this.#log.error("a hook's handler failed", {
      hook: hook.name,
      module: entry.module,
      error: e instanceof Error ? e.stack ?? e.message : String(e),
    });
    return new StanzaError("internal-server-error");
  }

  /** Every hook with its handlers in order. */
  list(): { hook: AnyHook; handlers: readonly HandlerStats[] }[] {
    return declared.map((hook) => ({ hook, handlers: this.#table[hook.index] ?? [] }));
  }
}

function took(entry: Entry, start: number): void {
  const ms = performance.now() - start;
  entry.timed++;
  entry.totalMs += ms;
  if (ms > entry.slowestMs) entry.slowestMs = ms;
}
