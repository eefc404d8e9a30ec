/** Hooks about invitations: the command line and modules ask, whatever keeps them answers. */

import type { Jid } from "../jid.ts";
import { ask } from "./hook.ts";

export interface InvitationRequest {
  /** The account of this host that becomes a contact of who follows it, and the other way round. */
  readonly contact?: Jid;
  /** It may be used to make an account. */
  readonly register: boolean;
  /** The only name for that account. */
  readonly username?: string;
  /** How often it may be used; 1 if not given. */
  readonly uses?: number;
  /** ms that it is good for; as configured if not given. */
  readonly lifetime?: number;
  /** Who makes it: a bare JID, or a word such as "command line". */
  readonly by: string;
}

/** An invitation as it is kept: without its token. */
export interface Invitation {
  /** Names it for `revoke`. */
  readonly id: string;
  /** Bare JID. */
  readonly contact: string | undefined;
  readonly username: string | undefined;
  readonly register: boolean;
  readonly uses: number;
  readonly used: number;
  /** ms since the epoch. */
  readonly created: number;
  readonly expires: number;
  readonly by: string;
}

/** An invitation that has just been made: the only time that its token is known. */
export interface NewInvitation extends Invitation {
  readonly token: string;
  /** For clients: an `xmpp:` URI. */
  readonly uri: string;
  /** For people: a web page; undefined where none is served. */
  readonly url: string | undefined;
}

/** Throws `StanzaError` with a text. */
export const createInvitation = ask<[request: InvitationRequest], NewInvitation>(
  "invitation.create",
  "makes an invitation to this host",
);

/** Those that may still be used, the oldest first. */
export const listInvitations = ask<[], readonly Invitation[]>(
  "invitation.list",
  "all open invitations of the host",
);

export const revokeInvitation = ask<[id: string], boolean>(
  "invitation.revoke",
  "takes an invitation back; false if there is none",
);
