/**
 * Rosters (RFC 6121 §2). What clients say and hear about them is here; what keeps them answers the
 * hooks `roster.get`, `roster.set-item` and so on, as the `Keeper` does if no other module does.
 */

import * as v from "valibot";
import type { ModuleHost } from "../lib/module.ts";
import { defineModule, result } from "../lib/module.ts";
import { then } from "../lib/later.ts";
import { StanzaError } from "../lib/errors.ts";
import type { RosterItem } from "../lib/hooks/roster.ts";
import {
  rosterGet,
  rosterGetItem,
  rosterItemRemoved,
  rosterRemoveItem,
  rosterSetItem,
  rosterWipe,
} from "../lib/hooks/roster.ts";
import { rosterChange } from "../lib/hooks/roster_changes.ts";
import { accountDeleted } from "../lib/hooks/accounts.ts";
import { sessionBound, streamFeatures } from "../lib/hooks/streams.ts";
import { setting, wholeNumber } from "../lib/config/setting.ts";
import { xml } from "../lib/xml/element.ts";
import { Changes } from "./roster/changes.ts";
import { Keeper } from "./roster/keeper.ts";
import { NS_ROSTER, rosterElement } from "./roster/item.ts";
import { parseRequest } from "./roster/request.ts";
import type { RosterLimits } from "./roster/request.ts";
import { migrations } from "./roster/table.ts";

const NS_VERSIONING = "urn:xmpp:features:rosterver";

interface Settings extends RosterLimits {
  readonly items: number;
}

export default defineModule({
  name: "roster",
  description: "Rosters: the contacts of an account (RFC 6121 section 2), with versions.",
  xeps: { "XEP-0237": "1.3" },
  config: v.strictObject({
    items: setting(wholeNumber(1, 100_000), 2000, "Contacts in a roster."),
    name_length: setting(wholeNumber(1, 1023), 256, "Characters in a contact's name."),
    group_length: setting(wholeNumber(1, 1023), 256, "Characters in a group's name."),
    groups_per_item: setting(wholeNumber(0, 1000), 50, "Groups that one contact is in."),
  }),
  migrations,
  setup(host) {
    const changes = new Changes(host, host.config.items);
    serveClients(host, changes);
    keepRosters(host, changes);
  },
});

function serveClients(host: ModuleHost<Settings>, changes: Changes): void {
  host.on(streamFeatures, (features, negotiation) => {
    if (negotiation.account !== undefined) return [...features, xml("ver", NS_VERSIONING)];
  });

  host.on(
    rosterChange,
    (account, contact, change, kept) => changes.change(account, contact, change, kept),
  );

  host.iq.get(NS_ROSTER, "query", (iq, query) => {
    if (query.first() !== undefined) {
      throw new StanzaError("bad-request", { text: "a roster get has no items" });
    }
    return then(changes.open(iq.to!, host.session(iq.from!)), (roster) => {
      const current = roster.version !== "" && query.attrs.ver === roster.version;
      return current ? result() : result(rosterElement(roster));
    });
  }, "owner");

  host.iq.set(NS_ROSTER, "query", (iq, query) => {
    const account = iq.to!;
    const request = parseRequest(query, host.config);
    if (request.kind === "set") {
      const { contact, name, groups } = request;
      const edit = (item: RosterItem) => ({ ...item, name, groups, listed: true });
      return then(changes.change(account, contact, edit), () => result());
    }
    let removed: RosterItem | undefined;
    const remove = (item: RosterItem) => {
      // RFC 6121 §2.5.3 has this type, and not the one recommended elsewhere.
      if (!item.listed) throw new StanzaError("item-not-found", { type: "modify" });
      removed = item;
      return "remove" as const;
    };
    return then(
      changes.change(account, request.contact, remove),
      () => then(host.tell(rosterItemRemoved, account, removed!), () => result()),
    );
  }, "owner");
}

function keepRosters(host: ModuleHost<Settings>, changes: Changes): void {
  const keeper = new Keeper(host);
  host.on(sessionBound, (session) => then(host.ask(rosterGet, session.account.jid), () => {}));
  host.on(rosterGet, (account) => keeper.get(account));
  host.on(rosterGetItem, (account, contact) => keeper.getItem(account, contact.bare));
  host.on(rosterSetItem, (account, item) =>
    then(keeper.set(account, item), ({ before }) => {
      if (changes.isOurs(account)) return true;
      return then(changes.announce(account, before, item), () => true as const);
    }));
  host.on(
    rosterRemoveItem,
    (account, contact) =>
      then(keeper.remove(account, contact.bare), ({ before, done }) => {
        if (!done || changes.isOurs(account)) return done;
        return then(changes.announce(account, before, undefined), () => true);
      }),
  );
  host.on(rosterWipe, (account) =>
    then(keeper.wipe(account), async (items) => {
      const last = Number((await keeper.get(account)).version);
      let left = items.length;
      for (const item of items) {
        const version = String(last - --left);
        await changes.announce(account, item, undefined, undefined, version);
      }
      return true as const;
    }));
  host.on(accountDeleted, (account) => keeper.forget(account));
}
