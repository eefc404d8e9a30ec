/** What the errors of postgres.js and of the server mean. */

import { StoreError, type StoreErrorCode } from "./store.ts";

/** SQLSTATEs, or their first two characters (PostgreSQL manual, appendix A). */
const STATES: Readonly<Record<string, StoreErrorCode>> = {
  "08": "unavailable", // connection
  "23": "constraint",
  "25P03": "unavailable", // idle in transaction for too long
  "28": "unavailable", // authorisation
  "3D": "unavailable", // no such database
  "40": "unavailable", // deadlock, serialisation
  "53": "unavailable", // resources
  "53100": "full", // disk full
  "57P": "unavailable", // shutdown
};

/** Aborted by the circumstances: the same group may succeed when tried again. */
const TRANSIENT = new Set(["40001", "40P01", "0A000"]);

/** Statements after a failed one in the same transaction. */
const IN_FAILED_TRANSACTION = "25P02";

interface DriverError extends Error {
  readonly code?: string;
  readonly severity?: string;
}

/** Thrown by the driver about a statement that it has not sent. */
function isOfDriver(error: unknown): boolean {
  const { code } = error as DriverError;
  return error instanceof TypeError || error instanceof RangeError || code === "UNDEFINED_VALUE" ||
    code === "MAX_PARAMETERS_EXCEEDED";
}

/** The statement was refused; the connection is still there. */
export function isRefusal(error: unknown): boolean {
  const { severity, name } = error as DriverError;
  if (name !== "PostgresError") return isOfDriver(error);
  return severity !== "FATAL" && severity !== "PANIC";
}

/** The statement itself is right, and the server is there. */
export function isTransient(error: unknown): boolean {
  return isRefusal(error) && TRANSIENT.has((error as DriverError).code ?? "");
}

/** Failed only because a statement before it in the transaction failed. */
export function isAftermath(error: unknown): boolean {
  return (error as DriverError).code === IN_FAILED_TRANSACTION;
}

/** The connection broke while it was in use: a new one may work. */
export function isBroken(error: unknown): boolean {
  const code = (error as DriverError).code ?? "";
  return ["CONNECTION_CLOSED", "ECONNRESET", "EPIPE", "57P01", "57P02", "57P03"].includes(code);
}

function codeOf(error: DriverError): StoreErrorCode {
  const state = error.code ?? "";
  if (error.name === "PostgresError") {
    return STATES[state] ?? STATES[state.slice(0, 3)] ?? STATES[state.slice(0, 2)] ?? "failed";
  }
  return isOfDriver(error) ? "failed" : "unavailable";
}

/** The error as the store reports it, without `secret`. The server's detail may hold user data. */
export function toStoreError(error: unknown, secret: string): StoreError {
  if (error instanceof StoreError) return error;
  const e: DriverError = error instanceof Error ? error : new Error(String(error));
  const text = e.message || e.code || "the connection failed";
  return new StoreError(codeOf(e), secret ? text.replaceAll(secret, "***") : text);
}
