/** Confab, an XMPP server: the command line. `--help` lists the commands. */

import { main } from "./lib/cli/main.ts";
import { builtin } from "./modules/index.ts";

if (import.meta.main) Deno.exit(await main(Deno.args, builtin));
