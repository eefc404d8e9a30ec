/**
 * XEP-0202: Entity Time. The time zone told is always UTC: that of the machine would say where it
 * stands (§6).
 */

import { defineModule } from "../lib/module.ts";
import { xml } from "../lib/xml/element.ts";
import { formatDateTime } from "../lib/formats/datetime.ts";

const TIME_NS = "urn:xmpp:time";

export default defineModule({
  name: "time",
  description: "Tells the time of the server",
  xeps: { "XEP-0202": "2.0" },
  setup(host) {
    host.feature(TIME_NS);
    host.iq.get(TIME_NS, "time", () =>
      xml(
        "time",
        TIME_NS,
        {},
        // In digits, which every client can read; "Z" would be as right.
        xml("tzo", TIME_NS, {}, "+00:00"),
        xml("utc", TIME_NS, {}, formatDateTime(Date.now(), "s")),
      ));
  },
});
