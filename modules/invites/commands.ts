/** XEP-0401: invitations made from a client. */

import type { CommandOutcome } from "../../lib/commands.ts";
import { formatDateTime } from "../../lib/formats/datetime.ts";
import type { NewInvitation } from "../../lib/hooks/invitations.ts";
import type { Book, InvitesHost } from "./book.ts";

const INVITE_NS = "urn:xmpp:invite";

export function invitationCommands(host: InvitesHost, book: Book): void {
  host.command({
    node: `${INVITE_NS}#invite`,
    name: "Invite somebody to be your contact",
    for: "user",
    allowed: ({ isAdmin }) => isAdmin || host.config.contacts,
    run: async (_, { from, isAdmin }) =>
      shown(
        await book.create({
          contact: from.toBare(),
          register: book.registers && (isAdmin || host.config.accounts),
          by: from.bare,
        }),
      ),
  });
  host.command({
    node: `${INVITE_NS}#create-account`,
    name: "Invite somebody to make an account",
    for: "admin",
    allowed: () => book.registers,
    fields: [
      { var: "username", type: "text-single", label: "Name of the account, if it is given" },
      {
        var: "roster-subscription",
        type: "boolean",
        label: "You and the new user become contacts",
        value: false,
      },
    ],
    async run({ username, "roster-subscription": subscribe }, { from }) {
      return shown(
        await book.create({
          username: username || undefined,
          contact: subscribe === true ? from.toBare() : undefined,
          register: true,
          by: from.bare,
        }),
      );
    },
  });
}

/** §12.1 calls the last field another name than the examples do; clients go by these. */
function shown({ uri, url, expires }: NewInvitation): CommandOutcome {
  return {
    result: {
      formType: `${INVITE_NS}#invitation`,
      fields: [
        { var: "uri", type: "text-single", label: "Invitation", value: uri },
        ...url === undefined
          ? []
          : [{ var: "landing-url", type: "text-single", label: "Web page", value: url } as const],
        {
          var: "expire",
          type: "text-single",
          label: "Good until",
          value: formatDateTime(expires, "s"),
        },
      ],
    },
  };
}
