/** What all commands of XEP-0133 share. */

import { StanzaError } from "../../lib/errors.ts";
import { accountExists } from "../../lib/hooks/accounts.ts";
import { type Jid, parseJid } from "../../lib/jid.ts";
import type { ModuleHost } from "../../lib/module.ts";

export const ADMIN_NS = "http://jabber.org/protocol/admin";

export interface AdminConfig {
  readonly list_items: number;
  readonly idle_after: number;
}

export type AdminHost = ModuleHost<AdminConfig>;

/** Node, scope and FORM_TYPE of a command. */
export function adminCommand(what: string) {
  return { node: `${ADMIN_NS}#${what}`, for: "admin", formType: ADMIN_NS } as const;
}

export const ACCOUNT = {
  var: "accountjid",
  type: "jid-single",
  label: "Address of the account",
  required: true,
} as const;

export const ACCOUNTS = {
  var: "accountjids",
  type: "jid-multi",
  label: "Addresses of the accounts",
  required: true,
} as const;

/** An account's address at this host. Throws `item-not-found` if it can be none. */
export function accountAddress(host: AdminHost, text: string | undefined): Jid {
  const jid = parseJid(text ?? "");
  if (jid !== undefined && jid.isBare && jid.node !== "" && jid.domain === host.domain) return jid;
  throw new StanzaError("item-not-found", { text: `${text} is no account of ${host.domain}` });
}

/** An existing account. Throws `item-not-found`. */
export async function existing(host: AdminHost, text: string | undefined): Promise<Jid> {
  const jid = accountAddress(host, text);
  if (await host.ask(accountExists, jid) === true) return jid;
  throw new StanzaError("item-not-found", { text: `there is no account ${jid.bare}` });
}

/** All of them, or none: nothing is done before every one is known to be there. */
export async function allExisting(
  host: AdminHost,
  texts: readonly string[] | undefined,
): Promise<Jid[]> {
  const found: Jid[] = [];
  for (const text of texts ?? []) found.push(await existing(host, text));
  return found;
}

/** Administrators are made and unmade in the configuration alone. Throws `not-allowed`. */
export function refuseAdmins(host: AdminHost, accounts: readonly Jid[], text: string): void {
  const admin = accounts.find(({ bare }) => host.settings.admins.includes(bare));
  if (admin === undefined) return;
  throw new StanzaError("not-allowed", { text: `${admin.bare} is an administrator: ${text}` });
}
