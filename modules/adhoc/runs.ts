/**
 * Commands under way (XEP-0050 §3.3), bounded in number and in time. An id carries a seal, so that one
 * that was ours and is over is told from one that never was, without remembering either.
 */

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { Buffer } from "node:buffer";
import type { Command, CommandContext } from "../../lib/commands.ts";
import type { Field } from "../../lib/formats/form.ts";

/** One execution of a command. */
export interface Run {
  readonly id: string;
  readonly command: Command;
  /** Of the last request: who asks may have become another kind of person in between. */
  context: CommandContext;
  /** Index of the page that was last shown. */
  page: number;
  /** The fields of that page, as they were shown. */
  fields: readonly Field[];
  /** What the pages up to now have given, by page. */
  readonly given: Record<string, unknown>[];
  /** `performance.now()` of the last request. */
  touched: number;
}

export interface RunLimits {
  /** For all people together. */
  readonly sessions: number;
  readonly sessions_per_user: number;
  /** ms without a request. */
  readonly session_timeout: number;
}

export class Runs {
  readonly #limits: RunLimits;
  readonly #key = randomBytes(32);
  /** The one that was longest without a request first. */
  readonly #runs = new Map<string, Run>();

  constructor(limits: RunLimits) {
    this.#limits = limits;
  }

  /**
   * Keeps a new run. The user's oldest goes where there are too many of one user.
   * @returns undefined if there are too many of all users
   */
  open(command: Command, context: CommandContext): Run | undefined {
    this.sweep();
    const own = [...this.#runs.values()].filter((r) => r.context.from.bare === context.from.bare);
    while (own.length >= this.#limits.sessions_per_user) this.#runs.delete(own.shift()!.id);
    if (this.#runs.size >= this.#limits.sessions) return undefined;
    const run: Run = {
      id: this.newId(context),
      command,
      context,
      page: 0,
      fields: [],
      given: [],
      touched: performance.now(),
    };
    this.#runs.set(run.id, run);
    return run;
  }

  /** An id for who asks: unguessable, and nobody else's. */
  newId(context: CommandContext): string {
    const random = randomBytes(16).toString("base64url");
    return `${random}.${this.#seal(random, context).toString("base64url")}`;
  }

  #seal(random: string, { from, to }: CommandContext): Buffer {
    return createHmac("sha256", this.#key).update(`${random} ${to.full} ${from.full}`).digest()
      .subarray(0, 16);
  }

  /** The run of that id of who asks, or why there is none. */
  find(id: string, node: string, context: CommandContext): Run | "expired" | "unknown" {
    this.sweep();
    const [random = "", seal = ""] = id.split(".");
    const ours = this.#seal(random, context);
    const theirs = new TextEncoder().encode(seal);
    const expected = new TextEncoder().encode(ours.toString("base64url"));
    if (theirs.length !== expected.length || !timingSafeEqual(theirs, expected)) return "unknown";
    const run = this.#runs.get(id);
    if (run === undefined) return "expired";
    if (run.command.node !== node) return "unknown";
    this.#runs.delete(id);
    this.#runs.set(id, run);
    run.context = context;
    run.touched = performance.now();
    return run;
  }

  close(run: Run): void {
    this.#runs.delete(run.id);
  }

  /** Takes a run back that was closed. */
  reopen(run: Run): void {
    run.touched = performance.now();
    this.#runs.set(run.id, run);
  }

  /** Forgets what has had its time, and what belongs to commands that are gone. */
  sweep(isThere?: (command: Command) => boolean): void {
    const since = performance.now() - this.#limits.session_timeout;
    for (const run of this.#runs.values()) {
      if (run.touched < since || isThere?.(run.command) === false) this.#runs.delete(run.id);
    }
  }

  /** Forgets what somebody had under way: a session that has ended, or an account. */
  forget(isGone: (context: CommandContext) => boolean): void {
    for (const run of this.#runs.values()) if (isGone(run.context)) this.#runs.delete(run.id);
  }

  get size(): number {
    return this.#runs.size;
  }
}
