/** XEP-0133 §4.13 to §4.22: how many users there are, and who they are. */

import type { CommandOutcome } from "../../lib/commands.ts";
import { listAccounts } from "../../lib/hooks/accounts.ts";
import type { Account } from "../../lib/session.ts";
import { ADMIN_NS, adminCommand, type AdminHost } from "./command.ts";

const MAX_ITEMS = {
  var: "max_items",
  type: "list-single",
  label: "Show at most",
  value: "25",
  options: [
    ...["25", "50", "75", "100", "150", "200"].map((value) => ({ value, label: value })),
    { value: "none", label: "All" },
  ],
} as const;

/** A kind of users: its words in the names of nodes and fields, and who is of it. */
interface Kind {
  readonly word: "registered" | "disabled" | "online" | "active" | "idle";
  /** The last two lists have other names than the first three. */
  readonly listNode: string;
  who(host: AdminHost): Promise<readonly string[]>;
}

const KINDS: readonly Kind[] = [
  {
    word: "registered",
    listNode: "get-registered-users-list",
    who: async (host) => (await accountsOf(host)).map((a) => a.jid),
  },
  {
    word: "disabled",
    listNode: "get-disabled-users-list",
    who: async (host) => (await accountsOf(host)).filter((a) => !a.enabled).map((a) => a.jid),
  },
  {
    word: "online",
    listNode: "get-online-users-list",
    who: (host) => Promise.resolve(online(host)),
  },
  {
    word: "active",
    listNode: "get-active-users",
    who: (host) => Promise.resolve(online(host, (account) => !isIdle(host, account))),
  },
  {
    word: "idle",
    listNode: "get-idle-users",
    who: (host) => Promise.resolve(online(host, (account) => isIdle(host, account))),
  },
];

export function userCommands(host: AdminHost): void {
  for (const kind of KINDS) {
    const { word } = kind;
    host.command({
      ...adminCommand(`get-${word}-users-num`),
      name: `Number of ${word} users`,
      async run() {
        const value = String((await kind.who(host)).length);
        const label = `Number of ${word} users`;
        return {
          result: {
            formType: ADMIN_NS,
            fields: [{ var: `${word}usersnum`, type: "text-single", label, value }],
          },
        };
      },
    });
    host.command({
      ...adminCommand(kind.listNode),
      name: `List of ${word} users`,
      fields: [MAX_ITEMS],
      run: async ({ max_items }) =>
        listed(await kind.who(host), word, Math.min(limitOf(max_items), host.config.list_items)),
    });
  }
}

function limitOf(choice: string | undefined): number {
  return choice === "none" ? Infinity : Number(choice || MAX_ITEMS.value);
}

function listed(all: readonly string[], word: Kind["word"], limit: number): CommandOutcome {
  const value = all.slice(0, limit);
  return {
    warning: value.length < all.length ? `the first ${limit} of ${all.length}` : undefined,
    result: {
      formType: ADMIN_NS,
      fields: [{ var: `${word}userjids`, type: "jid-multi", label: `The ${word} users`, value }],
    },
  };
}

async function accountsOf(host: AdminHost) {
  return await host.ask(listAccounts) ?? [];
}

/** Guests are no users: nothing about them lasts. */
function online(host: AdminHost, passes: (account: Account) => boolean = () => true): string[] {
  const found = [];
  for (const account of host.accounts()) {
    if (!account.guest && passes(account)) found.push(account.jid.bare);
  }
  return found.sort();
}

/** None of its clients has sent anything for a while. */
function isIdle(host: AdminHost, account: Account): boolean {
  const since = performance.now() - host.config.idle_after;
  return account.sessions.every((s) => s.stream === undefined || s.stream.lastInput < since);
}
