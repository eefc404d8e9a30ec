/**
 * Invitations: XEP-0401 (made from a client), XEP-0379 (they approve a contact), XEP-0445 (they let
 * somebody register), with a web page for who has no client yet.
 */

import * as v from "valibot";
import { defineModule } from "../lib/module.ts";
import {
  duration,
  flag,
  optionalSetting,
  secret,
  setting,
  wholeNumber,
} from "../lib/config/setting.ts";
import { accountDeleted } from "../lib/hooks/accounts.ts";
import { createInvitation, listInvitations, revokeInvitation } from "../lib/hooks/invitations.ts";
import { nameReserved } from "../lib/hooks/registration.ts";
import { Book } from "./invites/book.ts";
import { invitationCommands } from "./invites/commands.ts";
import { preApprove, preAuthenticate } from "./invites/redeem.ts";
import { migrations } from "./invites/table.ts";

const SWEEP_MS = 3_600_000;

const config = v.strictObject({
  contacts: setting(flag(), true, "Users may invite people to be their contacts."),
  accounts: setting(
    flag(),
    false,
    "With the invitations of users accounts can be made here too, not only with administrators'.",
  ),
  lifetime: setting(duration("1m", "365d"), "7d", "How long an invitation is good, if not said."),
  uses: setting(
    wholeNumber(1, 100_000),
    1000,
    "How often one invitation may be used at most; it is once if not said.",
  ),
  per_account: setting(
    wholeNumber(1, 100_000),
    20,
    "Open invitations of one user; administrators may have any number.",
  ),
  web_registration: setting(
    flag(),
    true,
    "The web page of an invitation has a form to make the account, for people without a client.",
  ),
  web_attempts: setting(
    wholeNumber(1, 10_000),
    20,
    "From one IP address (IPv6: one /64) in an hour: forms, wrong secrets, attempts that failed.",
  ),
  api_secret: optionalSetting(
    secret(),
    "a long random text",
    "Who knows it may make invitations over HTTP (POST /invite/api); without it nobody may.",
  ),
});

export default defineModule({
  name: "invites",
  description: "Invitations to become a contact or to make an account, with a web page",
  xeps: { "XEP-0379": "0.3.3", "XEP-0401": "0.6.0", "XEP-0445": "0.2.0" },
  config,
  migrations,
  setup(host) {
    const book = new Book(host);
    host.on(createInvitation, (request) => book.create(request));
    host.on(listInvitations, () => book.list());
    host.on(revokeInvitation, (id) => book.revoke(id));
    host.on(nameReserved, (account) => book.isReserved(account));
    host.on(accountDeleted, (account) => book.forget(account));
    host.every(SWEEP_MS, () => book.sweep());
    invitationCommands(host, book);
    preAuthenticate(host, book);
    preApprove(host, book);
    host.http.route(
      "/invite",
      async () => (await import("./invites/web.ts")).invitationPages(host, book),
      { bodyBytes: 16 << 10 },
    );
  },
});
