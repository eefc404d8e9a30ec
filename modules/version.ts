/** XEP-0092: Software Version. The operating system is told only if the operator wants it (§5). */

import * as v from "valibot";
import { defineModule } from "../lib/module.ts";
import { xml } from "../lib/xml/element.ts";
import { flag, setting } from "../lib/config/setting.ts";

const VERSION_NS = "jabber:iq:version";

export default defineModule({
  name: "version",
  description: "Tells the name and version of the server",
  xeps: { "XEP-0092": "1.1" },
  config: v.strictObject({
    os: setting(flag(), false, "Whether the operating system is told, too."),
  }),
  setup(host) {
    const { name, version } = host.server;
    host.feature(VERSION_NS);
    host.iq.get(VERSION_NS, "query", () =>
      xml(
        "query",
        VERSION_NS,
        {},
        xml("name", VERSION_NS, {}, name),
        xml("version", VERSION_NS, {}, version),
        host.config.os && xml("os", VERSION_NS, {}, Deno.build.os),
      ));
  },
});
