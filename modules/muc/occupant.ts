/**
 * Somebody in a room: a nickname, and the clients that are there under it (XEP-0045 §7.2.8). What the
 * room shows of an occupant is made once and sent to everybody.
 */

import type { Affiliation, PresentRole } from "../../lib/formats/muc.ts";
import type { Jid } from "../../lib/jid.ts";
import { NS } from "../../lib/ns.ts";
import type { RoomOccupant } from "../../lib/rooms.ts";
import { Stanza } from "../../lib/stanza.ts";
import { AttributeMap, type Element, xml } from "../../lib/xml/element.ts";
import { OCCUPANT_ID, type Status, USER } from "./names.ts";

/** A client in a room. */
export interface Client {
  /** Full JID. */
  readonly jid: Jid;
  occupant: Occupant;
  /** What it has said of itself, cleaned: the children of its presence, and its language. */
  presence: readonly Element[];
  lang: string | undefined;
  /** When it was shown last because it has said how it is (`performance.now()`). */
  shownAt: number;
  /** What it has said since is about to be shown. */
  showsLater: boolean;
  /** Its leaving has been accepted, and waits for its turn; it has nothing to say any more. */
  isLeaving: boolean;
}

/** What a presence says about an occupant, beside what its client says. */
export interface Notice {
  readonly type?: "unavailable";
  /** Another role or affiliation than the present one: `none` of somebody who leaves. */
  readonly role?: "none";
  readonly affiliation?: Affiliation;
  /** The nickname to come (status 303). */
  readonly nick?: string;
  readonly status?: readonly Status[];
  readonly reason?: string;
  readonly actor?: Element;
  /** What the client says, if not its presence. */
  readonly children?: readonly Element[];
  /** Further elements in `<x/>` (XEP-0463). */
  readonly extra?: readonly Element[];
  readonly id?: string;
}

const EMPTY: Notice = {};

export class Occupant implements RoomOccupant {
  nick: string;
  jid: Jid;
  readonly user: Jid;
  role: PresentRole;
  affiliation: Affiliation;
  readonly id: string;
  /** In the order of entering; never empty while it is in the room. */
  readonly clients: Client[] = [];
  /** Whose presence is shown: the one that has spoken of itself last. */
  main!: Client;
  /** People without a moderator's rights see it, too. */
  visible = false;
  /** XEP-0317, as shown; undefined without one. */
  hats: Element | undefined = undefined;
  #full: Stanza | undefined = undefined;
  #plain: Stanza | undefined = undefined;

  constructor(
    nick: string,
    jid: Jid,
    user: Jid,
    id: string,
    role: PresentRole,
    affiliation: Affiliation,
  ) {
    this.nick = nick;
    this.jid = jid;
    this.user = user;
    this.id = id;
    this.role = role;
    this.affiliation = affiliation;
  }

  /** Its presence as it is now: with the real address, or without. */
  presence(withAddress: boolean): Stanza {
    return withAddress
      ? this.#full ??= this.notice(EMPTY, true)
      : this.#plain ??= this.notice(EMPTY, false);
  }

  /** What is shown of it has changed. */
  changed(): void {
    this.#full = undefined;
    this.#plain = undefined;
  }

  /** A presence of it with something to say (§7.2.2). */
  notice(n: Notice, withAddress: boolean, client = this.main): Stanza {
    const attrs = new AttributeMap();
    if (n.type !== undefined) attrs.type = n.type;
    if (n.id !== undefined) attrs.id = n.id;
    if (client.lang !== undefined) attrs["xml:lang"] = client.lang;
    const children: Element[] = [...n.children ?? client.presence];
    children.push(this.#about(n, withAddress ? client.jid : undefined));
    children.push(xml("occupant-id", OCCUPANT_ID, { id: this.id }));
    if (this.hats !== undefined && n.type === undefined) children.push(this.hats);
    const stanza = new Stanza("presence", NS.client, attrs, children);
    stanza.stampFrom(this.jid);
    return stanza;
  }

  #about(n: Notice, jid: Jid | undefined): Element {
    const { affiliation = this.affiliation, role = this.role, nick, reason, actor } = n;
    return xml(
      "x",
      USER,
      {},
      ...n.extra ?? [],
      xml(
        "item",
        USER,
        { affiliation, role, jid: jid?.full, nick },
        actor,
        reason !== undefined && xml("reason", USER, {}, reason),
      ),
      ...statusElements(n.status ?? []),
    );
  }
}

export function statusElements(codes: readonly Status[]): Element[] {
  return codes.map((code) => xml("status", USER, { code: String(code) }));
}
