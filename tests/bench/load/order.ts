/** What the load generator is told to do, and what it answers: one JSON document each. */

interface Common {
  /** Of the server, on 127.0.0.1, for STARTTLS. */
  readonly port: number;
  /** The server's process. */
  readonly pid: number;
  readonly tls: boolean;
  /** Accounts `user0`, `user1` and so on, all with {@link PASSWORD}; how many there are. */
  readonly accounts: number;
  /** How long to measure, in seconds. */
  readonly seconds: number;
}

/** Pairs that write to each other; so many messages of each are on their way at a time. */
export interface ChatOrder extends Common {
  readonly load: "chat";
  readonly window: number;
}

/** Accounts log in and out, so many at a time. */
export interface LoginOrder extends Common {
  readonly load: "login";
  readonly atOnce: number;
}

/** All accounts log in and are silent. `seconds`: how long memory has to settle. */
export interface IdleOrder extends Common {
  readonly load: "idle";
}

/** The first few accounts send presence, all others are their contacts. */
export interface PresenceOrder extends Common {
  readonly load: "presence";
  readonly senders: number;
  /** Presences of all senders that are on their way at a time. */
  readonly window: number;
}

/** The first half of the accounts writes to the other half, which then comes for it. */
export interface OfflineOrder extends Common {
  readonly load: "offline";
  /** To each recipient in a round. */
  readonly messages: number;
}

/** All accounts enter one room; then the first few talk there. */
export interface RoomOrder extends Common {
  readonly load: "room";
}

export type Order =
  | ChatOrder
  | LoginOrder
  | IdleOrder
  | PresenceOrder
  | OfflineOrder
  | RoomOrder;

/** Figures by name; null where this system cannot tell. */
export type Answer = Readonly<Record<string, number | null>>;

/** The request that `collect_module.ts` answers. */
export const COLLECT_NS = "urn:example:collect";

export const DOMAIN = "localhost";
export const PASSWORD = "secret words";

export function userName(i: number): string {
  return `user${i}`;
}
