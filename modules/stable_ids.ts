/**
 * XEP-0359: Unique and Stable Stanza IDs: nobody but us gives ids in the name of our accounts.
 *
 * Ids are not stamped unless `stamp` is on: between two people they serve an archive, and an archive
 * stamps those it has given itself (see `lib/formats/stanza_id.ts`).
 */

import * as v from "valibot";
import { defineModule } from "../lib/module.ts";
import { flag, setting } from "../lib/config/setting.ts";
import {
  hasStanzaId,
  newStanzaId,
  stampStanzaId,
  STANZA_ID_NS,
  stripStanzaIds,
} from "../lib/formats/stanza_id.ts";
import { messageToAccount, stanzaFromClient } from "../lib/hooks/stanzas.ts";
import { parseJid } from "../lib/jid.ts";
import type { Stanza } from "../lib/stanza.ts";

const config = v.strictObject({
  stamp: setting(
    flag(),
    false,
    "Messages to accounts get an id, although no archive knows it.",
  ),
});

export default defineModule({
  name: "stable_ids",
  description: "Removes forged stanza ids",
  xeps: { "XEP-0359": "0.7.0" },
  config,
  setup(host) {
    const { domain } = host;
    const { stamp } = host.config;
    host.feature(STANZA_ID_NS);
    host.accountFeature(STANZA_ID_NS);

    // Whatever a client sends, neither the host nor one of its accounts has given it an id yet.
    const isOurs = (by: string | undefined) =>
      by === undefined || (parseJid(by)?.domain ?? domain) === domain;
    host.on(stanzaFromClient, (stanza) => {
      if (stanza.name !== "message" || !hasStanzaId(stanza)) return;
      return stripStanzaIds(stanza, isOurs);
    });

    // §3 rule 2, for what others send in an account's name.
    host.on(messageToAccount, (stanza, to) => {
      // Those of a room name the room: most of all ids, and nothing to look at twice.
      const room = stanza.from?.bare;
      const clean = hasStanzaId(stanza)
        ? stripStanzaIds(
          stanza,
          (by) => by === to.bare || (by !== room && parseJid(by ?? "")?.full === to.bare),
        )
        : stanza;
      return stamp && isStamped(clean) ? stampStanzaId(clean, to.bare, newStanzaId()) : clean;
    });
  },
});

/** Ids are for what one may want to refer to. */
function isStamped({ type }: Stanza): boolean {
  return type === undefined || type === "normal" || type === "chat";
}
