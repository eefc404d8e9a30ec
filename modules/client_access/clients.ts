/** Which clients have logged in to the host's accounts: remembered in memory first, written in groups. */

import type { ModuleHost } from "../../lib/module.ts";
import { Recent } from "../../lib/recent.ts";
import type { Jid } from "../../lib/jid.ts";
import type { Login, UserAgent } from "../../lib/stream/login.ts";
import { type ClientRow, statements } from "./table.ts";

export interface ClientLimits {
  /** Clients remembered of one account. */
  readonly clients: number;
  /** How long a client that stays away is remembered, in ms. */
  readonly keep: number;
}

type Agent = UserAgent & { readonly id: string };

/** Clients of which it is known that they have a row. */
const KNOWN = 20_000;

export class Clients {
  readonly #host: ModuleHost<ClientLimits>;
  readonly #sql: ReturnType<typeof statements>;
  readonly #known = new Recent<true>(KNOWN);
  /** Not yet written, by account and agent. */
  #fresh = new Map<string, { node: string; row: ClientRow }>();
  /** Accounts that may have one client too many. */
  #grown = new Set<string>();
  #writing: Promise<void> = Promise.resolve();

  constructor(host: ModuleHost<ClientLimits>) {
    this.#host = host;
    this.#sql = statements(host.store);
  }

  /** A client has logged in. */
  add(account: Jid, agent: Agent, { mechanism }: Login): void {
    const now = Date.now();
    const key = `${account.node}\0${agent.id}`;
    const before = this.#fresh.get(key)?.row;
    const password = mechanism === "PLAIN" || mechanism.startsWith("SCRAM-");
    const row: ClientRow = {
      agent: agent.id,
      software: agent.software ?? "",
      device: agent.device ?? "",
      password: password ? 1 : before?.password ?? 0,
      certificate: mechanism === "EXTERNAL" ? 1 : before?.certificate ?? 0,
      first_seen: before?.first_seen ?? now,
      last_seen: now,
    };
    this.#fresh.set(key, { node: account.node, row });
    if (this.#known.get(key) === true) return;
    this.#known.set(key, true);
    this.#grown.add(account.node);
  }

  /** A client's session has ended. */
  seen(account: Jid, agent: Agent, login: Login): void {
    this.add(account, agent, { ...login, mechanism: "" });
  }

  /** Writes what is new; one after the other. */
  write(): Promise<void> {
    const next = this.#writing.then(() => this.#write());
    this.#writing = next.catch(() => {});
    return next;
  }

  async #write(): Promise<void> {
    if (this.#fresh.size === 0) return;
    const fresh = this.#fresh;
    const grown = this.#grown;
    this.#fresh = new Map();
    this.#grown = new Set();
    const { domain: host, store, config } = this.#host;
    await store.batch(
      [...fresh.values()].map(({ node, row }) => this.#sql.put.bind({ host, node, ...row })),
    );
    for (const node of grown) {
      const rows = await this.#sql.ofAccount.all({ host, node });
      await store.batch(
        rows.slice(config.clients).map(({ agent }) => {
          this.#known.delete(`${node}\0${agent}`);
          return this.#sql.remove.bind({ host, node, agent });
        }),
      );
    }
  }

  /** The clients of an account, those seen last first. */
  async list({ node }: Jid): Promise<readonly ClientRow[]> {
    await this.write();
    return await this.#sql.ofAccount.all({ host: this.#host.domain, node });
  }

  async remove({ node }: Jid, agent: string): Promise<void> {
    await this.write();
    this.#known.delete(`${node}\0${agent}`);
    await this.#sql.remove.run({ host: this.#host.domain, node, agent });
  }

  /** The password is another one now: nobody has shown it yet. */
  async passwordChanged({ node }: Jid): Promise<void> {
    await this.write();
    await this.#sql.forgetPasswords.run({ host: this.#host.domain, node });
  }

  async wipe({ node }: Jid): Promise<void> {
    await this.write();
    await this.#sql.removeAccount.run({ host: this.#host.domain, node });
  }

  async clean(): Promise<void> {
    await this.#sql.removeOld.run({
      host: this.#host.domain,
      before: Date.now() - this.#host.config.keep,
    });
  }
}
