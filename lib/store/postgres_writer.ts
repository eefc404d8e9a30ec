/** Groups writes: what is issued while a transaction commits goes into the next one, together. */

import { setImmediate } from "node:timers";
import type { Row } from "./backend.ts";
import type { Client } from "./postgres_client.ts";
import { isAftermath, isBroken, isRefusal, isTransient } from "./postgres_errors.ts";
import type { BoundWrite } from "./statement.ts";

/** Failing writes that are taken out of one group before the rest is tried one by one. */
const EXCLUSIONS = 4;
/** How often a group is tried again after a deadlock or a broken connection. */
const RETRIES = 3;

export interface Written {
  readonly rows: Row[];
  readonly count: number | null;
}

/** Writes that are kept together or not at all. */
export interface Unit {
  readonly writes: readonly BoundWrite[];
  resolve(results: Written[]): void;
  reject(error: unknown): void;
}

export interface WriterCounters {
  commits: number;
  rows: number;
  slowestCommitMs: number;
}

/** How the attempt to commit a group ended. */
type Outcome =
  | { readonly kind: "kept"; readonly results: Written[][] }
  /** Nothing was kept, because of this unit. */
  | { readonly kind: "refused"; readonly unit: Unit; readonly error: unknown }
  /** Nothing was kept, because of no unit in particular. */
  | { readonly kind: "undone"; readonly error: unknown; readonly retry: boolean }
  /** Nobody knows. */
  | { readonly kind: "unknown"; readonly error: unknown };

export function createWriter(
  client: Client,
  groupLimit: number,
  counters: WriterCounters,
): (unit: Unit) => void {
  let queue: Unit[] = [];
  let running = false;

  const execute = (by: Pick<Client, "unsafe">, { statement, values }: BoundWrite) =>
    by.unsafe(statement.sql, values as never[], { prepare: true, simple: false } as never);

  function kept(units: readonly Unit[], results: readonly Written[][], start: number): void {
    counters.commits++;
    for (const unit of units) counters.rows += unit.writes.length;
    counters.slowestCommitMs = Math.max(counters.slowestCommitMs, performance.now() - start);
    for (let i = 0; i < units.length; i++) units[i]!.resolve(results[i]!);
  }

  /** A single statement is a transaction by itself, and costs one round trip instead of three. */
  async function attemptStatement(unit: Unit): Promise<Outcome> {
    try {
      const rows = await execute(client, unit.writes[0]!);
      return { kind: "kept", results: [[{ rows: rows as unknown as Row[], count: rows.count }]] };
    } catch (error) {
      if (isTransient(error)) return { kind: "undone", error, retry: true };
      if (isRefusal(error)) return { kind: "refused", unit, error };
      return { kind: "unknown", error };
    }
  }

  async function attemptTransaction(units: readonly Unit[]): Promise<Outcome> {
    const results: Written[][] = units.map(() => []);
    let culprit: Unit | undefined;
    let committing = false;
    try {
      await client.begin((tx) =>
        new Promise<void>((resolve, reject) => {
          let open = 0;
          let failure: unknown;
          const settled = () => {
            if (--open > 0) return;
            if (failure) return reject(failure);
            committing = true;
            resolve();
          };
          for (let i = 0; i < units.length; i++) {
            const unit = units[i]!;
            for (const write of unit.writes) {
              open++;
              execute(tx, write).then((rows) => {
                results[i]!.push({ rows: rows as unknown as Row[], count: rows.count });
                settled();
              }, (error: unknown) => {
                // On a lost connection the driver rejects `begin` itself; were this promise to
                // settle, it would write a rollback to the socket that is gone.
                if (!isRefusal(error)) return;
                if (!failure && !isAftermath(error)) {
                  failure = error;
                  culprit = unit;
                }
                settled();
              });
            }
          }
        })
      );
      return { kind: "kept", results };
    } catch (error) {
      if (isTransient(error)) return { kind: "undone", error, retry: true };
      if (culprit && isRefusal(error)) return { kind: "refused", unit: culprit, error };
      if (isRefusal(error)) return { kind: "undone", error, retry: false };
      if (committing) return { kind: "unknown", error };
      return { kind: "undone", error, retry: isBroken(error) };
    }
  }

  async function commit(units: readonly Unit[]): Promise<void> {
    let rest = units;
    let exclusions = 0;
    let retries = 0;
    while (rest.length > 0) {
      const start = performance.now();
      const single = rest.length === 1 && rest[0]!.writes.length === 1;
      const outcome = single ? await attemptStatement(rest[0]!) : await attemptTransaction(rest);
      if (outcome.kind === "kept") return kept(rest, outcome.results, start);
      if (outcome.kind === "undone" && outcome.retry && retries++ < RETRIES) continue;
      if (outcome.kind === "refused") {
        outcome.unit.reject(outcome.error);
        rest = rest.filter((unit) => unit !== outcome.unit);
        if (++exclusions < EXCLUSIONS) continue;
      } else if (rest.length === 1 || !isRefusal(outcome.error)) {
        for (const unit of rest) unit.reject(outcome.error);
        return;
      }
      // Refused at the commit, or too many bad units: each on its own.
      for (const unit of rest) await commit([unit]);
      return;
    }
  }

  function takeGroup(): Unit[] {
    let rows = 0;
    let end = 0;
    while (end < queue.length && rows < groupLimit) rows += queue[end++]!.writes.length;
    const group = queue.slice(0, end);
    queue = queue.slice(end);
    return group;
  }

  async function run(): Promise<void> {
    while (queue.length > 0) {
      const group = takeGroup();
      try {
        await commit(group);
      } catch (error) {
        for (const unit of group) unit.reject(error);
      }
    }
    running = false;
  }

  return (unit) => {
    queue.push(unit);
    if (running) return;
    running = true;
    setImmediate(run);
  };
}
