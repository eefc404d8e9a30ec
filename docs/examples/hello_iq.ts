/**
 * An example of a module from outside: the host answers one more kind of IQ.
 *
 * ```toml
 * [modules]
 * hello = { source = "docs/examples/hello_iq.ts", greeting = "Good morrow" }
 * ```
 */

import * as v from "valibot";
import { defineModule, result } from "../../lib/module.ts";
import { setting, text } from "../../lib/config/setting.ts";
import { StanzaError } from "../../lib/errors.ts";
import { xml } from "../../lib/xml/element.ts";

const HELLO_NS = "urn:example:hello";

export default defineModule({
  name: "hello",
  description: "Greets whoever says hello",
  config: v.strictObject({
    greeting: setting(text("a greeting"), "Hello", "What is said before the name."),
  }),
  setup(host) {
    host.feature(HELLO_NS);
    host.iq.get(HELLO_NS, "hello", (iq, hello) => {
      if (hello.text() !== "") throw new StanzaError("bad-request", { text: "hello and no more" });
      return result(xml("hello", HELLO_NS, {}, `${host.config.greeting}, ${iq.from!.node}!`));
    });
  },
});
