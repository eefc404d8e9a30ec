/** What a log consists of. */

/**
 * - `message`, `action` (XEP-0245), `encrypted`, `retracted`: messages; without a nickname, of the room;
 * - `subject`: `text` is the new one, empty if it was removed;
 * - `entered`, and `left` to `lost`, with a reason as `text`;
 * - `nick`: `detail` is the old one;
 * - `config`: `text` names what has changed;
 * - `created`, `destroyed`, `on` and `off` (logging itself).
 */
export type Kind =
  | "message"
  | "action"
  | "encrypted"
  | "retracted"
  | "subject"
  | "entered"
  | "left"
  | "kicked"
  | "banned"
  | "removed"
  | "members-only"
  | "lost"
  | "nick"
  | "config"
  | "created"
  | "destroyed"
  | "on"
  | "off";

export interface Entry {
  readonly id: number;
  /** ms since the epoch. */
  readonly at: number;
  readonly kind: Kind;
  readonly nick: string;
  readonly text: string;
  readonly detail: string;
  /** The author's id of the message, and the one that it corrects (XEP-0308). */
  readonly origin: string | null;
  readonly corrects: string | null;
}

/** An entry as it is written. */
export interface NewEntry {
  readonly kind: Kind;
  readonly nick?: string;
  readonly text?: string;
  readonly detail?: string;
  /** The room's id of a message. */
  readonly stanza?: string;
  readonly origin?: string;
  readonly corrects?: string;
}

/** Kinds that can be left out of logs, by their names in the configuration. */
export const OPTIONAL_KINDS = {
  visits: ["entered", "left", "lost"],
  removals: ["kicked", "banned", "removed", "members-only"],
  nicks: ["nick"],
  subjects: ["subject"],
  settings: ["config", "created"],
} as const satisfies Readonly<Record<string, readonly Kind[]>>;

export type OptionalKind = keyof typeof OPTIONAL_KINDS;

/** What is logged if so much is wanted. */
export function kindsLogged(wanted: readonly OptionalKind[]): (kind: Kind) => boolean {
  const unwanted = new Set<Kind>();
  for (const [name, kinds] of Object.entries(OPTIONAL_KINDS)) {
    if (wanted.includes(name as OptionalKind)) continue;
    for (const kind of kinds) unwanted.add(kind);
  }
  return (kind) => !unwanted.has(kind);
}
