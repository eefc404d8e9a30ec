/** What a database has to do for `createStore`: the part that differs. */

import type { Dialect, Params, StoreStats, WriteResult } from "./store.ts";
import type { BoundWrite, Compiled } from "./statement.ts";
import type { Executor } from "./kysely.ts";

export type Row = Record<string, unknown>;

export interface Backend {
  readonly dialect: Dialect;
  readonly executor: Executor;
  /** Rows of a read, or of a write with `returning` (then after its commit). */
  rows(statement: Compiled, params: Params): Promise<Row[]>;
  write(statement: Compiled, params: Params): Promise<WriteResult>;
  batch(writes: readonly BoundWrite[]): Promise<WriteResult[]>;
  stats(): StoreStats;
  ping(): Promise<void>;
  close(): Promise<void>;
}
