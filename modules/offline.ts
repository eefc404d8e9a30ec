/**
 * XEP-0160: messages for accounts that are offline are kept, and delivered at the next login with the
 * time they came (XEP-0203); or fetched one by one (XEP-0013, see `offline/retrieval.ts`).
 *
 * A message is kept as the text it has on a client's stream, and goes out as that text with the delay
 * spliced in. It leaves the store only when the connection has taken it: a session that dies on the
 * way loses nothing. What an account has kept goes to one session at a time, so two logins at once
 * get nothing twice.
 */

import * as v from "valibot";
import { defineModule } from "../lib/module.ts";
import { bytes, duration, setting, wholeNumber } from "../lib/config/setting.ts";
import { StanzaError } from "../lib/errors.ts";
import { readDelay, withoutDelay } from "../lib/formats/delay.ts";
import { traitsOf } from "../lib/formats/message_traits.ts";
import { accountDeleted } from "../lib/hooks/accounts.ts";
import { presenceChanged } from "../lib/hooks/presence.ts";
import { messageOffline, stanzaFromClient } from "../lib/hooks/stanzas.ts";
import { offlineList, offlineRemove, offlineStore } from "../lib/hooks/storage.ts";
import { Replays } from "./offline/replay.ts";
import { flexibleRetrieval } from "./offline/retrieval.ts";
import { migrations, OfflineTable } from "./offline/table.ts";

const config = v.strictObject({
  quota: setting(wholeNumber(1, 1_000_000), 1000, "Messages kept per account."),
  quota_bytes: setting(
    bytes(64 << 10, 1 << 30),
    "8 MiB",
    "Size of all messages kept per account, counted in characters.",
  ),
  max_age: setting(
    duration("1h", "3650d", { off: true }),
    0,
    "Age at which messages are given up; 0 for never.",
  ),
});

export type OfflineConfig = v.InferOutput<typeof config>;

const SWEEP_MS = 3_600_000;

export default defineModule({
  name: "offline",
  description: "Keeps messages for accounts that are offline",
  xeps: {
    "XEP-0013": "1.3",
    "XEP-0160": "1.0.1",
    "XEP-0203": "2.0",
    "XEP-0334": "1.0.0",
  },
  config,
  migrations,
  setup(host) {
    const table = new OfflineTable(host);
    const replays = new Replays(host);

    host.feature("msgoffline");
    host.on(stanzaFromClient, (stanza) => {
      // Only we say what we have delayed (XEP-0203 §5).
      if (stanza.name === "message") return withoutDelay(stanza, host.domain);
    });
    host.on(messageOffline, async (message, account) => {
      // Its sender is told as of any other that could not be delivered (RFC 6121 §8.5.2.2.1).
      if (!traitsOf(message).offline) return undefined;
      // Kept before, handed to a session that could not pass it on, and now back.
      const stamp = readDelay(message, host.domain)?.stamp ?? Date.now();
      const stored = await host.ask(offlineStore, account, {
        stamp,
        from: message.from?.full ?? "",
        xml: withoutDelay(message, host.domain).wire(),
      });
      if (stored === undefined) return undefined;
      if (stored === "full") {
        throw new StanzaError("service-unavailable", { text: "no more messages can be kept" });
      }
      replays.arrived(account);
      return true;
    });
    host.on(presenceChanged, (session) => replays.presence(session));
    flexibleRetrieval(host, replays);

    host.on(offlineStore, (account, message) => table.store(account, message));
    host.on(offlineList, (account) => table.list(account));
    host.on(offlineRemove, (account, ids) => table.remove(account, ids));
    host.on(accountDeleted, (account) => table.wipe(account));
    if (host.config.max_age > 0) host.every(SWEEP_MS, () => table.sweep());
    host.onUnload(() => replays.stop());
  },
});
