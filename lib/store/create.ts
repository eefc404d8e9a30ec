/** A store from a backend: what is the same for every database. */

import type { Backend } from "./backend.ts";
import { createKysely } from "./kysely.ts";
import { migrate } from "./migrate.ts";
import { type BoundWrite, compileStatement, encode } from "./statement.ts";
import type { Bound, Database, Parameter, Params, Query } from "./store.ts";
import { type SqlValue, type Statement, type Store, StoreError } from "./store.ts";

export function createStore(backend: Backend): Store {
  const db = createKysely(backend.dialect, backend.executor);
  let statements = 0;

  const store: Store = {
    dialect: backend.dialect,
    db,

    prepare<P extends Params, R>(
      build: (db: Database, p: Parameter<P>) => Query,
    ): Statement<P, R> {
      const statement = compileStatement(++statements, db, build as never);
      return {
        all: (params) => backend.rows(statement, params) as Promise<R[]>,
        first: async (params) => (await backend.rows(statement, params))[0] as R | undefined,
        run(params) {
          if (statement.reads) return Promise.reject(readOnly(statement.sql));
          return backend.write(statement, params);
        },
        bind(params) {
          if (statement.reads) throw readOnly(statement.sql);
          const values: SqlValue[] = [];
          encode(statement, params, values);
          const write: BoundWrite = { statement, values };
          return write as unknown as Bound;
        },
      };
    },

    batch(units) {
      if (units.length === 0) return Promise.resolve([]);
      return backend.batch(units as unknown as readonly BoundWrite[]);
    },

    migrate: (module, migrations) => migrate(db, backend.dialect, module, migrations),
    stats: () => backend.stats(),
    ping: () => backend.ping(),
    close: () => backend.close(),
  };
  return store;
}

function readOnly(sql: string): StoreError {
  return new StoreError("failed", `a statement that only reads was used as a write: ${sql}`);
}
