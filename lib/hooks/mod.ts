/** Every hook of the core, in one place for module authors. */

export { DROP } from "./hook.ts";
export type { Ask, Drop, Filter, Handler, Tell } from "./hook.ts";
export { ask, filter, tell } from "./hook.ts";
export type { Order } from "./order.ts";
export * from "./accounts.ts";
export * from "./archive.ts";
export * from "./blocking.ts";
export * from "./clients.ts";
export * from "./closing.ts";
export * from "./disco.ts";
export * from "./inline.ts";
export * from "./invitations.ts";
export * from "./presence.ts";
export * from "./pubsub.ts";
export * from "./pubsub_storage.ts";
export * from "./reports.ts";
export * from "./registration.ts";
export * from "./room_storage.ts";
export * from "./rooms.ts";
export * from "./roster.ts";
export * from "./roster_changes.ts";
export * from "./sasl2.ts";
export * from "./stanzas.ts";
export * from "./streams.ts";
export * from "./storage.ts";
export * from "./uploads.ts";
export * from "./vcard.ts";
