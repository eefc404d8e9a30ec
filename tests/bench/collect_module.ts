/**
 * A module for measuring: collects garbage when asked to. Memory can be compared only without it, and
 * an idle server takes its time about that. Anybody who is logged in may ask.
 */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { defineModule, result } from "../../lib/module.ts";
import { COLLECT_NS } from "./load/order.ts";

export default defineModule({
  name: "collect",
  description: "Collects garbage on demand, for measuring",
  setup(host) {
    setFlagsFromString("--expose-gc");
    const collect: (options: unknown) => void = runInNewContext("gc");
    host.iq.get(COLLECT_NS, "collect", () => {
      collect({ type: "major", execution: "sync", flavor: "last-resort" });
      return result();
    });
  },
});
