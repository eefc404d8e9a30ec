/** XEP-0157: Contact Addresses for XMPP Services, in the service discovery of the host. */

import * as v from "valibot";
import { defineModule } from "../lib/module.ts";
import { list, setting, value } from "../lib/config/setting.ts";
import { form } from "../lib/formats/form.ts";
import { discoInfo } from "../lib/hooks/disco.ts";

const SERVERINFO_NS = "http://jabber.org/network/serverinfo";

const addresses = (what: string) =>
  setting(
    list(value<string>(
      'a URI such as "mailto:admin@example.org"',
      (x) => typeof x === "string" && URL.canParse(x),
    )),
    [],
    `Where to write about ${what}: URIs (mailto:, xmpp:, https:).`,
  );

const config = v.strictObject({
  abuse: addresses("abusive traffic"),
  admin: addresses("the server's administration"),
  feedback: addresses("praise and complaints"),
  sales: addresses("sales and marketing"),
  security: addresses("matters of security"),
  status: addresses("the state of the service (https: pages)"),
  support: addresses("help for users"),
});

export default defineModule({
  name: "contact",
  description: "Tells how to reach the people behind the server",
  xeps: { "XEP-0157": "1.1.1" },
  config,
  setup(host) {
    const fields = Object.entries(host.config).filter(([, uris]) => uris.length > 0);
    if (fields.length === 0) return;
    const contact = form({
      type: "result",
      formType: SERVERINFO_NS,
      fields: fields.map(([kind, uris]) => ({
        var: `${kind}-addresses`,
        type: "list-multi",
        value: uris,
      })),
    });
    host.on(discoInfo, (info, target) => {
      if (target.node === "" && target.domain === host.domain) info.forms.push(contact);
    });
  },
});
