/** XEP-0133 §4.23 to §4.28: announcements, the message of the day, the welcome. */

import type { CommandContext } from "../../lib/commands.ts";
import { accountDeleted, accountInfo } from "../../lib/hooks/accounts.ts";
import { presenceChanged } from "../../lib/hooks/presence.ts";
import type { Jid } from "../../lib/jid.ts";
import { type Account, slot } from "../../lib/session.ts";
import { message } from "../../lib/stanza.ts";
import { xml } from "../../lib/xml/element.ts";
import { NS } from "../../lib/ns.ts";
import { adminCommand, type AdminHost } from "./command.ts";
import type { TextKind } from "./texts.ts";
import { Texts } from "./texts.ts";

/** On an account: what it should see has been looked up since the last change. */
const lookedUp = slot<number>();

const SUBJECTS: Readonly<Record<TextKind, string>> = {
  motd: "Message of the day",
  welcome: "Welcome",
};

/** Tells all users who are online. The number of them. */
export function announce(host: AdminHost, text: string, subject = "Announcement"): number {
  const there = availableAccounts(host);
  host.fanOut(notice(host, subject, text), there.map((account) => account.jid));
  return there.length;
}

function availableAccounts(host: AdminHost): Account[] {
  return [...host.accounts()].filter((account) => account.available().length > 0);
}

function notice(host: AdminHost, subject: string, text: string, to?: Jid) {
  return message(
    { type: "headline", from: host.jid, to, id: crypto.randomUUID() },
    xml("subject", NS.client, {}, subject),
    xml("body", NS.client, {}, text),
  );
}

export async function announcementCommands(host: AdminHost): Promise<void> {
  const texts = new Texts(host.store, host.domain);
  await texts.load();
  const standing = new Standing(host, texts);
  host.on(presenceChanged, ({ account }, _presence, initial) => {
    if (initial && !texts.isEmpty) return standing.show(account);
  });
  host.on(accountDeleted, (account) => texts.forget(account.node));

  host.command({
    ...adminCommand("announce"),
    name: "Send an announcement to online users",
    fields: [
      { var: "subject", type: "text-single", label: "Subject" },
      { var: "announcement", type: "text-multi", label: "Announcement", required: true },
    ],
    run({ subject, announcement = "" }, { from }) {
      host.log.info("announcement sent", { by: from.bare });
      return `sent to users: ${announce(host, announcement, subject || undefined)}`;
    },
  });
  const current = (kind: TextKind) => () => [
    {
      var: kind,
      type: "text-multi",
      label: SUBJECTS[kind],
      value: texts.get(kind)?.text,
      required: true,
    } as const,
  ];
  const isSet = (kind: TextKind) => (_: CommandContext) => texts.get(kind) !== undefined;
  host.command({
    ...adminCommand("set-motd"),
    name: "Set the message of the day",
    instructions: "Everybody gets it once: who is online now, the others at their next login.",
    fields: [{ var: "motd", type: "text-multi", label: SUBJECTS.motd, required: true }],
    run: ({ motd = "" }) => standing.setMotd(motd),
  });
  host.command({
    ...adminCommand("edit-motd"),
    name: "Edit the message of the day",
    instructions: "Who has got it already does not get it again.",
    allowed: isSet("motd"),
    fields: current("motd"),
    run: ({ motd = "" }) => standing.edit("motd", motd),
  });
  host.command({
    ...adminCommand("delete-motd"),
    name: "Delete the message of the day",
    allowed: isSet("motd"),
    run: () => texts.remove("motd"),
  });
  host.command({
    ...adminCommand("set-welcome"),
    name: "Set the welcome message",
    instructions: "Accounts made from now on get it at their first login.",
    fields: current("welcome"),
    run: ({ welcome = "" }) => standing.edit("welcome", welcome),
  });
  host.command({
    ...adminCommand("delete-welcome"),
    name: "Delete the welcome message",
    allowed: isSet("welcome"),
    run: () => texts.remove("welcome"),
  });
}

class Standing {
  readonly #host: AdminHost;
  readonly #texts: Texts;
  /** Grows with every change of the texts. */
  #version = 1;

  constructor(host: AdminHost, texts: Texts) {
    this.#host = host;
    this.#texts = texts;
  }

  async setMotd(text: string): Promise<string> {
    const { set_at } = await this.#texts.set("motd", text);
    this.#version++;
    const there = availableAccounts(this.#host);
    // At once: who comes later gets it as who comes, and so nobody twice.
    announce(this.#host, text, SUBJECTS.motd);
    for (const account of there) lookedUp.set(account, this.#version);
    const nodes = there.filter((a) => !a.guest).map((a) => a.jid.node);
    await this.#texts.see(nodes, "motd", set_at);
    return `sent to users: ${there.length}`;
  }

  async edit(kind: TextKind, text: string): Promise<void> {
    await this.#texts.edit(kind, text);
    this.#version++;
  }

  /** An account has become available: what it has not seen is sent, once. */
  async show(account: Account): Promise<void> {
    if (account.guest || lookedUp.get(account) === this.#version) return;
    lookedUp.set(account, this.#version);
    const { node } = account.jid;
    for (const [kind, { text, set_at }] of await this.#texts.unseen(node)) {
      // Who was there before the welcome was written needs none.
      if (kind === "welcome" && !await this.#isNewer(account.jid, set_at)) continue;
      await this.#texts.see([node], kind, set_at);
      this.#host.fanOut(notice(this.#host, SUBJECTS[kind], text), [account.jid]);
    }
  }

  async #isNewer(account: Jid, time: number): Promise<boolean> {
    const info = await this.#host.ask(accountInfo, account);
    return info !== undefined && info !== "unknown" && (info.created ?? 0) >= time;
  }
}
