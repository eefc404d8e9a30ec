/**
 * XEP-0484: Fast Authentication Streamlining Tokens: a client that has logged in by other means is
 * given a token, and logs in by it from then on in one message.
 */

import * as v from "valibot";
import { defineModule, type ModuleHost } from "../lib/module.ts";
import {
  duration,
  file,
  list,
  oneOf,
  optionalSetting,
  setting,
  wholeNumber,
} from "../lib/config/setting.ts";
import { formatDateTime } from "../lib/formats/datetime.ts";
import { accountDeleted, accountExists, credentialsRevoked } from "../lib/hooks/accounts.ts";
import { accountClosing } from "../lib/hooks/closing.ts";
import { sasl2Inline } from "../lib/hooks/inline.ts";
import { clientRevoked, sasl2Mechanism, sasl2Success, tokenHolders } from "../lib/hooks/sasl2.ts";
import { Jid } from "../lib/jid.ts";
import type { Later } from "../lib/later.ts";
import { hmac } from "../lib/sasl/credentials.ts";
import { hashedToken, type TokenBinding } from "../lib/sasl/hashed_token.ts";
import type { Mechanism, SaslFailure } from "../lib/sasl/mechanism.ts";
import { slot } from "../lib/session.ts";
import type { Negotiation } from "../lib/stream/negotiation.ts";
import type { Element } from "../lib/xml/element.ts";
import { xml } from "../lib/xml/element.ts";
import { readKeyFile } from "./fast/keys.ts";
import { migrations, type TokenRow } from "./fast/table.ts";
import { type IssuedToken, Tokens } from "./fast/tokens.ts";

const FAST_NS = "urn:xmpp:fast:0";

const config = v.strictObject({
  mechanisms: setting(
    list(oneOf("HT-SHA-256-ENDP", "HT-SHA-256-NONE")),
    ["HT-SHA-256-ENDP", "HT-SHA-256-NONE"],
    "Mechanisms for tokens; -ENDP is bound to the server's certificate, -NONE to nothing.",
  ),
  lifetime: setting(
    duration("1m", "3650d"),
    "30d",
    "How long a token is good: a client that stays away for longer needs its password again.",
  ),
  rotation: setting(
    duration("0s", "3650d"),
    "1d",
    "Age from which a token is replaced when it is used.",
  ),
  clients: setting(
    wholeNumber(1, 1000),
    20,
    "Clients of an account that may hold a token; the one longest away gives way to one more.",
  ),
  key_file: optionalSetting(
    file(),
    "fast.key",
    "A file with at least 32 random characters, from which tokens are made. With it, a copy of the database is not enough to log in; without it, the key is in the database.",
  ),
});

type Host = ModuleHost<v.InferOutput<typeof config>>;

/** On a negotiation: the token that it was authenticated by. */
const proved = slot<TokenRow>();

/** What a client says about the token it logs in with (§3.4, §3.6). */
interface Use {
  readonly client: string | undefined;
  /** `"malformed"` if it is no number. */
  readonly count: number | undefined | "malformed";
  readonly invalidate: boolean;
}

const HOUR_MS = 3_600_000;

export default defineModule({
  name: "fast",
  description: "Gives clients tokens with which they log in again in one step (with sasl2)",
  xeps: { "XEP-0484": "0.2.0" },
  config,
  migrations,
  async setup(host) {
    const { key_file } = host.config;
    const key = key_file === undefined ? undefined : await readKeyFile(key_file);
    // The server's own secret is at hand only with a stream.
    const keyFor = (n: Negotiation) => key ?? hmac("SHA-256", n.server.pretendSecret, "fast key");
    const tokens = new Tokens(host);

    host.on(sasl2Inline, (inline, n) => {
      const names = offered(host, n).map((name) => xml("mechanism", FAST_NS, {}, name));
      return names.length === 0 ? undefined : [...inline, xml("fast", FAST_NS, {}, ...names)];
    });
    host.on(sasl2Mechanism, (n, mechanism, request) => {
      // What an attempt before this one has proved, perhaps for another account, is void.
      proved.set(n, undefined);
      const use = readUse(request);
      if (use === undefined || !offered(host, n).includes(mechanism)) return undefined;
      return makeMechanism(host, n, tokens, keyFor(n), mechanism, use);
    });
    host.on(sasl2Success, async (more, n, account, _mechanism, request) => {
      const token = await newToken(host, n, tokens, keyFor(n), account, request);
      if (token === undefined) return undefined;
      const attrs = { token: token.token, expiry: formatDateTime(token.expires, "s") };
      return [...more, xml("token", FAST_NS, attrs)];
    });

    host.on(tokenHolders, async (ids, account) => [...ids, ...await tokens.holders(account)]);
    host.on(clientRevoked, (account, client) => tokens.revoke(account, client));
    host.on(credentialsRevoked, (account) => tokens.revokeAll(account));
    for (const gone of [accountClosing, accountDeleted]) {
      host.on(gone, (account) => tokens.revokeAll(account));
    }
    host.every(HOUR_MS, () => tokens.clean());
  },
});

/** The mechanisms that can be had on this stream. */
function offered(host: Host, n: Negotiation): readonly string[] {
  const { mechanisms } = host.config;
  if (n.stream.transport.secure?.endPoint !== undefined) return mechanisms;
  return mechanisms.filter((name) => !name.endsWith("-ENDP"));
}

function readUse(request: Element): Use | undefined {
  const fast = request.child("fast", FAST_NS);
  if (fast === undefined) return undefined;
  const { count, invalidate } = fast.attrs;
  const id = request.child("user-agent")?.attrs.id;
  return {
    client: id?.toLowerCase(),
    count: count === undefined ? undefined : /^\d{1,10}$/.test(count) ? Number(count) : "malformed",
    invalidate: invalidate === "1" || invalidate === "true",
  };
}

function makeMechanism(
  host: Host,
  n: Negotiation,
  tokens: Tokens,
  key: Uint8Array,
  mechanism: string,
  { client, count, invalidate }: Use,
): Mechanism {
  const binding: TokenBinding = mechanism.endsWith("-ENDP") ? "ENDP" : "NONE";
  const data = binding === "ENDP" ? n.stream.transport.secure?.endPoint : undefined;
  const malformed = (text: string): SaslFailure => ({
    kind: "failure",
    condition: "malformed-request",
    text,
  });
  return hashedToken({
    binding: data ?? new Uint8Array(),
    async findToken(node, proves) {
      if (client === undefined) return malformed("a token is of one user agent");
      if (count === "malformed") return malformed("the count is a number");
      const use = { node, client, mechanism, count, invalidate, begun: n.loginBegun };
      const found = await tokens.use(key, use, proves);
      if ("kind" in found) return found;
      // It may have been deleted just now: its tokens are about to go.
      if (await host.ask(accountExists, Jid.of(node, host.domain)) !== true) {
        return { kind: "failure", condition: "not-authorized", node };
      }
      proved.set(n, found.row);
      return found;
    },
  });
}

/** What the client has asked for, or a new token in place of one that is old (§3.2, §3.5, §3.6). */
function newToken(
  host: Host,
  n: Negotiation,
  tokens: Tokens,
  key: Uint8Array,
  account: Jid,
  request: Element,
): Later<IssuedToken | undefined> {
  const client = n.login?.agent?.id;
  if (client === undefined || n.guest) return undefined;
  const wished = request.child("request-token", FAST_NS)?.attrs.mechanism;
  if (wished !== undefined && offered(host, n).includes(wished)) {
    return tokens.issue(key, account, client, wished, n.loginBegun);
  }
  const row = proved.get(n);
  if (row === undefined || readUse(request)?.invalidate === true || !tokens.due(row)) return;
  return tokens.issue(key, account, client, row.mechanism, n.loginBegun);
}
