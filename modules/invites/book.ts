/** The invitations of a host: made, looked up, used. */

import { createHash, randomBytes } from "node:crypto";
import { StanzaError } from "../../lib/errors.ts";
import { accountExists, accountInfo } from "../../lib/hooks/accounts.ts";
import type { Invitation, InvitationRequest, NewInvitation } from "../../lib/hooks/invitations.ts";
import type { Admission } from "../../lib/hooks/registration.ts";
import { nameReserved, registerAccount } from "../../lib/hooks/registration.ts";
import type { RosterItem } from "../../lib/hooks/roster.ts";
import { rosterChange } from "../../lib/hooks/roster_changes.ts";
import { Jid, parseJid, prepNode } from "../../lib/jid.ts";
import type { ModuleHost } from "../../lib/module.ts";
import type { InvitationRow } from "./table.ts";
import { statements } from "./table.ts";

export interface InvitesConfig {
  readonly lifetime: number;
  readonly per_account: number;
  readonly uses: number;
  readonly contacts: boolean;
  readonly accounts: boolean;
  readonly web_registration: boolean;
  readonly web_attempts: number;
  readonly api_secret?: string;
}

export type InvitesHost = ModuleHost<InvitesConfig>;

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/** 142 bits (XEP-0379 §5.1 wants 80). */
const TOKEN_LENGTH = 24;
/** Characters of a digest that name an invitation to people. */
const ID_LENGTH = 12;
const MAX_LIFETIME_MS = 3650 * 86_400_000;
/** A token that was shown in time is good to the end of its stream (XEP-0445 §4). */
const GRACE_MS = 86_400_000;

export class Book {
  readonly #host: InvitesHost;
  readonly #sql: ReturnType<typeof statements>;
  /** Uses taken of which it is open what they come to, by digest. */
  readonly #underWay = new Map<string, number>();
  /** The last one that is being made: one after the other, or two would be the last allowed one. */
  #making: Promise<unknown> = Promise.resolve();

  constructor(host: InvitesHost) {
    this.#host = host;
    this.#sql = statements(host.store);
  }

  /** Whether new accounts can be made at all: by a module that knows the rules for them. */
  get registers(): boolean {
    return this.#host.has(registerAccount);
  }

  // ---- making them ----

  async create(request: InvitationRequest): Promise<NewInvitation> {
    const { contact, register, uses = 1, lifetime = this.#host.config.lifetime } = request;
    const host = this.#host;
    if (contact === undefined && !register) {
      throw new StanzaError("bad-request", { text: "an invitation to nothing" });
    }
    if (register && !this.registers) {
      throw new StanzaError("feature-not-implemented", {
        text: `no accounts can be made at ${host.domain}: ` +
          "switch the module register on (register = { allowed = false } for invited people only)",
      });
    }
    if (contact !== undefined && await this.#isNobody(contact)) {
      throw new StanzaError("item-not-found", { text: `there is no account ${contact.bare}` });
    }
    if (!Number.isInteger(uses) || uses < 1 || uses > host.config.uses) {
      throw new StanzaError("not-acceptable", {
        text: `an invitation has from 1 to ${host.config.uses} uses`,
      });
    }
    if (!(lifetime > 0 && lifetime <= MAX_LIFETIME_MS)) {
      throw new StanzaError("not-acceptable", {
        text: "an invitation is good for up to ten years",
      });
    }
    const made = this.#making.then(() => this.#make(request, uses, lifetime));
    this.#making = made.catch(() => {});
    return await made;
  }

  async #make(request: InvitationRequest, uses: number, lifetime: number): Promise<NewInvitation> {
    const host = this.#host;
    const { contact, register, by } = request;
    const username = await this.#usernameOf(request, uses);
    await this.#checkNumber(by);
    const token = newToken();
    const now = Date.now();
    const row: InvitationRow = {
      digest: digestOf(token),
      contact: contact?.node ?? "",
      username,
      register: register ? 1 : 0,
      uses,
      used: 0,
      created: now,
      expires: now + Math.floor(lifetime),
      made_by: by,
    };
    await this.#sql.insert.run({ host: host.domain, ...row });
    host.log.info("invitation made", { id: idOf(row), by, uses });
    const path = `/invite/${token}`;
    return {
      ...this.#shown(row),
      token,
      uri: invitationUri(host.domain, row, token),
      url: host.http.url(path),
    };
  }

  async #isNobody(contact: Jid): Promise<boolean> {
    return contact.domain !== this.#host.domain ||
      await this.#host.ask(accountExists, contact) !== true;
  }

  async #usernameOf({ username, register }: InvitationRequest, uses: number): Promise<string> {
    if (username === undefined || username === "") return "";
    const node = prepNode(username);
    if (node === undefined) {
      throw new StanzaError("not-acceptable", { text: `"${username}" can be no name` });
    }
    if (!register || uses !== 1) {
      throw new StanzaError("not-acceptable", { text: "a name is for one new account" });
    }
    const account = Jid.of(node, this.#host.domain);
    if (
      await this.#host.ask(accountExists, account) === true ||
      await this.#host.ask(nameReserved, account) === true
    ) throw new StanzaError("conflict", { text: `the name ${node} is taken` });
    // Only the operator makes administrators (modules/register.ts would refuse it later).
    if (this.#host.settings.admins.includes(account.bare)) {
      throw new StanzaError("not-acceptable", { text: "this name is reserved" });
    }
    return node;
  }

  /** Of accounts, not of administrators, the command line and the like. */
  async #checkNumber(by: string): Promise<void> {
    if (!by.includes("@") || this.#host.settings.admins.includes(by)) return;
    const row = await this.#sql.madeBy.first({
      host: this.#host.domain,
      made_by: by,
      now: Date.now(),
    });
    if (Number(row?.count ?? 0) < this.#host.config.per_account) return;
    throw new StanzaError("resource-constraint", { text: "too many open invitations" });
  }

  async list(): Promise<readonly Invitation[]> {
    const rows = await this.#sql.list.all({ host: this.#host.domain, now: Date.now() });
    return rows.map((row) => this.#shown(row));
  }

  #shown(row: InvitationRow): Invitation {
    const { domain } = this.#host;
    return {
      id: idOf(row),
      contact: row.contact === "" ? undefined : `${row.contact}@${domain}`,
      username: row.username === "" ? undefined : row.username,
      register: row.register !== 0,
      uses: row.uses,
      used: row.used,
      created: row.created,
      expires: row.expires,
      by: row.made_by,
    };
  }

  async revoke(id: string): Promise<true | undefined> {
    const { domain } = this.#host;
    const rows = await this.#sql.list.all({ host: domain, now: Date.now() });
    const row = rows.find((r) => idOf(r) === id);
    if (row === undefined) return undefined;
    await this.#sql.remove.run({ host: domain, digest: row.digest });
    return true;
  }

  // ---- using them ----

  /** A good invitation: not used up, not over. */
  async find(token: string): Promise<InvitationRow | undefined> {
    if (token.length !== TOKEN_LENGTH) return undefined;
    const row = await this.#sql.get.first({ host: this.#host.domain, digest: digestOf(token) });
    if (row === undefined || row.used >= row.uses || row.expires <= Date.now()) return undefined;
    return await this.#mayInvite(row) ? row : undefined;
  }

  /** Who is kept from logging in lets nobody else in. */
  async #mayInvite({ contact, made_by }: InvitationRow): Promise<boolean> {
    const { domain } = this.#host;
    const people = new Set([made_by, `${contact}@${domain}`]);
    for (const text of people) {
      const jid = text.includes("@") ? parseJid(text) : undefined;
      if (jid === undefined || jid.node === "" || jid.domain !== domain) continue;
      const info = await this.#host.ask(accountInfo, jid);
      if (info !== undefined && info !== "unknown" && !info.enabled) return false;
    }
    return true;
  }

  async take(row: InvitationRow): Promise<boolean> {
    const { digest } = row;
    count(this.#underWay, digest, 1);
    let taken = false;
    try {
      taken = (await this.#sql.take.run({ host: this.#host.domain, digest })).changes === 1;
    } finally {
      if (!taken) await this.done(row);
    }
    return taken;
  }

  async giveBack({ digest }: InvitationRow): Promise<void> {
    count(this.#underWay, digest, -1);
    await this.#sql.giveBack.run({ host: this.#host.domain, digest });
  }

  /** A use is over and not given back; another that is under way may still be. */
  async done({ digest }: InvitationRow): Promise<void> {
    count(this.#underWay, digest, -1);
    if (this.#underWay.has(digest)) return;
    await this.#sql.removeUsed.run({ host: this.#host.domain, digest });
  }

  /** What an invitation is to registration; undefined if it is for contacts only. */
  admission(row: InvitationRow): Admission | undefined {
    if (row.register === 0) return undefined;
    return {
      username: row.username === "" ? undefined : row.username,
      take: async () => await this.#mayInvite(row) && await this.take(row),
      giveBack: () => this.giveBack(row),
      made: async (account) => {
        await this.done(row);
        if (row.contact !== "") {
          await this.#befriend(Jid.of(row.contact, this.#host.domain), account);
        }
      },
    };
  }

  /** Each in the other's roster, with pushes to who is online (XEP-0401 §5.5). */
  async #befriend(one: Jid, other: Jid): Promise<void> {
    // It may have gone in the meantime.
    if (await this.#isNobody(one)) return;
    const both = (item: RosterItem): RosterItem => ({
      ...item,
      subscription: "both",
      ask: false,
      approved: false,
      pendingIn: undefined,
      listed: true,
    });
    await this.#host.ask(rosterChange, one, other, both);
    await this.#host.ask(rosterChange, other, one, both);
  }

  // ---- names and ends ----

  async isReserved(account: Jid): Promise<true | undefined> {
    const key = { host: this.#host.domain, username: account.node, now: Date.now() };
    return await this.#sql.reserved.first(key) === undefined ? undefined : true;
  }

  async sweep(): Promise<void> {
    await this.#sql.sweep.run({ host: this.#host.domain, before: Date.now() - GRACE_MS });
  }

  /** An account is gone, and with it what it has invited to and who was to have its name. */
  async forget({ node, bare }: Jid): Promise<void> {
    await this.#sql.forget.run({ host: this.#host.domain, node, jid: bare });
  }
}

/** XEP-0401 §5.1 and §5.4. */
export function invitationUri(domain: string, row: InvitationRow, token: string): string {
  if (row.contact !== "" && row.username === "") {
    const ibr = row.register === 0 ? "" : ";ibr=y";
    return `xmpp:${encodeNode(row.contact)}@${domain}?roster;preauth=${token}${ibr}`;
  }
  const at = row.username === "" ? domain : `${encodeNode(row.username)}@${domain}`;
  return `xmpp:${at}?register;preauth=${token}`;
}

/** RFC 5122 §2.2. */
function encodeNode(node: string): string {
  return encodeURIComponent(node);
}

/** Adds to a number of a map, which keeps no zeros. */
function count(numbers: Map<string, number>, key: string, by: number): void {
  const n = (numbers.get(key) ?? 0) + by;
  if (n > 0) numbers.set(key, n);
  else numbers.delete(key);
}

function newToken(): string {
  let token = "";
  while (token.length < TOKEN_LENGTH) {
    for (const byte of randomBytes(TOKEN_LENGTH)) {
      // Bytes beyond a multiple of the alphabet would prefer its beginning.
      if (byte < 248 && token.length < TOKEN_LENGTH) token += ALPHABET[byte % ALPHABET.length];
    }
  }
  return token;
}

function digestOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

function idOf({ digest }: InvitationRow): string {
  return digest.slice(0, ID_LENGTH);
}
