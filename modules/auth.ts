/**
 * The accounts of a host and what checks their logins: SCRAM keys per hash (RFC 5802, RFC 7677),
 * never a password. Everything here is an answer to a hook, so another module may answer for some of
 * the accounts, or for all.
 *
 * What decides about a login is read from the database every time (one SELECT); that an account
 * exists, which every message to somebody offline asks, is remembered for a while.
 */

import * as v from "valibot";
import { defineModule, type ModuleHost } from "../lib/module.ts";
import { list, oneOf, setting, wholeNumber } from "../lib/config/setting.ts";
import { StanzaError, StreamError } from "../lib/errors.ts";
import {
  accountDeleted,
  accountExists,
  type AccountInfo,
  accountInfo,
  addScramKeys,
  checkPassword,
  createAccount,
  credentialsRevoked,
  deleteAccount,
  keptScramHashes,
  listAccounts,
  mayLogin,
  missingScramHashes,
  saslMechanisms,
  scramKeys,
  setAccountEnabled,
  setPassword,
} from "../lib/hooks/accounts.ts";
import { accountClosing, hostClosing } from "../lib/hooks/closing.ts";
import { sessionBound } from "../lib/hooks/streams.ts";
import { Jid, prepPassword } from "../lib/jid.ts";
import type { Session } from "../lib/session.ts";
import { Recent } from "../lib/recent.ts";
import {
  deriveKeys,
  encodeKeys,
  type ScramHash,
  type ScramKeys,
  verifyPassword,
} from "../lib/sasl/credentials.ts";
import { CHECK_ORDER, firstOf, outdated, readKeys, withoutUnkept } from "./auth/keys.ts";
import { type AccountRow, type Key, migrations, statements } from "./auth/table.ts";

const config = v.strictObject({
  hashes: setting(
    v.pipe(
      list(oneOf<ScramHash>("SHA-1", "SHA-256", "SHA-512")),
      v.check((hashes: ScramHash[]) => hashes.length > 0, "expected at least one hash"),
    ),
    ["SHA-512", "SHA-256", "SHA-1"],
    "Hashes for which SCRAM keys of new passwords are kept. No others are offered at login.",
  ),
  remembered: setting(
    wholeNumber(0, 10_000_000),
    20_000,
    "Accounts of which it is remembered for some minutes that they exist.",
  ),
});

/** How long it is believed that an account exists: another process may have deleted it. */
const EXISTS_MS = 5 * 60_000;

/** Between the first message of a login and the question whether it may go on. */
const LOGIN_MS = 2 * 60_000;
const LOGINS = 4096;

/** Longer than anybody may take from the proof of a login to a bound resource. */
const BARRED_MS = 30 * 60_000;

/** The other modules of the host are there by then, and remove what is theirs. */
const RESUME_MS = 3000;

/** Times of logins are written in one go. */
const WRITE_EVERY_MS = 10_000;

export default defineModule({
  name: "auth",
  description: "Accounts and their passwords, kept as SCRAM keys",
  config,
  migrations,
  setup(host) {
    const accounts = new Accounts(host);

    host.on(accountExists, (account) => accounts.exists(account));
    host.on(saslMechanisms, (offered) => withoutUnkept(offered, host.config.hashes));
    host.on(scramKeys, (account, hash) => accounts.keys(account, hash));
    host.on(checkPassword, (account, password) => accounts.check(account, password));
    host.on(mayLogin, (account) => accounts.mayLogin(account));
    host.on(keptScramHashes, () => host.config.hashes);
    host.on(missingScramHashes, (account) => accounts.missing(account));
    host.on(addScramKeys, (account, keys) => accounts.addKeys(account, keys));

    host.on(createAccount, (account, password) => accounts.create(account, password));
    host.on(setPassword, (account, password) => accounts.setPassword(account, password));
    host.on(deleteAccount, (account) => accounts.delete(account));
    host.on(setAccountEnabled, (account, enabled) => accounts.setEnabled(account, enabled));
    host.on(accountInfo, (account) => accounts.info(account));
    host.on(listAccounts, () => accounts.list());

    host.on(sessionBound, (session) => accounts.bound(session));
    host.on(hostClosing, () => accounts.closing());
    host.every(WRITE_EVERY_MS, () => accounts.writeLogins());
    host.after(RESUME_MS, () => {
      accounts.resume().catch((e) => {
        host.log.error("deletions of accounts could not be finished", { error: String(e) });
      });
    });
    host.onUnload(() => accounts.end());
  },
});

type Host = ModuleHost<v.InferOutput<typeof config>>;

class Accounts {
  readonly #host: Host;
  readonly #sql: ReturnType<typeof statements>;
  readonly #existing: Recent<true>;
  /** Rows of logins under way: what was read for the proof also answers whether it may go on. */
  readonly #logins = new Recent<AccountRow>(LOGINS, LOGIN_MS);
  /** Deletions under way, by node. */
  readonly #deleting = new Map<string, Promise<unknown>>();
  /**
   * When an account was deleted or disabled of late: who has logged in before may still be about to
   * bind, whoever has the name by then.
   */
  readonly #barred = new Recent<number>(LOGINS, BARRED_MS);
  /** The other modules are about to go: no deletion can be finished any more. */
  #closing = false;
  /** Times of logins not yet written, by node. */
  #loggedIn = new Map<string, number>();

  constructor(host: Host) {
    this.#host = host;
    this.#sql = statements(host.store);
    this.#existing = new Recent(host.config.remembered, EXISTS_MS);
  }

  #key(account: Jid): Key {
    return { host: this.#host.domain, node: account.node };
  }

  exists(account: Jid): true | Promise<true | undefined> {
    return this.#existing.get(account.node) ?? this.#lookUp(account);
  }

  async #lookUp(account: Jid): Promise<true | undefined> {
    const row = await this.#sql.exists.first(this.#key(account));
    if (row === undefined || this.#deleting.has(account.node)) return undefined;
    this.#existing.set(account.node, true);
    return true;
  }

  // ---- logins ----

  async #read(account: Jid): Promise<AccountRow | undefined> {
    const row = await this.#sql.row.first(this.#key(account));
    if (row !== undefined && !this.#deleting.has(account.node)) {
      this.#logins.set(account.node, row);
      this.#existing.set(account.node, true);
    }
    return row;
  }

  async keys(account: Jid, hash: ScramHash): Promise<ScramKeys | "unknown" | undefined> {
    const row = await this.#read(account);
    if (row === undefined) return undefined;
    return readKeys(row.scram).find((k) => k.hash === hash) ?? "unknown";
  }

  async check(account: Jid, password: string): Promise<boolean | undefined> {
    const { hashes } = this.#host.config;
    const { iterations } = this.#host.settings;
    const row = await this.#read(account);
    const kept = row === undefined ? [] : readKeys(row.scram);
    const keys = firstOf(kept, CHECK_ORDER);
    const right = await verifyPassword(keys, password, {
      hash: CHECK_ORDER.find((hash) => hashes.includes(hash))!,
      iterations,
    });
    if (row === undefined) return undefined;
    if (right && outdated(kept, hashes, iterations).length > 0) {
      await this.#renew(account, row, password);
    }
    return right;
  }

  async missing(account: Jid): Promise<readonly ScramHash[] | undefined> {
    const row = await this.#read(account);
    if (row === undefined) return undefined;
    return outdated(readKeys(row.scram), this.#host.config.hashes, this.#host.settings.iterations);
  }

  async addKeys(account: Jid, keys: ScramKeys): Promise<boolean | undefined> {
    const row = await this.#read(account);
    if (row === undefined) return undefined;
    const { hashes } = this.#host.config;
    const { iterations } = this.#host.settings;
    // A password set since has keys for all hashes: these are of one that is no longer good.
    if (!outdated(readKeys(row.scram), hashes, iterations).includes(keys.hash)) return false;
    const others = readKeys(row.scram).filter((k) => k.hash !== keys.hash);
    const scram = [...others, keys].map(encodeKeys).join("\n");
    const { changes } = await this.#sql.renew.run({ ...this.#key(account), scram, old: row.scram });
    return changes === 1;
  }

  async #renew(account: Jid, row: AccountRow, password: string): Promise<void> {
    try {
      const scram = await this.#derive(password);
      await this.#sql.renew.run({ ...this.#key(account), scram, old: row.scram });
    } catch (e) {
      this.#host.log.warn("SCRAM keys could not be renewed", {
        account: account.bare,
        error: String(e),
      });
    }
  }

  mayLogin(account: Jid) {
    const row = this.#logins.get(account.node);
    if (row === undefined) return this.#read(account).then(verdict);
    this.#logins.delete(account.node);
    return verdict(row);
  }

  bound(session: Session): void {
    const { node } = session.account.jid;
    const barred = this.#barred.get(node);
    if (barred !== undefined && session.loginBegun <= barred) {
      session.end(new StreamError("not-authorized", "the account was deleted or disabled"));
      return;
    }
    this.#loggedIn.set(node, Date.now());
  }

  async writeLogins(): Promise<void> {
    if (this.#loggedIn.size === 0) return;
    const times = this.#loggedIn;
    this.#loggedIn = new Map();
    const { domain } = this.#host;
    try {
      await this.#host.store.batch(
        [...times].map(([node, time]) => this.#sql.loggedIn.bind({ host: domain, node, time })),
      );
    } catch (e) {
      this.#host.log.warn("times of logins could not be written", { error: String(e) });
    }
  }

  // ---- administration ----

  async create(account: Jid, password: string): Promise<"created" | "conflict"> {
    // Asked first because deriving keys is a hundred times the work.
    if (this.#deleting.has(account.node) || await this.#lookUp(account)) return "conflict";
    const scram = await this.#derive(password);
    const { changes } = await this.#sql.insert.run({
      ...this.#key(account),
      scram,
      created: Date.now(),
    });
    if (changes === 0) return "conflict";
    this.#existing.set(account.node, true);
    return "created";
  }

  async setPassword(account: Jid, password: string): Promise<true | undefined> {
    if (await this.#lookUp(account) !== true) return undefined;
    const scram = await this.#derive(password);
    const { changes } = await this.#sql.setScram.run({ ...this.#key(account), scram });
    this.#logins.delete(account.node);
    if (changes === 0) return undefined;
    await this.#host.tell(credentialsRevoked, account, "password-changed");
    return true;
  }

  async delete(account: Jid): Promise<true | undefined> {
    const { node } = account;
    if (this.#deleting.has(node)) return undefined;
    const finished = this.#delete(account);
    this.#deleting.set(node, finished);
    try {
      return await finished;
    } finally {
      this.#deleting.delete(node);
    }
  }

  async #delete(account: Jid): Promise<true | undefined> {
    const { changes } = await this.#sql.markDeleted.run(this.#key(account));
    this.#existing.delete(account.node);
    this.#logins.delete(account.node);
    if (changes === 0) return undefined;
    this.#barred.set(account.node, performance.now());
    await this.#host.tell(accountClosing, account);
    await endSessions(this.#host, account, "the account was deleted");
    await this.#finish(account);
    return true;
  }

  /** Removes what belongs to an account that is deleted already, and then its row. */
  async #finish(account: Jid): Promise<void> {
    await this.#host.tell(accountDeleted, account);
    this.#loggedIn.delete(account.node);
    // Not everybody may have heard of it: the next start begins anew, as long as the row is there.
    if (this.#closing) return;
    await this.#sql.remove.run(this.#key(account));
  }

  /** Deletions that the end of the server has cut short. */
  async resume(): Promise<void> {
    for (const { node } of await this.#sql.deleted.all({ host: this.#host.domain })) {
      if (this.#deleting.has(node)) continue;
      await this.#finish(Jid.of(node, this.#host.domain));
    }
  }

  closing(): void {
    this.#closing = true;
  }

  async end(): Promise<void> {
    await Promise.allSettled(this.#deleting.values());
    await this.writeLogins();
  }

  async setEnabled(account: Jid, enabled: boolean): Promise<true | undefined> {
    const { changes } = await this.#sql.setEnabled.run({
      ...this.#key(account),
      enabled: enabled ? 1 : 0,
    });
    this.#logins.delete(account.node);
    if (changes === 0) return undefined;
    if (enabled) return true;
    this.#barred.set(account.node, performance.now());
    await this.#host.tell(credentialsRevoked, account, "disabled");
    await endSessions(this.#host, account, "the account was disabled");
    return true;
  }

  async info(account: Jid): Promise<AccountInfo | undefined> {
    const row = await this.#sql.row.first(this.#key(account));
    return row === undefined ? undefined : this.#infoOf(row);
  }

  async list(): Promise<readonly AccountInfo[]> {
    const rows = await this.#sql.list.all({ host: this.#host.domain });
    return rows.map((row) => this.#infoOf(row));
  }

  #infoOf(row: Omit<AccountRow, "scram">): AccountInfo {
    return {
      jid: `${row.node}@${this.#host.domain}`,
      enabled: row.enabled !== 0,
      created: row.created,
      lastLogin: this.#loggedIn.get(row.node) ?? row.last_login ?? undefined,
    };
  }

  /** The keys of a password for all hashes, as kept. Throws `not-acceptable` for a bad password. */
  async #derive(password: string): Promise<string> {
    if (prepPassword(password) === undefined) {
      throw new StanzaError("not-acceptable", {
        text: "the password is empty, too long, or has characters not allowed in one",
      });
    }
    const { hashes } = this.#host.config;
    const { iterations } = this.#host.settings;
    const keys = await Promise.all(hashes.map((hash) => deriveKeys(password, hash, iterations)));
    return keys.map(encodeKeys).join("\n");
  }
}

/** Somebody else may know an account that is not here, so `undefined` lets it in. */
function verdict(row: AccountRow | undefined): true | "account-disabled" | undefined {
  if (row === undefined) return undefined;
  return row.enabled !== 0 ? true : "account-disabled";
}

/** Ends the account's sessions; resolves when what follows from that is done. */
async function endSessions(host: Host, account: Jid, text: string): Promise<void> {
  const sessions = [...host.account(account)?.sessions ?? []];
  for (const session of sessions) session.end(new StreamError("not-authorized", text));
  await Promise.all(sessions.map((session) => session.ended));
}
