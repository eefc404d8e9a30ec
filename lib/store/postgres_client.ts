/** Clients of postgres.js with the settings and types of the store. */

import { Buffer } from "node:buffer";
import postgres from "postgres";
import { StoreError } from "./store.ts";

export type Client = postgres.Sql;
export type Transaction = postgres.TransactionSql;

/**
 * Whole numbers arrive as numbers, truth values as 0 and 1 and bytes as Uint8Array: the same values
 * as from SQLite.
 */
const types = {
  int8: { to: 20, from: [20], serialize: String, parse: Number },
  numeric: { to: 1700, from: [1700], serialize: String, parse: Number },
  bool: {
    to: 16,
    from: [16],
    serialize: (value: unknown) => (value === true || value === 1 ? "t" : "f"),
    parse: (text: string) => (text === "t" ? 1 : 0),
  },
  bytea: {
    to: 17,
    from: [17],
    // Must not throw: the driver would blame the statement that happens to be under way.
    serialize: (value: unknown) =>
      value instanceof Uint8Array ? `\\x${Buffer.from(value).toString("hex")}` : String(value),
    parse: (text: string) => new Uint8Array(Buffer.from(text.slice(2), "hex")),
  },
};

export interface Address {
  readonly url: string;
  /** Folder of a Unix socket, from `?host=/run/postgresql`. */
  readonly folder: string | undefined;
  readonly port: number;
  /** The password, to keep it out of messages. */
  readonly secret: string;
  /** `host:port/database`, to be shown. */
  readonly shown: string;
}

/** @throws {StoreError} `failed`, without the URL in it. */
export function parseAddress(url: string): Address {
  let parsed: URL;
  let secret: string;
  try {
    // The usual way to write an address without a host is not a URL by the standard of the web.
    parsed = new URL(url.replace(/^(\w+:\/\/[^/?#]*@)\//, "$1localhost/"));
    secret = decodeURIComponent(parsed.password);
  } catch {
    throw new StoreError(
      "failed",
      "the database URL is not understood; expected postgres://user:password@host:port/database, " +
        "with special characters of the password percent-encoded",
    );
  }
  const folder = parsed.searchParams.get("host") ?? undefined;
  const port = Number(parsed.searchParams.get("port") ?? (parsed.port || 5432));
  parsed.searchParams.delete("host");
  parsed.searchParams.delete("port");
  const shown = `${folder ?? parsed.host}${parsed.pathname}`;
  return { url: parsed.href, folder, port, secret, shown };
}

/** @param onLoss is called when a connection ends. */
export function createClient(address: Address, max: number, onLoss: () => void): Client {
  return postgres(address.url, {
    max,
    types,
    ...(address.folder ? { host: address.folder, port: address.port } : {}),
    fetch_types: false,
    connect_timeout: 10,
    max_lifetime: null,
    onclose: onLoss,
    onnotice: () => {},
    connection: { application_name: "confab" },
  }) as Client;
}
