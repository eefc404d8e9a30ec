/** The tokens of a host's accounts: issued, proved, rotated, revoked. */

import type { ModuleHost } from "../../lib/module.ts";
import { Recent } from "../../lib/recent.ts";
import type { Jid } from "../../lib/jid.ts";
import type { SaslFailure } from "../../lib/sasl/mechanism.ts";
import { makeNonce, tokenOf } from "./keys.ts";
import { type Client, statements, type TokenRow } from "./table.ts";

export interface TokenLimits {
  /** How long a token is good, in ms. */
  readonly lifetime: number;
  /** Age from which a token that is used is replaced, in ms. */
  readonly rotation: number;
  /** Clients of one account that may hold tokens. */
  readonly clients: number;
}

/** A login by a token. */
export interface TokenUse {
  readonly node: string;
  /** The id of the client's user agent. */
  readonly client: string;
  readonly mechanism: string;
  /** The client's number of this login (§3.4); undefined if it has sent none. */
  readonly count: number | undefined;
  /** The token is not to be used again (§3.6). */
  readonly invalidate: boolean;
  /** When the login began (`performance.now()`). */
  readonly begun: number;
}

/** A new token, as the client is told. */
export interface IssuedToken {
  readonly token: string;
  /** ms since the epoch. */
  readonly expires: number;
}

type Issued = Pick<TokenRow, "nonce" | "expires">;

/** Two connections of one client that log in at the same time are given the same new token. */
const SAME_MS = 60_000;

/** How exactly it is kept when a token was used. */
const USED_MS = 3_600_000;

/** Expired tokens are remembered for so long, so that their clients are told what has happened. */
const EXPIRED_MS = 7 * 24 * 3_600_000;

/** Longer than any login takes: see `revokedSince`. */
const LOGIN_MS = 30 * 60_000;
const REVOCATIONS = 4096;

const REFUSED: SaslFailure = { kind: "failure", condition: "not-authorized" };

export class Tokens {
  readonly #host: ModuleHost<TokenLimits>;
  readonly #sql: ReturnType<typeof statements>;
  /** Under way, by account, client and mechanism: see `SAME_MS`. */
  readonly #issuing = new Map<string, Promise<Issued>>();
  /**
   * When an account's tokens were revoked of late: a login begun before gets none any more. Infinity
   * while that is under way: the tokens may still be in the database, and are not good any more.
   */
  readonly #revoked = new Recent<number>(REVOCATIONS, LOGIN_MS);

  constructor(host: ModuleHost<TokenLimits>) {
    this.#host = host;
    this.#sql = statements(host.store);
  }

  /**
   * Finds the token that a client has proved to hold, and marks it as used. Every refusal counts as a
   * wrong guess, but that of a token which has only expired.
   */
  async use(
    key: Uint8Array,
    { node, client, mechanism, count, invalidate, begun }: TokenUse,
    proves: (token: string) => boolean,
  ): Promise<{ readonly token: string; readonly row: TokenRow } | SaslFailure> {
    const of: Client = { host: this.#host.domain, node, client };
    const rows = await this.#sql.ofClient.all(of);
    let found: { token: string; row: TokenRow } | undefined;
    // All are looked at, and one more, so that time tells neither which was right nor whether any is.
    for (const row of [...rows, undefined]) {
      const token = tokenOf(key, { ...of, nonce: row?.nonce ?? "" });
      if (proves(token) && row !== undefined) found = { token, row };
    }
    const wrong: SaslFailure = { ...REFUSED, node };
    if (found === undefined) return wrong;
    const { row } = found;
    // §3.4: a token is good for the mechanism that it was asked for, and no other.
    if (row.mechanism !== mechanism) return wrong;
    const now = Date.now();
    if (row.expires <= now) return { kind: "failure", condition: "credentials-expired" };
    // A client that has begun to count goes on counting.
    if (row.count >= 0 && count === undefined) return wrong;
    if (this.#revokedSince(node, client, begun)) return wrong;
    const earlier = rows.some((other) => other.issued < row.issued);
    if (row.used > 0 && !earlier && count === undefined && !invalidate) {
      // Nothing follows from this use; a login costs no commit.
      if (now - row.used > USED_MS) this.#touch({ ...of, nonce: row.nonce, used: now });
      return found;
    }
    const [used] = await this.#host.store.batch([
      this.#sql.use.bind({
        ...of,
        nonce: row.nonce,
        used: now,
        count: count ?? -1,
        above: (count ?? 0) - 1,
      }),
      this.#sql.removeEarlier.bind({ ...of, issued: row.issued }),
      ...(invalidate ? [this.#sql.remove.bind({ ...of, nonce: row.nonce })] : []),
    ]);
    return used!.changes === 1 ? found : wrong;
  }

  /** When a token was used last is of no importance but for who gives way to others. */
  #touch(use: Client & { nonce: string; used: number }): void {
    this.#sql.use.run({ ...use, count: -1, above: -1 }).catch((e) => {
      this.#host.log.warn("the use of a token could not be written", { error: String(e) });
    });
  }

  /** Whether a token that is used now should be replaced. */
  due({ issued, expires }: TokenRow): boolean {
    const now = Date.now();
    const { rotation, lifetime } = this.#host.config;
    return now - issued >= rotation || expires - now < lifetime / 10;
  }

  /**
   * A new token for a client. `begun` (`performance.now()`) is when its login began: undefined is
   * returned if the account's tokens were revoked since.
   */
  async issue(
    key: Uint8Array,
    account: Jid,
    client: string,
    mechanism: string,
    begun: number,
  ): Promise<IssuedToken | undefined> {
    const id = `${account.node}\0${client}\0${mechanism}`;
    let issuing = this.#issuing.get(id);
    if (issuing === undefined) {
      issuing = this.#issue(account, client, mechanism).finally(() => {
        this.#issuing.delete(id);
      });
      this.#issuing.set(id, issuing);
    }
    const { nonce, expires } = await issuing;
    const of: Client = { host: this.#host.domain, node: account.node, client };
    if (this.#revokedSince(account.node, client, begun)) {
      await this.#sql.remove.run({ ...of, nonce });
      return undefined;
    }
    return { token: tokenOf(key, { ...of, nonce }), expires };
  }

  async #issue(account: Jid, client: string, mechanism: string): Promise<Issued> {
    const of: Client = { host: this.#host.domain, node: account.node, client };
    const now = Date.now();
    const all = await this.#sql.ofAccount.all({ host: of.host, node: of.node });
    const fresh = all.find((row) =>
      row.client === client && row.mechanism === mechanism && row.used === 0 &&
      now - row.issued < SAME_MS
    );
    if (fresh !== undefined) return fresh;
    const nonce = makeNonce();
    const expires = now + this.#host.config.lifetime;
    await this.#host.store.batch([
      // §3.5: what was never used has perhaps never arrived.
      this.#sql.removeUnused.bind({ ...of, issued: now }),
      ...this.#excess(all, client).map((other) =>
        this.#sql.removeClient.bind({ host: of.host, node: of.node, client: other })
      ),
      this.#sql.insert.bind({ ...of, nonce, mechanism, issued: now, expires }),
    ]);
    return { nonce, expires };
  }

  /** Clients that must give way to one more: those that have not come for longest. */
  #excess(rows: readonly TokenRow[], client: string): string[] {
    const seen = new Map<string, number>();
    for (const row of rows) {
      if (row.client === client) continue;
      const last = Math.max(row.used, row.issued, seen.get(row.client) ?? 0);
      seen.set(row.client, last);
    }
    const over = seen.size + 1 - this.#host.config.clients;
    if (over <= 0) return [];
    return [...seen].sort((a, b) => a[1] - b[1]).slice(0, over).map(([name]) => name);
  }

  // ---- revocation ----

  #revokedSince(node: string, client: string, begun: number): boolean {
    const when = Math.max(
      this.#revoked.get(node) ?? -Infinity,
      this.#revoked.get(`${node}\0${client}`) ?? -Infinity,
    );
    return begun <= when;
  }

  async revokeAll(account: Jid): Promise<void> {
    this.#revoked.set(account.node, Infinity);
    await this.#sql.removeAccount.run({ host: this.#host.domain, node: account.node });
    this.#revoked.set(account.node, performance.now());
  }

  async revoke(account: Jid, client: string): Promise<void> {
    const id = `${account.node}\0${client}`;
    this.#revoked.set(id, Infinity);
    await this.#sql.removeClient.run({ host: this.#host.domain, node: account.node, client });
    this.#revoked.set(id, performance.now());
  }

  /** Clients whose tokens are good. */
  async holders(account: Jid): Promise<string[]> {
    const now = Date.now();
    const rows = await this.#sql.ofAccount.all({ host: this.#host.domain, node: account.node });
    return [...new Set(rows.filter((row) => row.expires > now).map((row) => row.client))];
  }

  async clean(): Promise<void> {
    await this.#sql.removeExpired.run({
      host: this.#host.domain,
      before: Date.now() - EXPIRED_MS,
    });
  }
}
