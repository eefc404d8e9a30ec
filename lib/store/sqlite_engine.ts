/** Executes the requests of a message, grouping writes in transactions. Runs in the worker. */

import type { DatabaseSync } from "node:sqlite";
import { type ArrayStatement, describe, prepareArrays } from "./sqlite_open.ts";
import { endOfRequest, HEADER, Op, Reply } from "./sqlite_protocol.ts";
import type { WorkerStart } from "./sqlite_protocol.ts";
import type { SqlValue } from "./store.ts";

type Message = readonly unknown[];

interface Prepared {
  readonly sql: string;
  readonly arity: number;
  statement: ArrayStatement | undefined;
}

/** Values in a message of replies past which it is sent, so that a flood of reads has a bound. */
const REPLY_LIMIT = 50_000;

const CHANGES_NO_SCHEMA = /^\s*(select|insert|update|delete|with|values|explain)\b/i;

export interface Engine {
  handle(message: Message): void;
  /** Commits what is open and sends the replies. To be called when no message is left. */
  settle(): void;
}

/** @param post sends a message of replies. @param closed is called after `Op.close`. */
export function createEngine(
  db: DatabaseSync,
  limits: Pick<WorkerStart, "groupLimit" | "transactionIdleMs">,
  post: (replies: unknown[]) => void,
  closed: () => void,
): Engine {
  const prepared: (Prepared | undefined)[] = [];
  const begin = db.prepare("begin immediate");
  const commit = db.prepare("commit");
  const savepoint = db.prepare("savepoint unit");
  const release = db.prepare("release unit");
  const arityOf = (number: number) => prepared[number]!.arity;

  let out: unknown[] = [0, 0, 0];
  let definitions: unknown[] = [];
  let commits = 0;
  let committed = 0;
  let slowest = 0;

  // The open group: its replies are out[mark..], and are true only once it is committed.
  let grouping = false;
  let mark = HEADER;
  let rows = 0;
  let ids: number[] = [];
  /** Why no group could be opened: for all writes at hand, so that not each waits for the lock. */
  let refusal: unknown;

  let session = 0;
  let idle: ReturnType<typeof setTimeout> | undefined;
  let held: Message[] = [];

  function send(): void {
    if (out.length === HEADER && definitions.length === 0) return;
    out[0] = commits;
    out[1] = committed;
    out[2] = slowest;
    if (definitions.length > 0) {
      out = out.slice(0, HEADER).concat(definitions, out.slice(HEADER));
      definitions = [];
    }
    post(out);
    out = [0, 0, 0];
    commits = committed = slowest = 0;
  }

  function fail(id: number, error: unknown): void {
    const { code, message } = describe(error);
    out.push(id, Reply.error, code, message);
  }

  function openGroup(): void {
    if (grouping) return;
    // What was read so far owes nothing to the writes to come: it need not wait for their commit.
    send();
    if (refusal) throw refusal;
    try {
      begin.run();
    } catch (error) {
      refusal = error;
      throw error;
    }
    grouping = true;
    mark = out.length;
    rows = 0;
  }

  function endGroup(): void {
    grouping = false;
    ids = [];
  }

  /** The transaction is gone: everything answered in it was not kept, or saw what was not kept. */
  function loseGroup(error: unknown): void {
    if (db.isTransaction) db.exec("rollback");
    out.length = mark;
    for (const id of ids) fail(id, error);
    endGroup();
  }

  function commitGroup(): void {
    if (!grouping) return;
    const start = performance.now();
    try {
      commit.run();
    } catch (error) {
      loseGroup(error);
      return;
    }
    const took = performance.now() - start;
    if (took > slowest) slowest = took;
    commits++;
    committed += rows;
    endGroup();
  }

  function settle(): void {
    commitGroup();
    refusal = undefined;
    send();
  }

  function statementOf(number: number): ArrayStatement {
    const p = prepared[number]!;
    if (p.statement) return p.statement;
    const statement = prepareArrays(db, p.sql);
    const { columns } = statement;
    definitions.push(number, Reply.columns, columns.length, ...columns);
    return p.statement = statement;
  }

  function forgetStatements(): void {
    for (const p of prepared) if (p) p.statement = undefined;
  }

  function valuesAt(message: Message, at: number, count: number): SqlValue[] {
    return message.slice(at, at + count) as SqlValue[];
  }

  function answerRows(id: number, number: number, values: SqlValue[]): void {
    const statement = statementOf(number);
    const result = statement.all(values);
    const first = result[0];
    if (first && first.length !== statement.columns.length) {
      forgetStatements();
      throw new Error("another process changed the tables while they were in use");
    }
    out.push(id, Reply.rows, result.length);
    for (const row of result) for (const value of row) out.push(value);
  }

  function read(id: number, number: number, values: SqlValue[]): void {
    if (grouping) ids.push(id);
    try {
      answerRows(id, number, values);
    } catch (error) {
      fail(id, error);
    }
  }

  /** One atomic unit of the group. `execute` replies; if it throws, the unit alone is undone. */
  function write(id: number, count: number, execute: () => void): void {
    try {
      openGroup();
    } catch (error) {
      fail(id, error);
      return;
    }
    ids.push(id);
    const at = out.length;
    const unit = count > 1;
    try {
      if (unit) savepoint.run();
      execute();
      if (unit) release.run();
      rows += count;
    } catch (error) {
      // Some errors (no space, I/O) end the whole transaction.
      if (!db.isTransaction) return loseGroup(error);
      out.length = at;
      fail(id, error);
      if (unit) db.exec("rollback to unit; release unit");
    }
    if (rows >= limits.groupLimit) settle();
  }

  function batch(message: Message, at: number, id: number, count: number): void {
    write(id, count, () => {
      out.push(id, Reply.batch);
      for (let i = 0; i < count; i++) {
        const number = message[at] as number;
        const arity = arityOf(number);
        out.push(statementOf(number).run(valuesAt(message, at + 1, arity)).changes);
        at += 1 + arity;
      }
    });
  }

  function query(id: number, sql: string, values: SqlValue[]): void {
    const at = out.length;
    try {
      const statement = prepareArrays(db, sql);
      const names = statement.columns;
      let changes: number | bigint = 0;
      let rowid: number | bigint = 0;
      let result: unknown[][] = [];
      if (names.length > 0) {
        result = statement.all(values);
        changes = result.length;
      } else {
        ({ changes, lastInsertRowid: rowid } = statement.run(values));
      }
      out.push(id, Reply.result, names.length, ...names, result.length);
      for (const row of result) for (const value of row) out.push(value);
      out.push(changes, rowid);
      if (!CHANGES_NO_SCHEMA.test(sql)) forgetStatements();
    } catch (error) {
      out.length = at;
      fail(id, error);
    }
  }

  function beginSession(id: number, number: number): void {
    settle();
    try {
      begin.run();
      session = number;
      out.push(id, Reply.done);
    } catch (error) {
      fail(id, error);
    }
    watchSession();
  }

  function watchSession(): void {
    clearTimeout(idle);
    if (session === 0) return;
    idle = setTimeout(() => {
      endSession("rollback");
      resume();
      settle();
    }, limits.transactionIdleMs);
  }

  function endSession(how: "commit" | "rollback"): void {
    session = 0;
    clearTimeout(idle);
    try {
      if (how === "commit" || db.isTransaction) db.exec(how);
    } finally {
      if (db.isTransaction) db.exec("rollback");
      forgetStatements();
    }
  }

  /** Executes what had to wait for the session; it may begin the next one. */
  function resume(): void {
    const waiting = held;
    held = [];
    for (const message of waiting) handle(message);
  }

  function isOpen(id: number, number: number): boolean {
    if (session === number) return true;
    const after = `${limits.transactionIdleMs} ms without a query, or with its worker`;
    fail(id, new Error(`the transaction was rolled back: it ended after ${after}`));
    return false;
  }

  function finishSession(id: number, number: number, how: "commit" | "rollback"): void {
    if (!isOpen(id, number)) return;
    try {
      endSession(how);
      out.push(id, Reply.done);
    } catch (error) {
      fail(id, error);
    }
    resume();
  }

  function close(id: number): void {
    settle();
    try {
      db.exec("pragma optimize");
    } catch {
      // Only advice for the query planner: a database that cannot take it is still to be closed.
    }
    db.close();
    out.push(id, Reply.done);
    send();
    closed();
  }

  function mustWait(op: unknown): boolean {
    return session !== 0 && op !== Op.sessionQuery && op !== Op.commit && op !== Op.rollback;
  }

  function execute(message: Message, at: number, end: number): void {
    const op = message[at];
    const id = message[at + 1] as number;
    const third = message[at + 2] as number;
    switch (op) {
      case Op.read:
        return read(id, third, valuesAt(message, at + 3, end - at - 3));
      case Op.write: {
        const values = valuesAt(message, at + 3, end - at - 3);
        return write(id, 1, () => {
          out.push(id, Reply.changes, statementOf(third).run(values).changes);
        });
      }
      case Op.writeRows: {
        const values = valuesAt(message, at + 3, end - at - 3);
        return write(id, 1, () => answerRows(id, third, values));
      }
      case Op.batch:
        return batch(message, at + 3, id, third);
      case Op.query:
        settle();
        return query(id, message[at + 2] as string, valuesAt(message, at + 4, end - at - 4));
      case Op.begin:
        return beginSession(id, third);
      case Op.sessionQuery:
        if (isOpen(id, third)) {
          query(id, message[at + 3] as string, valuesAt(message, at + 5, end - at - 5));
        }
        return watchSession();
      case Op.commit:
        return finishSession(id, third, "commit");
      case Op.rollback:
        return finishSession(id, third, "rollback");
      case Op.close:
        return close(id);
      default:
        throw new Error(`request ${op} is not known`);
    }
  }

  function define(message: Message, at: number): void {
    const sql = message[at + 2] as string;
    const arity = message[at + 3] as number;
    prepared[message[at + 1] as number] = { sql, arity, statement: undefined };
  }

  function handle(message: Message): void {
    let at = 0;
    while (at < message.length) {
      const end = endOfRequest(message, at, arityOf);
      if (message[at] === Op.define) define(message, at);
      else if (mustWait(message[at])) held.push(message.slice(at, end));
      else execute(message, at, end);
      at = end;
      if (!grouping && out.length > REPLY_LIMIT) send();
    }
  }

  return { handle, settle };
}
