/** XEP-0478: Stream Limits Advertisement: the limits in force, in the features of each stream. */

import { defineModule } from "../lib/module.ts";
import { xml } from "../lib/xml/element.ts";
import { streamFeatures } from "../lib/hooks/streams.ts";

const LIMITS_NS = "urn:xmpp:stream-limits:0";

export default defineModule({
  name: "limits",
  description: "Announces the limits for stanzas and silence to clients",
  xeps: { "XEP-0478": "0.2.0" },
  setup(host) {
    host.on(streamFeatures, (features, negotiation) => {
      const { idleSeconds, stanzaBytes } = host.settings;
      const isLoggedIn = negotiation.account !== undefined;
      const bytes = isLoggedIn
        ? stanzaBytes
        : negotiation.server.config.limits.stanza_bytes_before_auth;
      // Before the login another clock runs (`c2s.auth_timeout`), which no traffic stops.
      const seconds = isLoggedIn ? idleSeconds : undefined;
      features.push(xml(
        "limits",
        LIMITS_NS,
        {},
        xml("max-bytes", LIMITS_NS, {}, String(bytes)),
        seconds !== undefined && xml("idle-seconds", LIMITS_NS, {}, String(Math.floor(seconds))),
      ));
    });
  },
});
