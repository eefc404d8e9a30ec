/**
 * XEP-0133: Service Administration, as ad-hoc commands for the administrators of the configuration.
 * What is there depends on nothing but hooks, so it works with whatever keeps the accounts.
 */

import * as v from "valibot";
import { defineModule } from "../lib/module.ts";
import { duration, setting, wholeNumber } from "../lib/config/setting.ts";
import { accountCommands } from "./admin/accounts.ts";
import { announcementCommands } from "./admin/announcements.ts";
import { serviceCommands } from "./admin/service.ts";
import { migrations } from "./admin/texts.ts";
import { userCommands } from "./admin/users.ts";

const config = v.strictObject({
  list_items: setting(
    wholeNumber(1, 100_000),
    1000,
    "Addresses in one list of users, also where all are asked for.",
  ),
  idle_after: setting(
    duration("1s", "30d"),
    "10m",
    "Users from whose clients nothing has come for so long count as idle.",
  ),
});

export default defineModule({
  name: "admin",
  description: "Administration from a client: accounts, sessions, announcements, restart",
  xeps: { "XEP-0133": "1.3.1" },
  config,
  migrations,
  async setup(host) {
    accountCommands(host);
    userCommands(host);
    await announcementCommands(host);
    serviceCommands(host);
  },
});
