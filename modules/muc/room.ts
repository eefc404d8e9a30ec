/**
 * A room that is awake (XEP-0045): its configuration, who has which affiliation, and who is in it. What
 * happens in it is in the files beside this one; this one knows what is, and tells it.
 */

import { createHmac } from "node:crypto";
import type { Deadline } from "../../lib/deadlines.ts";
import type { Affiliation, PresentRole } from "../../lib/formats/muc.ts";
import { parseStored } from "../../lib/formats/stored.ts";
import { roomSave } from "../../lib/hooks/room_storage.ts";
import { roomAffiliation, roomMay } from "../../lib/hooks/rooms.ts";
import type { RoomAction } from "../../lib/hooks/rooms.ts";
import { type Jid, parseJid } from "../../lib/jid.ts";
import type { Later } from "../../lib/later.ts";
import { then } from "../../lib/later.ts";
import { nicknameKey } from "../../lib/precis/profiles.ts";
import { Recent } from "../../lib/recent.ts";
import type {
  Room as RoomView,
  RoomConfig,
  RoomRecord,
  StoredAffiliation,
  StoredHat,
  StoredRoom,
} from "../../lib/rooms.ts";
import type { Stanza } from "../../lib/stanza.ts";
import { Activity } from "./activity.ts";
import { History } from "./history.ts";
import type { Client, Occupant } from "./occupant.ts";
import { Pieces } from "./pieces.ts";
import { isAdmin, isMember } from "./rights.ts";
import type { MucService } from "./service.ts";
import { Turns } from "./turns.ts";

/** Occupants beyond which a room takes its turns in slices. */
const CROWD = 100;

/** Users whose role is remembered until they come again, if it is not the usual one (§5.1). */
const REMEMBERED_ROLES = 1000;

/** Invitations that may be declined, and for how long. */
const INVITATIONS = 1000;
const INVITATION_MS = 86_400_000;

/** What is kept of the subject (§7.2.15). */
export interface Subject {
  readonly message: Stanza;
  /** ms since the epoch. */
  readonly stamp: number;
}

export class Room implements RoomView {
  /** Another one after the module was set up anew. */
  service: MucService;
  readonly jid: Jid;
  /** Bare JID; "" when that account is gone, and nobody has come after it. */
  creator: string;
  readonly created: number;
  config: RoomConfig;
  /** Set until the maker has configured it; then nobody else may enter, and nothing is stored. */
  locked: boolean;
  /** When that ends without a configuration. */
  givesUp: Deadline | undefined = undefined;
  /** It is gone for good; what still comes finds no room. */
  destroyed = false;
  /** It went with its last occupant: whoever still comes makes another one. */
  isOver = false;
  subject: Subject | undefined = undefined;
  hats: readonly StoredHat[];
  avatars: readonly string[];
  /** An avatar was told by presence: its end must be, too. */
  hadAvatar = false;
  version: number;
  oldestVersion: number;
  readonly #secret: string;
  readonly activity: Activity;
  readonly history: History;
  readonly turns: Turns;
  readonly pieces: Pieces;
  readonly affiliations: Map<string, StoredAffiliation>;
  /** Nicknames that are reserved, by `nicknameKey`, with the address of whoever has one. */
  readonly reserved = new Map<string, string>();
  /** By `nicknameKey`. */
  readonly #byNick = new Map<string, Occupant>();
  #absent: readonly Jid[] | undefined = undefined;
  /** By full JID. */
  readonly clients = new Map<string, Client>();
  /** Those who see everything, and all others. */
  readonly moderators = new Set<Client>();
  readonly mere = new Set<Client>();
  /** Of users who have left: the role that they had, if it was not the usual one. */
  readonly roles = new Recent<PresentRole>(REMEMBERED_ROLES);
  /** Who has invited whom lately, by the addresses of both (§7.8.2): full JIDs. */
  readonly invitations = new Recent<Jid>(INVITATIONS, INVITATION_MS);
  /** When each user has spoken last (XEP-0500), `performance.now()`. */
  readonly spoken = new Map<string, number>();

  constructor(service: MucService, jid: Jid, stored: StoredRoom, locked: boolean) {
    this.service = service;
    this.jid = jid;
    this.creator = stored.creator;
    this.created = stored.created;
    this.config = stored.config;
    this.locked = locked;
    this.hats = stored.hats;
    this.avatars = stored.avatars;
    this.version = stored.version;
    this.oldestVersion = stored.oldestVersion;
    this.#secret = stored.secret;
    this.activity = new Activity(stored.activity, stored.activeHour);
    this.history = new History(this);
    this.affiliations = new Map(stored.affiliations.map((a) => [a.jid, a]));
    for (const { nick, jid } of stored.affiliations) {
      if (nick !== "") this.reserved.set(nicknameKey(nick) ?? nick, jid);
    }
    const slice = (step: () => void) => this.service.host.slices.run(step);
    this.pieces = new Pieces({ audience: () => this.clients.size, slice });
    this.turns = new Turns({
      crowded: () => this.clients.size > CROWD,
      slice,
      failed: (e) => this.service.failed("something in a room has failed", this, e),
    });
  }

  // ---- who is in it ----

  /** Whose nickname that is by registration: a bare JID. */
  reservedBy(nick: string): string | undefined {
    return this.reserved.get(nicknameKey(nick) ?? nick);
  }

  get size(): number {
    return this.#byNick.size;
  }

  occupants(): Iterable<Occupant> {
    return this.#byNick.values();
  }

  occupant(nick: string): Occupant | undefined {
    return this.#byNick.get(nicknameKey(nick) ?? nick);
  }

  occupantsOf(user: Jid): Occupant[] {
    const found: Occupant[] = [];
    for (const o of this.#byNick.values()) if (o.user.bare === user.bare) found.push(o);
    return found;
  }

  /** The client of that full JID. */
  client(jid: Jid): Client | undefined {
    return this.clients.get(jid.full);
  }

  /** Owners, admins and members who are not there; made when it is asked for. */
  absentMembers(): readonly Jid[] {
    if (this.#absent !== undefined) return this.#absent;
    const present = new Set<string>();
    for (const o of this.#byNick.values()) present.add(o.user.bare);
    const absent: Jid[] = [];
    for (const { jid, affiliation } of this.affiliations.values()) {
      const user = isMember(affiliation) && !present.has(jid) ? parseJid(jid) : undefined;
      if (user !== undefined && user.node !== "") absent.push(user);
    }
    return this.#absent = absent;
  }

  /** Who is a member, or there, has changed. */
  membersChanged(): void {
    this.#absent = undefined;
  }

  /** Takes an occupant in under its nickname, or under another one. */
  seat(occupant: Occupant): void {
    this.membersChanged();
    this.#byNick.set(nicknameKey(occupant.nick) ?? occupant.nick, occupant);
  }

  unseat(occupant: Occupant): void {
    this.membersChanged();
    this.#byNick.delete(nicknameKey(occupant.nick) ?? occupant.nick);
  }

  addClient(client: Client): void {
    client.occupant.clients.push(client);
    this.clients.set(client.jid.full, client);
    this.place(client);
  }

  /** Among those who see everything, or the others: after a change of the role, too. */
  place(client: Client): void {
    const moderates = client.occupant.role === "moderator";
    (moderates ? this.moderators : this.mere).add(client);
    (moderates ? this.mere : this.moderators).delete(client);
  }

  dropClient(client: Client): void {
    const { clients } = client.occupant;
    clients.splice(clients.indexOf(client), 1);
    this.clients.delete(client.jid.full);
    this.moderators.delete(client);
    this.mere.delete(client);
  }

  /** Whether everybody sees an occupant, or only moderators do. */
  shows({ role, affiliation }: Occupant): boolean {
    if (!this.config.presenceBroadcast.includes(role)) return false;
    const { quiet_above } = this.service.settings;
    if (quiet_above === 0 || this.size <= quiet_above) return true;
    return role === "moderator" || affiliation !== "none";
  }

  /** Everybody sees real addresses. */
  get open(): boolean {
    return this.config.whois === "anyone";
  }

  // ---- what they are ----

  affiliationOf(user: Jid): Affiliation {
    if (this.service.isAdmin(user)) return "owner";
    const own = this.affiliations.get(user.bare)?.affiliation;
    if (own !== undefined && own !== "none") return own;
    return this.affiliations.get(user.domain)?.affiliation ?? "none";
  }

  /** What a user is to this room, by whoever decides that. */
  rank(user: Jid): Later<Affiliation> {
    const { host } = this.service;
    if (!host.has(roomAffiliation)) return this.affiliationOf(user);
    return then(
      host.ask(roomAffiliation, this.jid, user.toBare()),
      (answer) => answer ?? this.affiliationOf(user),
    );
  }

  /** Of those who are in the room it was found out when they entered. */
  standing(user: Jid): Later<Affiliation> {
    return this.clients.get(user.full)?.occupant.affiliation ?? this.rank(user);
  }

  /** Owners that are stored: there must be one. */
  get owners(): number {
    let n = 0;
    for (const a of this.affiliations.values()) if (a.affiliation === "owner") n++;
    return n;
  }

  /** Whether an occupant may do something; `usual` is what the room's own rules say. */
  may(who: Occupant, action: RoomAction, usual: boolean): Later<boolean> {
    const { host } = this.service;
    if (!host.has(roomMay)) return usual;
    return then(host.ask(roomMay, this, who, action), (answer) => answer ?? usual);
  }

  /** Who may learn real addresses. */
  seesAddresses(affiliation: Affiliation, client: Client | undefined): boolean {
    return this.open || isAdmin(affiliation) || client?.occupant.role === "moderator";
  }

  /** XEP-0421: the same for a user each time, and telling nothing. */
  occupantId(user: Jid): string {
    return createHmac("sha256", this.#secret).update(user.bare).digest("base64url");
  }

  // ---- telling ----

  /** The same stanza to these clients. Those that are not there any more will be put out. */
  tell(stanza: Stanza, clients: Iterable<Client>): void {
    this.service.host.broadcast(stanza, clients, this.#unreachable);
  }

  tellAll(stanza: Stanza): void {
    this.tell(stanza, this.clients.values());
  }

  tellOne(stanza: Stanza, client: Client): void {
    this.tell(stanza, [client]);
  }

  /** Many stanzas to one client. */
  tellBurst(stanzas: Iterable<Stanza>, { jid }: Client): void {
    this.service.host.burst(stanzas, jid, this.#unreachable);
  }

  readonly #unreachable = (jid: Jid): void => this.service.lost(this, jid);

  // ---- storing ----

  /** What else is to be read of a room that is woken. */
  async restore({ subject }: StoredRoom): Promise<void> {
    if (subject !== undefined) {
      this.subject = { message: parseStored(subject.xml), stamp: subject.stamp };
    }
    await this.history.load();
  }

  get record(): RoomRecord {
    const { creator, created, config, hats, avatars, version, oldestVersion, activity } = this;
    return {
      creator,
      created,
      config,
      subject: this.subject &&
        { xml: this.subject.message.wire(undefined), stamp: this.subject.stamp },
      hats,
      secret: this.#secret,
      avatars,
      version,
      oldestVersion,
      activity: activity.hours,
      activeHour: activity.hour,
    };
  }

  /** Comes when all that is known of the room, and these affiliations, is kept for good. */
  async save(
    changes: Partial<RoomRecord> = {},
    affiliations: readonly StoredAffiliation[] = [],
    forget: readonly string[] = [],
  ): Promise<void> {
    if (this.locked || this.destroyed) return;
    this.activity.isNews = false;
    const { host } = this.service;
    await host.ask(roomSave, this.jid, { ...this.record, ...changes }, affiliations, forget);
  }
}
