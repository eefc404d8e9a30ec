/** XEP-0133 §4.1 to §4.10: accounts, one by one. */

import { StanzaError, StreamError } from "../../lib/errors.ts";
import { formatDateTime } from "../../lib/formats/datetime.ts";
import { form } from "../../lib/formats/form.ts";
import {
  accountInfo,
  createAccount,
  deleteAccount,
  setAccountEnabled,
  setPassword,
} from "../../lib/hooks/accounts.ts";
import type { RosterItem } from "../../lib/hooks/roster.ts";
import { rosterGet } from "../../lib/hooks/roster.ts";
import { type Jid, parseJid } from "../../lib/jid.ts";
import type { Session } from "../../lib/session.ts";
import type { Element } from "../../lib/xml/element.ts";
import { xml } from "../../lib/xml/element.ts";
import {
  ACCOUNT,
  accountAddress,
  ACCOUNTS,
  ADMIN_NS,
  adminCommand,
  type AdminHost,
  allExisting,
  existing,
  refuseAdmins,
} from "./command.ts";

const ROSTER_NS = "jabber:iq:roster";
/** So that an administrator who ends the own session hears that it was done, in ms. */
const FAREWELL_MS = 250;

const PASSWORD = {
  var: "password",
  type: "text-private",
  label: "Password",
  required: true,
} as const;

const TAKE_OUT = "take it out of `admins` in the configuration first";

export function accountCommands(host: AdminHost): void {
  changes(host);
  questions(host);
}

function changes(host: AdminHost): void {
  host.command({
    ...adminCommand("add-user"),
    name: "Add an account",
    fields: [
      ACCOUNT,
      PASSWORD,
      { var: "password-verify", type: "text-private", label: "Password again", required: true },
    ],
    async run({ accountjid, password = "", "password-verify": again }, { from }) {
      const account = accountAddress(host, accountjid);
      if (password !== again) {
        throw new StanzaError("not-acceptable", { text: "the two passwords differ" });
      }
      const made = await host.ask(createAccount, account, password);
      if (made === undefined) {
        throw new StanzaError("feature-not-implemented", { text: "no accounts are kept here" });
      }
      if (made === "conflict") {
        throw new StanzaError("conflict", { text: `there is already an account ${account.bare}` });
      }
      log(host, "account added", account, from);
      return `${account.bare} can log in now`;
    },
  });
  host.command({
    ...adminCommand("delete-user"),
    name: "Delete accounts",
    instructions: "The accounts and all that belongs to them will be gone for good.",
    fields: [ACCOUNTS],
    async run({ accountjids }, { from }) {
      const accounts = await allExisting(host, accountjids);
      refuseAdmins(host, accounts, TAKE_OUT);
      for (const account of accounts) {
        await host.ask(deleteAccount, account);
        log(host, "account deleted", account, from);
      }
      return `deleted: ${names(accounts)}`;
    },
  });
  host.command({
    ...adminCommand("disable-user"),
    name: "Disable accounts",
    instructions: "Their sessions end, and they cannot log in until they are enabled again.",
    fields: [ACCOUNTS],
    async run({ accountjids }, { from }) {
      const accounts = await allExisting(host, accountjids);
      refuseAdmins(host, accounts, TAKE_OUT);
      return await enable(host, accounts, false, from);
    },
  });
  host.command({
    ...adminCommand("reenable-user"),
    name: "Enable accounts again",
    fields: [ACCOUNTS],
    run: async ({ accountjids }, { from }) =>
      await enable(host, await allExisting(host, accountjids), true, from),
  });
  host.command({
    ...adminCommand("change-user-password"),
    name: "Change a password",
    fields: [ACCOUNT, PASSWORD],
    async run({ accountjid, password = "" }, { from }) {
      const account = await existing(host, accountjid);
      if (account.bare !== from.bare) {
        refuseAdmins(host, [account], "only its owner changes the password");
      }
      if (await host.ask(setPassword, account, password) !== true) {
        throw new StanzaError("item-not-found");
      }
      log(host, "password changed", account, from);
      return `${account.bare} has a new password`;
    },
  });
  host.command({
    ...adminCommand("end-user-session"),
    name: "End sessions",
    instructions: "Of an address without a resource all sessions end. They may log in again.",
    fields: [ACCOUNTS],
    run({ accountjids = [] }, { from }) {
      const sessions = accountjids.flatMap((text) => sessionsOf(host, text));
      const error = () => new StreamError("policy-violation", "ended by an administrator");
      for (const session of sessions) {
        log(host, "session ended", session.jid, from);
        if (session.jid.full === from.full) host.after(FAREWELL_MS, () => session.end(error()));
        else session.end(error());
      }
      return `sessions ended: ${sessions.length}`;
    },
  });
}

async function enable(
  host: AdminHost,
  accounts: readonly Jid[],
  enabled: boolean,
  from: Jid,
): Promise<string> {
  for (const account of accounts) {
    await host.ask(setAccountEnabled, account, enabled);
    log(host, enabled ? "account enabled" : "account disabled", account, from);
  }
  return `${enabled ? "enabled" : "disabled"}: ${names(accounts)}`;
}

function questions(host: AdminHost): void {
  host.command({
    ...adminCommand("get-user-roster"),
    name: "Show a roster",
    fields: [ACCOUNTS],
    async run({ accountjids = [] }) {
      const account = await existing(host, onlyOne(accountjids));
      const roster = await host.ask(rosterGet, account);
      const items = [...roster?.items.values() ?? []].filter((item) => item.listed);
      const shown = form({
        type: "result",
        formType: ADMIN_NS,
        fields: [{ ...ACCOUNTS, value: [account.bare] }],
      });
      // Inside of the form, as example 28 has it.
      const query = xml("query", ROSTER_NS, {}, ...items.map(rosterElement));
      return { payload: [shown.append(query)] };
    },
  });
  host.command({
    ...adminCommand("get-user-lastlogin"),
    name: "When an account logged in last",
    fields: [ACCOUNTS],
    async run({ accountjids = [] }) {
      const account = await existing(host, onlyOne(accountjids));
      const info = await host.ask(accountInfo, account);
      const last = info === undefined || info === "unknown" ? undefined : info.lastLogin;
      return {
        note: last === undefined ? "it has never logged in" : undefined,
        result: {
          formType: ADMIN_NS,
          fields: [
            { ...ACCOUNTS, value: [account.bare] },
            {
              var: "lastlogin",
              type: "text-single",
              label: "Last login",
              value: last === undefined ? undefined : formatDateTime(last, "s"),
            },
          ],
        },
      };
    },
  });
  host.command({
    ...adminCommand("user-stats"),
    name: "Statistics of an account",
    fields: [ACCOUNT],
    async run({ accountjid }) {
      const account = await existing(host, accountjid);
      const sessions = host.account(account)?.sessions ?? [];
      const roster = await host.ask(rosterGet, account);
      const listed = [...roster?.items.values() ?? []].filter((item) => item.listed);
      const addresses = sessions.flatMap((s) => s.stream?.transport.remoteAddress ?? []);
      return {
        result: {
          formType: ADMIN_NS,
          fields: [
            { ...ACCOUNT, value: account.bare },
            {
              var: "ipaddresses",
              type: "list-multi",
              label: "IP addresses",
              value: [...new Set(addresses)],
            },
            {
              var: "rostersize",
              type: "text-single",
              label: "Contacts",
              value: String(listed.length),
            },
            {
              var: "onlineresources",
              type: "text-multi",
              label: "Sessions",
              value: sessions.map((s) => s.jid.resource).join("\n"),
            },
          ],
        },
      };
    },
  });
}

function onlyOne(texts: readonly string[]): string | undefined {
  if (texts.length === 1) return texts[0];
  throw new StanzaError("not-acceptable", { text: "one account at a time" });
}

/** §4.5: guests' sessions too. Throws `item-not-found` where nobody is. */
function sessionsOf(host: AdminHost, text: string): readonly Session[] {
  const jid = parseJid(text)!;
  const found = jid.isBare ? host.account(jid)?.sessions ?? [] : host.session(jid) ?? [];
  const sessions = [found].flat();
  if (sessions.length === 0) {
    throw new StanzaError("item-not-found", { text: `${jid.full} is not online` });
  }
  return sessions;
}

function rosterElement({ jid, name, subscription, ask, groups }: RosterItem): Element {
  return xml(
    "item",
    ROSTER_NS,
    {
      jid,
      name: name === "" ? undefined : name,
      subscription,
      ask: ask ? "subscribe" : undefined,
    },
    ...groups.map((group) => xml("group", ROSTER_NS, {}, group)),
  );
}

function names(accounts: readonly Jid[]): string {
  return accounts.map(({ bare }) => bare).join(", ");
}

function log(host: AdminHost, what: string, account: Jid, by: Jid): void {
  host.log.info(what, { account: account.full, by: by.bare });
}
