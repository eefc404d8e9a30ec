/**
 * Hooks about message archives (XEP-0313): of accounts, of rooms, of nodes. The mam module keeps them
 * all behind these hooks; who else has an archive (a room, a pubsub service) stores and asks here, and
 * decides by itself who may read.
 *
 * An archive is named by its owner: see `archiveOwner`.
 */

import type { Jid } from "../jid.ts";
import type { Stanza } from "../stanza.ts";
import type { Element } from "../xml/element.ts";
import type { PageRequest } from "../formats/rsm.ts";
import { ask, tell } from "./hook.ts";

/** The key of an archive: the bare JID of an account, a room or a service; of a node behind a slash. */
export function archiveOwner(jid: Jid, node?: string): string {
  return node === undefined ? jid.bare : `${jid.bare}/${node}`;
}

/** A message to be kept. */
export interface ArchiveEntry {
  /** As readers of the archive shall get it. */
  readonly message: Stanza;
  /** The other party, matched by `with`: recipient or sender; in a room, the author's real address. */
  readonly with: Jid;
}

/** The place of a message in its archive. */
export interface Archived {
  /** Unpredictable, unique in the archive, never given twice. For `<stanza-id/>` (XEP-0359). */
  readonly id: string;
  /** ms since the epoch; does not decrease within an archive. */
  readonly stamp: number;
}

export interface ArchivedMessage extends Archived {
  /** Text of the message, in the form of `lib/formats/stored.ts`. */
  readonly xml: string;
}

/** What is wanted. All conditions must hold. */
export interface ArchiveQuery {
  /** Bare: any resource of it. */
  readonly with?: Jid;
  /** ms since the epoch; both ends are included. */
  readonly start?: number;
  readonly end?: number;
  /** Not included themselves. */
  readonly afterId?: string;
  readonly beforeId?: string;
  readonly ids?: readonly string[];
  /** Words that must all occur in the text (XEP-0431). */
  readonly text?: string;
  readonly page?: PageRequest;
}

export interface ArchivePage {
  /** Oldest first. */
  readonly messages: readonly ArchivedMessage[];
  /** Nothing that matches lies behind this page in its direction. */
  readonly complete: boolean;
  /** Of all that match; given where it was cheap, or asked for with `<max>0</max>`. */
  readonly count?: number;
}

/**
 * Gives the message its place. The answer is there at once; the message is on its way to the disk, the
 * commit pledged (`ModuleHost.pledge`), and every later query sees it. A promise comes only while too
 * much waits for the disk.
 */
export const archiveStore = ask<[owner: string, entry: ArchiveEntry], Archived>(
  "archive.store",
  "keeps a message in an archive; the answer is its id, with which to stamp it",
);

/**
 * For who must not pass a message on before it is kept. To be asked in the turn in which
 * `archive.store` has answered: then it is about that message, and all before it have been decided on
 * by then. It hurries the writing, and costs little: many messages share a commit, and its promise.
 */
export const archiveSettled = ask<[owner: string], boolean>(
  "archive.settled",
  "comes when what was stored in an archive is on the disk; false if the last of it could not be kept",
);

/** Throws `StanzaError` `item-not-found` for an id that is not in the archive (XEP-0313 §4.1.3). */
export const archiveQuery = ask<[owner: string, query: ArchiveQuery], ArchivePage>(
  "archive.query",
  "a page of an archive",
  // The first search of a large archive reads all of it.
  { timeout: 300_000 },
);

export interface ArchiveEnds {
  readonly first: Archived;
  readonly last: Archived;
}

export const archiveMetadata = ask<[owner: string], ArchiveEnds | "empty">(
  "archive.metadata",
  "the first and the last message of an archive (XEP-0313 §5)",
);

/** The id and the time remain. Answers after it is kept for good. */
export const archiveReplace = ask<[owner: string, id: string, message: Stanza], boolean>(
  "archive.replace",
  "puts another message (a tombstone) in the place of one; false if there is none",
);

export const archiveWipe = ask<[owner: string], true>(
  "archive.wipe",
  "removes an archive with all that is in it",
);

/** How an archive that is not an account's is served. */
export interface ServeOptions {
  /** Changes what a reader gets, or leaves it as it is. */
  readonly shape?: (message: Stanza) => Stanza;
  /** False: the reader may not ask by author, `with` is refused (XEP-0313 §4.1.1). */
  readonly mayAskWith?: boolean;
}

/**
 * Answers a request (`query` or `metadata` of `urn:xmpp:mam:2`, get or set) that may be answered: results
 * are sent to `request.from` from `request.to`, then the answer is the payload of the IQ's result.
 * Throws `StanzaError`.
 */
export const archiveServe = ask<[request: Stanza, owner: string, options?: ServeOptions], Element>(
  "archive.serve",
  "answers a request to an archive whose reader has been found to be entitled",
  // It goes at the pace of the reader.
  { timeout: 600_000 },
);

/** Told only if somebody listens; the message bears its `<stanza-id/>` where its reader may see it. */
export const messageArchived = tell<[owner: string, archived: Archived, entry: ArchiveEntry]>(
  "archive.stored",
  "a message was given its place in an archive; it may not be on the disk yet",
);
